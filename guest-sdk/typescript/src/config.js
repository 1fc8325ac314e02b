/** Configuration values of the function (`wasi:config`), read-only. */

import { payload, platform } from "./platform.js";

/** What a test configures; without effect in a component. */
export const values = new Map();

export async function get(key) {
  const known = platform();
  if (known === null) return values.get(key);
  return attempt(() => known.config.get(key)) ?? undefined;
}

export async function getAll() {
  const known = platform();
  if (known === null) return Object.fromEntries(values);
  return Object.fromEntries(attempt(() => known.config.getAll()));
}

function attempt(action) {
  try {
    return action();
  } catch (error) {
    const why = payload(error)?.val;
    throw why === undefined ? error : new Error(`the configuration could not be read: ${why}`);
  }
}
