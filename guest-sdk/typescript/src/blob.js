/**
 * Objects in containers (`wasi:blobstore`): bytes that are too long for key-value storage. Natively the
 * containers live in memory, so that tests of activities need no node.
 */

import { payload, platform, u64 } from "./platform.js";
import { readStream, why, writeStream } from "./streams.js";
import { encodeUtf8 } from "./utf8.js";

const memory = new Map();
const PAGE = 1000;

/** Empties the containers in memory, as before each test. */
export function clear() {
  memory.clear();
}

/** The storage did not do what it was asked. */
export class BlobError extends Error {
  constructor(message) {
    super(message);
    this.name = "BlobError";
  }
}

export async function open(name) {
  const known = platform();
  return known === null ? new InMemory(name) : new OfPlatform(known.blobstore, name);
}

export async function remove(name) {
  const known = platform();
  if (known === null) memory.delete(name);
  else attempt(() => known.blobstore.deleteContainer(name));
}

class InMemory {
  #name;

  constructor(name) {
    this.#name = name;
  }

  get #objects() {
    if (!memory.has(this.#name)) memory.set(this.#name, new Map());
    return memory.get(this.#name);
  }

  async get(name, { start = 0, end = Infinity } = {}) {
    return this.#objects.get(name)?.bytes.slice(start, Math.max(start, end));
  }

  async put(name, bytes) {
    const copy = typeof bytes === "string" ? encodeUtf8(bytes) : Uint8Array.from(bytes);
    this.#objects.set(name, { bytes: copy, created: new Date() });
  }

  async info(name) {
    const found = this.#objects.get(name);
    return found && { size: found.bytes.length, created: found.created };
  }

  async exists(name) {
    return this.#objects.has(name);
  }

  async delete(name) {
    this.#objects.delete(name);
  }

  async names() {
    return [...this.#objects.keys()].sort();
  }
}

class OfPlatform {
  #known;
  #container;

  constructor(known, name) {
    this.#known = known;
    this.#container = attempt(() => known.createContainer(name));
  }

  async get(name, { start = 0, end = Infinity } = {}) {
    return attempt(() => {
      if (!this.#container.hasObject(name)) return undefined;
      if (end <= start) return new Uint8Array();
      const last = u64(Math.min(end, Number.MAX_SAFE_INTEGER) - 1);
      const value = this.#container.getData(name, u64(start), last);
      const stream = this.#known.IncomingValue.incomingValueConsumeAsync(value);
      const failed = (message) => new BlobError(message);
      return readStream(stream, Infinity, failed, failed);
    });
  }

  async put(name, bytes) {
    attempt(() => {
      const value = this.#known.OutgoingValue.newOutgoingValue();
      this.#container.writeData(name, value);
      writeStream(value.outgoingValueWriteBody(), typeof bytes === "string" ? encodeUtf8(bytes) : bytes);
      this.#known.OutgoingValue.finish(value);
    });
  }

  async info(name) {
    return attempt(() => {
      if (!this.#container.hasObject(name)) return undefined;
      const found = this.#container.objectInfo(name);
      return { size: Number(found.size), created: new Date(Number(found.createdAt) * 1000) };
    });
  }

  async exists(name) {
    return attempt(() => this.#container.hasObject(name));
  }

  async delete(name) {
    attempt(() => this.#container.deleteObject(name));
  }

  async names() {
    return attempt(() => {
      const listing = this.#container.listObjects();
      const names = [];
      for (;;) {
        const [page, ended] = listing.readStreamObjectNames(u64(PAGE));
        names.push(...page);
        if (ended) return names;
      }
    });
  }
}

function attempt(action) {
  try {
    return action();
  } catch (error) {
    const found = payload(error);
    if (typeof found === "string") throw new BlobError(found);
    if (found?.tag !== undefined) throw new BlobError(why(found));
    throw error;
  }
}
