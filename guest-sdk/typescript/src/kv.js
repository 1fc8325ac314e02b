/**
 * Key-value storage (`wasi:keyvalue`). Natively the buckets live in memory, so that tests of
 * activities need no node.
 */

import { fromJson, toJson } from "./json.js";
import { payload, platform, u64 } from "./platform.js";
import { decodeUtf8, encodeUtf8 } from "./utf8.js";

const memory = new Map();

/** Empties the buckets in memory, as before each test. */
export function clear() {
  memory.clear();
}

/** The storage did not do what it was asked; `code` says why in a word. */
export class KvError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "KvError";
    this.code = code;
  }
}

export async function open(name = "default") {
  const known = platform();
  return known === null ? new InMemory(name) : new OfPlatform(known, name);
}

class Bucket {
  async getJson(key) {
    const value = await this.get(key);
    return value === undefined ? undefined : fromJson(decodeUtf8(value));
  }

  async setJson(key, value) {
    await this.set(key, encodeUtf8(toJson(value)));
  }
}

class InMemory extends Bucket {
  #values;

  constructor(name) {
    super();
    if (!memory.has(name)) memory.set(name, new Map());
    this.#values = memory.get(name);
  }

  async get(key) {
    return this.#values.get(key);
  }

  async set(key, value) {
    this.#values.set(key, Uint8Array.from(value));
  }

  async delete(key) {
    this.#values.delete(key);
  }

  async exists(key) {
    return this.#values.has(key);
  }

  async keys() {
    return [...this.#values.keys()];
  }

  async increment(key, delta = 1) {
    const value = this.#values.get(key);
    const sum = (value === undefined ? 0 : Number(decodeUtf8(value))) + delta;
    this.#values.set(key, encodeUtf8(String(sum)));
    return sum;
  }
}

class OfPlatform extends Bucket {
  #bucket;
  #atomics;

  constructor(known, name) {
    super();
    this.#bucket = attempt(() => known.keyvalue.open(name));
    this.#atomics = known.atomics;
  }

  async get(key) {
    return attempt(() => this.#bucket.get(key)) ?? undefined;
  }

  async set(key, value) {
    attempt(() => this.#bucket.set(key, value));
  }

  async delete(key) {
    attempt(() => this.#bucket.delete(key));
  }

  async exists(key) {
    return attempt(() => this.#bucket.exists(key));
  }

  async keys() {
    const keys = [];
    let cursor = null;
    do {
      const page = attempt(() => this.#bucket.listKeys(cursor));
      keys.push(...page.keys);
      cursor = page.cursor ?? null;
    } while (cursor !== null);
    return keys;
  }

  async increment(key, delta = 1) {
    return Number(attempt(() => this.#atomics.increment(this.#bucket, key, u64(delta))));
  }
}

function attempt(action) {
  try {
    return action();
  } catch (error) {
    const found = payload(error);
    const tag = typeof found === "string" ? found : found?.tag;
    if (tag === undefined) throw error;
    throw new KvError(tag, found.val ?? tag.replaceAll("-", " "));
  }
}
