/**
 * Runs functions natively, without a node and without waiting.
 *
 * No time passes: where the orchestrator waits, the clock jumps to what happens next. After the run
 * it is run once more from what was recorded, as the platform does after a crash; code that then
 * asks for something else is found here instead of in production.
 */

import * as config from "../config.js";
import * as blob from "../blob.js";
import * as kv from "../kv.js";
import { executeNatively } from "../context.js";
import { operate } from "../entity.js";
import { Failure } from "../failure.js";
import { nameOf } from "../function.js";
import { fromJson, readInput, toJson, writeOutput } from "../json.js";
import { millis } from "../retry.js";
import { Diverged, Replay } from "./recording.js";
import { Simulation, WaitsForEver } from "./simulation.js";

export { Diverged, WaitsForEver };

/** How often an orchestration may continue as new before it is taken for an endless loop. */
const EXECUTIONS_MAX = 1000;

export class Orchestration {
  #made;
  #input;
  #simulation = new Simulation();

  constructor(orchestrator, input) {
    this.#made = orchestrator;
    this.#input = toJson(input);
  }

  activity(activity, does, { taking = 0 } = {}) {
    const parse = typeof activity === "string" ? undefined : activity.parse;
    const code = does ?? activity.code;
    return this.#add("activity", activity, code, parse, millis(taking));
  }

  subOrchestration(orchestrator, does) {
    return this.#add("child", orchestrator, does, undefined, 0);
  }

  entity(made) {
    this.#simulation.kinds.set(made.name, made);
    return this;
  }

  event(name, payload, { after = 0 } = {}) {
    this.#simulation.expectEvent(name, toJson(payload), millis(after));
    return this;
  }

  /** Runs it to its end, and once more from what was recorded. */
  async run() {
    let text = this.#input;
    for (let restarts = 0; restarts < EXECUTIONS_MAX; restarts += 1) {
      const outcome = await this.#execute(this.#simulation, text);
      if (this.#simulation.fault !== null) throw this.#simulation.fault;
      const replay = new Replay(this.#simulation.recording);
      const again = await this.#execute(replay, text);
      if (replay.diverged !== null) throw replay.diverged;
      replay.checkEnd();
      if (toJson(outcome) !== toJson(again)) {
        throw new Diverged(`the run ended with ${toJson(outcome)}, its replay with ${toJson(again)}`);
      }
      const following = this.#simulation.nextExecution();
      if (following === null) return this.#report(outcome, restarts);
      text = following;
    }
    throw new Error(`the orchestration continued as new ${EXECUTIONS_MAX} times`);
  }

  async #execute(engine, text) {
    const drained = () => new Promise((resolve) => setImmediate(resolve));
    try {
      return { result: fromJson(await executeNatively(engine, this.#made, text, drained)) };
    } catch (error) {
      const { kind, message, retryable, details } = Failure.of(error);
      return { failure: new Failure(kind, message, { retryable, details }) };
    }
  }

  #report({ result, failure }, restarts) {
    const { calls, statuses, sent, elapsedMs } = this.#simulation;
    return { result, failure, calls, names: calls.map(({ name }) => name), statuses, sent, elapsedMs, restarts };
  }

  #add(kind, of, code, parse, durationMs) {
    const run = async (text, call) => writeOutput(await code(readInput(text, parse), call));
    this.#simulation.callees.set(`${kind} ${nameOf(of)}`, { run, durationMs });
    return this;
  }
}

/** An entity whose operations run natively. */
export class EntityUnderTest {
  #made;
  #state = null;
  sent = [];

  constructor(made, key = "test") {
    this.#made = made;
    this.key = key;
  }

  get state() {
    return this.#state === null ? undefined : fromJson(this.#state);
  }

  operate(operation, input) {
    const sent = [];
    const outbox = {
      signal: (entity, name, text) => sent.push([entity, name, fromJson(text)]),
      start: (name, text, id) => {
        sent.push([name, "start", fromJson(text)]);
        return id ?? `started-${sent.length}`;
      },
    };
    try {
      const done = operate(this.#made, this.#state, this.key, operation, toJson(input), outbox);
      this.#state = done.state;
      this.sent.push(...sent);
      return fromJson(done.answer);
    } catch (error) {
      throw Failure.of(error);
    }
  }
}

/** Empties storage and configuration, as before each test. */
export function clear() {
  blob.clear();
  kv.clear();
  config.values.clear();
}
