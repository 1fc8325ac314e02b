/** The platform's interfaces, put here by the component that is built; natively there are none. */

let interfaces = null;

export function setPlatform(given) {
  interfaces = given;
}

export function platform() {
  return interfaces;
}

/** The platform refused; `code` says why in a word. */
export class PlatformError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "PlatformError";
    this.code = code;
  }

  get status() {
    const known = { "not-found": 404, "already-exists": 409, ended: 410, invalid: 400, unavailable: 503 };
    return known[this.code] ?? 500;
  }
}

const SAID = {
  "not-found": "there is no such instance or function",
  "already-exists": "an instance of that id exists and has not ended",
  ended: "the instance has ended",
};

/** What an import threw, in whatever wrapping the engine gives it. */
export function payload(error) {
  return error !== null && typeof error === "object" && error.payload !== undefined
    ? error.payload
    : error;
}

/** Calls a function of the platform; its errors are thrown as `PlatformError`. */
export function ask(name, method, ...args) {
  if (interfaces === null) {
    const message = "the platform is there in a component only; give a test what it would answer";
    throw new PlatformError("unavailable", message);
  }
  try {
    return interfaces[name][method](...args);
  } catch (error) {
    const found = payload(error);
    const tag = typeof found === "string" ? found : found?.tag;
    if (tag === undefined) throw error;
    throw new PlatformError(tag, found.val ?? SAID[tag] ?? tag);
  }
}

/** A number as the engine takes it for `u64`. */
export function u64(value) {
  return interfaces?.bigint ? BigInt(value) : Number(value);
}
