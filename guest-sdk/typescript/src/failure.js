/** Why a function failed, as callers and retry policies see it. */
export class Failure extends Error {
  static INVALID_INPUT = "invalid-input";
  static INVALID_OUTPUT = "invalid-output";

  constructor(kind, message, { retryable = false, details } = {}) {
    super(message);
    this.name = "Failure";
    this.kind = kind;
    this.retryable = retryable;
    this.details = details;
  }

  static permanent(kind, message, details) {
    return new Failure(kind, message, { retryable: false, details });
  }

  static transient(kind, message, details) {
    return new Failure(kind, message, { retryable: true, details });
  }

  /** The failure that a thrown value is for those who called the function. */
  static of(error) {
    if (error instanceof Failure) return error;
    if (error instanceof Error) {
      const details = { stack: stackOf(error) };
      const message = error.message || error.name;
      return new Failure(error.name || "Error", message, { retryable: true, details });
    }
    return new Failure("Error", String(error), { retryable: true });
  }

  static ofWit({ kind, message, retryable, details }) {
    return new Failure(kind, message, { retryable, details: parsed(details) });
  }

  toWit() {
    let details = null;
    if (this.details !== undefined && this.details !== null) {
      try {
        details = JSON.stringify(this.details);
      } catch {
        details = JSON.stringify(String(this.details));
      }
    }
    return { kind: this.kind, message: this.message, retryable: this.retryable, details };
  }
}

function parsed(text) {
  if (text === undefined || text === null) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The stack in the lines of the sources, which the build leaves as a table of the bundle's. */
export function stackOf(error) {
  const stack = String(error.stack ?? "").trim();
  const head = `${error.name}: ${error.message}`;
  const whole = stack.startsWith(head) ? stack : `${head}\n${stack}`.trim();
  const table = globalThis.__weftLines;
  if (!table) return whole;
  const lines = [];
  for (const line of whole.split("\n")) {
    const found = /:(\d+)(?::\d+)?\)?\s*$/.exec(line);
    if (!found) {
      lines.push(line);
      continue;
    }
    const place = table.lines[Number(found[1]) - 1];
    // Lines of this package tell their reader nothing.
    if (!place) continue;
    const from = line.lastIndexOf("(") >= 0 ? line.slice(0, line.lastIndexOf("(") + 1) : "    at ";
    lines.push(`${from}${table.files[place[0]]}:${place[1]}${from.endsWith("(") ? ")" : ""}`);
  }
  return lines.join("\n");
}
