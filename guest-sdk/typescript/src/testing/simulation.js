/**
 * The simulated world: a clock, what will happen, and the tasks of one execution.
 *
 * Completions become visible in `waitAny` alone, one at a time and only while nothing that is
 * waited for is ready, as on the platform; what happens at the same time happens in the order in
 * which it was planned.
 */

import { operate } from "../entity.js";
import { Failure } from "../failure.js";
import { fromJson } from "../json.js";
import { INSTANCE_ID, Recorder, Recording } from "./recording.js";

/** 2026-01-01T00:00:00Z, where simulated time begins. */
const START_MS = 1_767_225_600_000;

/** The orchestration waits for what never comes. */
export class WaitsForEver extends Error {
  constructor(message) {
    super(message);
    this.name = "WaitsForEver";
  }
}

export class Simulation extends Recorder {
  recording = new Recording(START_MS);
  elapsedMs = 0;
  callees = new Map();
  kinds = new Map();
  calls = [];
  statuses = [];
  sent = [];
  /** What is wrong with the test. */
  fault = null;
  #states = new Map();
  #planned = [];
  #plans = 0;
  #buffered = [];
  #waiting = new Map();
  #restart = null;
  #execution = 0;

  expectEvent(name, payload, afterMs) {
    if (afterMs === 0) this.#buffered.push({ name, payload });
    else this.#plan(afterMs, () => this.#arrive(name, payload));
  }

  /** The input of the execution that continues this one, where there is one. */
  nextExecution() {
    if (this.#restart === null) return null;
    const { input, keepEvents } = this.#restart;
    this.#restart = null;
    if (!keepEvents) this.#buffered = [];
    this.#waiting.clear();
    this.#execution += 1;
    this.recording = new Recording(START_MS + this.elapsedMs);
    return input;
  }

  async waitAny(tasks) {
    for (;;) {
      const first = this.recording.firstOf(tasks);
      if (first >= 0) return first;
      const next = this.#planned.shift();
      if (next === undefined) {
        const waits = [...this.#waiting.values()].map(({ name, kind }) => name ?? kind);
        throw this.#wrong(new WaitsForEver(`the orchestration waits for ever, for ${waits.join(", ")}`));
      }
      this.elapsedMs = Math.max(this.elapsedMs, next.at);
      await next.happen();
    }
  }

  setCustomStatus(status) {
    this.statuses.push(fromJson(status));
  }

  isReplaying() {
    return false;
  }

  #wrong(fault) {
    this.fault ??= fault;
    return this.fault;
  }

  #plan(at, happen) {
    this.#plans += 1;
    this.#planned.push({ at, order: this.#plans, happen });
    this.#planned.sort((a, b) => a.at - b.at || a.order - b.order);
  }

  begin(command, details) {
    const task = this.recording.begin(command);
    this.#waiting.set(task, details);
    if (details.kind === "activity" || details.kind === "child") {
      details.since = this.elapsedMs;
      this.#later(0, task, () => this.#attempt(task, details, 1));
    } else if (details.kind === "timer") {
      this.#later(details.delayMs, task, () => this.#complete(task, "null"));
    } else if (details.kind === "entity") {
      this.#later(0, task, () => this.#complete(task, this.#operation(details)));
    } else {
      const at = this.#buffered.findIndex(({ name }) => same(name, details.name));
      if (at >= 0) this.#complete(task, this.#buffered.splice(at, 1)[0].payload, true);
    }
    return task;
  }

  /** What happens to a task, unless it is over by then or belongs to an earlier execution. */
  #later(delayMs, task, happen) {
    const execution = this.#execution;
    this.#plan(this.elapsedMs + delayMs, () => {
      if (this.#waiting.has(task) && execution === this.#execution) return happen();
      return undefined;
    });
  }

  act(command, details) {
    this.recording.commands.push(command);
    if (details.kind === "cancel") this.#waiting.delete(details.task);
    else if (details.kind === "restart") this.#restart = details;
    else if (details.kind === "send") {
      const { target, name, input } = details;
      this.sent.push({ instanceId: target, name, payload: fromJson(input) });
    } else if (details.kind === "signal") {
      const at = details.atMs === null ? 0 : details.atMs - START_MS;
      this.#plan(Math.max(this.elapsedMs, at), () => this.#operation(details));
    }
  }

  #complete(task, result, atOnce = false) {
    if (this.#waiting.delete(task)) {
      this.recording.completions.push({ task, result, atMs: START_MS + this.elapsedMs, atOnce });
    }
  }

  #arrive(name, payload) {
    for (const [task, details] of this.#waiting) {
      if (details.kind === "event" && same(details.name, name)) {
        this.#complete(task, payload);
        return;
      }
    }
    this.#buffered.push({ name, payload });
  }

  async #attempt(task, details, attempt) {
    const { kind, name, input, retry } = details;
    const callee = this.callees.get(`${kind} ${name}`);
    if (callee === undefined) {
      throw this.#wrong(new Error(`the orchestrator calls the ${kind} ${name}: say what it does`));
    }
    this.calls.push({ name, input: fromJson(input), attempt, atMs: this.elapsedMs });
    const call = { instanceId: INSTANCE_ID, idempotencyKey: `${INSTANCE_ID}:${task}`, attempt };
    let result;
    try {
      result = await callee.run(input, call);
    } catch (error) {
      result = Failure.of(error);
    }
    const took = callee.durationMs;
    const wait = pause(result, retry, attempt, this.elapsedMs + took - details.since);
    if (wait === null) this.#later(took, task, () => this.#complete(task, result));
    else this.#later(took + wait, task, () => this.#attempt(task, details, attempt + 1));
  }

  #operation({ name, operation, input }) {
    const [, entity, key] = name.split("@");
    const made = this.kinds.get(entity);
    if (made === undefined) {
      throw this.#wrong(new Error(`the orchestrator uses the entity ${entity}: give it to the test`));
    }
    const ignored = { signal() {}, start: (_name, _input, id) => id ?? "started" };
    try {
      const before = this.#states.get(name) ?? null;
      const { state, answer } = operate(made, before, key, operation, input, ignored);
      this.#states.set(name, state);
      return answer;
    } catch (error) {
      return Failure.of(error);
    }
  }
}

function same(a, b) {
  return a.toLowerCase() === b.toLowerCase();
}

/** How long the platform waits before the next attempt, or `null` where there is none. */
function pause(result, retry, attempt, elapsedMs) {
  if (!retry || !(result instanceof Failure)) return null;
  const over = attempt >= retry.maxAttempts || retry.nonRetryableKinds.includes(result.kind);
  if (over || !result.retryable) return null;
  const growing = retry.firstIntervalMs * retry.coefficient ** (attempt - 1);
  const wait = Math.min(growing, retry.maxIntervalMs ?? Infinity);
  return elapsedMs + wait > (retry.totalTimeoutMs ?? Infinity) ? null : wait;
}
