/** Functions of a component: what makes them, and the table of those that exist. */

import { Failure } from "./failure.js";

/** Every function of the component, in the order in which they were made. */
export const FUNCTIONS = new Map();

const NAME = /^[a-z0-9-]{1,63}$/;

export function register(made) {
  if (!NAME.test(made.name)) {
    const rule = "it must match [a-z0-9-]{1,63}";
    throw new TypeError(`${JSON.stringify(made.name)} cannot be a function's name: ${rule}`);
  }
  FUNCTIONS.delete(made.name);
  FUNCTIONS.set(made.name, made);
  return made;
}

export function find(name, kind) {
  const found = FUNCTIONS.get(name);
  if (found?.kind !== kind) {
    throw Failure.permanent("not-found", `this component holds no function named ${name}`);
  }
  return found;
}

/** A function that is called from here as the code that it is. */
function callable(kind, named, code) {
  if (typeof code !== "function") throw new TypeError(`the ${kind} needs a function`);
  const options = typeof named === "string" ? { name: named } : named;
  const made = (...args) => code(...args);
  for (const [key, value] of Object.entries({ ...options, kind, code })) {
    Object.defineProperty(made, key, { value, enumerable: true });
  }
  return register(made);
}

/** Ordinary code with side effects, run at least once for each call. */
export function activity(named, code) {
  return callable("activity", named, code);
}

/** Deterministic code that sequences the calls of others. */
export function orchestrator(named, code) {
  return callable("orchestrator", named, code);
}

export function nameOf(made) {
  return typeof made === "string" ? made : made.name;
}
