/** Entities: small pieces of state with operations that run one after another. */

import { Failure } from "./failure.js";
import { fromJson, readInput, toJson, writeOutput } from "./json.js";
import { nameOf, register } from "./function.js";
import { ask } from "./platform.js";

/** Names an entity of the same app: the name is that of the function, the key is free. */
export class EntityId {
  constructor(name, key) {
    this.name = nameOf(name).toLowerCase();
    this.key = key;
  }

  toString() {
    return `@${this.name}@${this.key}`;
  }
}

/** Makes an entity of what its state begins as, and of its operations. */
export function entity(name, { initial, operations }) {
  return register({ kind: "entity", name, initial, operations, id: (key) => new EntityId(name, key) });
}

/** What an operation may ask for. */
class Operation {
  destroyed = false;
  #outbox;

  constructor(key, name, outbox) {
    this.key = key;
    this.name = name;
    this.#outbox = outbox;
  }

  destroy() {
    this.destroyed = true;
  }

  signal(entity, operation, input, { at } = {}) {
    const atMs = at === undefined ? null : at.getTime();
    this.#outbox.signal(String(entity), operation, toJson(input), atMs);
  }

  start(orchestrator, input, { instanceId = null } = {}) {
    return this.#outbox.start(nameOf(orchestrator), toJson(input), instanceId);
  }
}

/** Runs one operation from JSON to JSON: the new state, or nothing, and the answer. */
export function operate(made, state, key, name, text, outbox) {
  const code = Object.hasOwn(made.operations, name) ? made.operations[name] : undefined;
  if (code === undefined) {
    if (name === "delete") return { state: null, answer: "null" };
    throw Failure.permanent("unknown-operation", `the entity has no operation ${name}`);
  }
  const current = state === null || state === undefined ? made.initial() : fromJson(state);
  const operation = new Operation(key, name, outbox);
  const value = code.call(made.operations, current, readInput(text), operation);
  if (typeof value?.then === "function") {
    const message = `the operation ${name} of ${made.name} is async; entities have nothing to await`;
    throw Failure.permanent("not-durable", message);
  }
  const answer = writeOutput(value);
  return { state: operation.destroyed ? null : toJson(current), answer };
}

/** Sends an operation to an entity; when this is done, it is on disk. */
export async function signal(entity, operation, input, { at } = {}) {
  const atMs = at === undefined ? null : at.getTime();
  ask("entityClient", "signal", String(entity), operation, toJson(input), atMs);
}

/** The state of an entity, or nothing. */
export async function state(entity) {
  const text = ask("entityClient", "getState", String(entity));
  return text === null || text === undefined ? undefined : fromJson(text);
}
