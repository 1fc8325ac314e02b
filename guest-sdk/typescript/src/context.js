/** What an orchestrator can do, and what drives it. */

import { Failure } from "./failure.js";
import { fromJson, readInput, toJson, writeOutput } from "./json.js";
import { nameOf } from "./function.js";
import { millis, policy } from "./retry.js";

/** Ends an execution that continues as new. */
class Continued extends Error {}

/** Something of the platform's that will be done. It can be awaited any number of times. */
export class Task {
  #execution;
  #cancels;
  #promise = null;
  #done = false;

  constructor(execution, number, cancels = false) {
    this.#execution = execution;
    this.number = number;
    this.#cancels = cancels;
  }

  #settled() {
    this.#promise ??= new Promise((resolve, reject) => {
      const take = () => {
        this.#done = true;
        try {
          resolve(fromJson(this.#execution.engine.result(this.number)));
        } catch (error) {
          reject(error);
        }
      };
      if (this.#execution.engine.isReady(this.number)) take();
      else this.#execution.waiting.set(this.number, take);
    });
    return this.#promise;
  }

  then(onFulfilled, onRejected) {
    return this.#settled().then(onFulfilled, onRejected);
  }

  catch(onRejected) {
    return this.#settled().catch(onRejected);
  }

  finally(action) {
    return this.#settled().finally(action);
  }

  get [Symbol.toStringTag]() {
    return "Task";
  }

  /** Cancels a timer, or stops waiting for an event. Anything else goes on. */
  cancel() {
    if (this.#cancels && !this.#done) {
      this.#execution.waiting.delete(this.number);
      this.#execution.engine.cancel(this.number);
    }
  }
}

/** One execution of an orchestrator. */
class Execution {
  continued = false;
  outcome = null;
  /** What takes the result of each durable task that somebody waits for. */
  waiting = new Map();

  constructor(engine) {
    this.engine = engine;
  }

  begin(made, text) {
    const ctx = new Context(this);
    const run = () => made.code(ctx, readInput(text, made.parse));
    new Promise((resolve) => resolve(run())).then(
      (value) => (this.outcome = { value }),
      (error) => (this.outcome = { error }),
    );
  }

  get isOver() {
    return this.outcome !== null || this.continued;
  }

  /** What is waited for, in the order in which it was started; over where that is nothing. */
  waits() {
    const numbers = [...this.waiting.keys()].sort((a, b) => a - b);
    if (numbers.length === 0) {
      const message =
        "the orchestrator waits for nothing that could happen: await what its context makes, and " +
        "promises of that; other work belongs into an activity";
      this.outcome = { error: Failure.permanent("not-durable", message) };
    }
    return numbers;
  }

  /** Goes on with what was done first. */
  take(number) {
    const take = this.waiting.get(number);
    this.waiting.delete(number);
    take();
  }

  end() {
    // The platform starts over and looks at no result.
    if (this.continued) return "null";
    if ("error" in this.outcome) throw Failure.of(this.outcome.error);
    return writeOutput(this.outcome.value);
  }
}

/** Runs an orchestrator where `drain` runs all promises that can go on. */
export function execute(engine, made, text, drain) {
  const execution = new Execution(engine);
  execution.begin(made, text);
  for (drain(); !execution.isOver; drain()) {
    const numbers = execution.waits();
    if (numbers.length > 0) execution.take(numbers[engine.waitAny(numbers)]);
  }
  return execution.end();
}

/** The same where only the engine itself can do so. */
export async function executeNatively(engine, made, text, drained) {
  const execution = new Execution(engine);
  execution.begin(made, text);
  for (await drained(); !execution.isOver; await drained()) {
    const numbers = execution.waits();
    if (numbers.length > 0) execution.take(numbers[await engine.waitAny(numbers)]);
  }
  return execution.end();
}

export class Context {
  #execution;
  #engine;

  constructor(execution) {
    this.#execution = execution;
    this.#engine = execution.engine;
  }

  call(activity, input, { retry } = {}) {
    const name = nameOf(activity);
    return this.#task(this.#engine.callActivity(name, toJson(input), policy(retry)));
  }

  callOrchestrator(orchestrator, input, { instanceId = null, retry } = {}) {
    const name = nameOf(orchestrator);
    const text = toJson(input);
    return this.#task(this.#engine.callSubOrchestrator(name, text, instanceId, policy(retry)));
  }

  sleep(duration) {
    return this.#task(this.#engine.createTimer(millis(duration)), true);
  }

  event(name) {
    return this.#task(this.#engine.waitForEvent(name), true);
  }

  async timeout(duration, task) {
    const timer = this.sleep(duration);
    const late = {};
    const result = await Promise.race([task, timer.then(() => late)]);
    if (result === late) {
      task.cancel?.();
      return undefined;
    }
    timer.cancel();
    return result;
  }

  sendEvent(instanceId, name, payload) {
    this.#engine.sendEvent(instanceId, name, toJson(payload));
  }

  callEntity(entity, operation, input) {
    return this.#task(this.#engine.callEntity(String(entity), operation, toJson(input)));
  }

  signalEntity(entity, operation, input, { at } = {}) {
    const atMs = at === undefined ? null : at.getTime();
    this.#engine.signalEntity(String(entity), operation, toJson(input), atMs);
  }

  async lock(entities, action) {
    const number = this.#engine.lock(entities.map(String));
    await this.#task(number);
    try {
      return await action();
    } finally {
      this.#engine.unlock(number);
    }
  }

  continueAsNew(input, { keepEvents = true } = {}) {
    this.#engine.continueAsNew(toJson(input), keepEvents);
    this.#execution.continued = true;
    throw new Continued("the orchestration continues as new");
  }

  setStatus(status) {
    this.#engine.setCustomStatus(toJson(status));
  }

  get now() {
    return new Date(this.#engine.nowMs());
  }

  newGuid() {
    return this.#engine.newGuid();
  }

  get isReplaying() {
    return this.#engine.isReplaying();
  }

  get instanceId() {
    return this.#engine.instanceId();
  }

  log(message) {
    if (!this.isReplaying) console.log(message);
  }

  #task(number, cancels = false) {
    return new Task(this.#execution, number, cancels);
  }
}
