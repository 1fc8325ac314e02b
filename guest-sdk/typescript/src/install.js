/**
 * What the global object of a component has beside the language. Bundled first.
 *
 * Randomness is the platform's: an engine that is stopped and continued, as components are built,
 * would give every instance the same. In orchestrators it is the replay's.
 */

import * as logging from "wasi:logging/logging@0.1.0-draft";
import { getRandomBytes } from "wasi:random/random@0.2.0";

import { DurablePromise, drainBy } from "./promise.js";
import { u64 } from "./platform.js";
import { decodeUtf8, encodeUtf8 } from "./utf8.js";
import { fetch } from "./wasi-http.js";

const NativePromise = globalThis.Promise;
globalThis.__weftNativePromise = NativePromise;
globalThis.Promise = DurablePromise;
if (__WEFT_NATIVE_EVENTS__) drainBy((drain) => NativePromise.resolve().then(drain));

const bytes = (length) => getRandomBytes(__WEFT_BIGINT__ ? BigInt(length) : length);

let state = null;

/** xoshiro128**, seeded at the first use in an instance. */
function next() {
  if (state === null) {
    const seed = bytes(16);
    state = [0, 4, 8, 12].map(
      (at) => (seed[at] | (seed[at + 1] << 8) | (seed[at + 2] << 16) | (seed[at + 3] << 24)) >>> 0,
    );
    state[0] |= 1;
  }
  const [a, b, c, d] = state;
  const rotated = Math.imul(b, 5);
  const result = Math.imul((rotated << 7) | (rotated >>> 25), 9) >>> 0;
  const shifted = b << 9;
  const [e, f] = [c ^ a, d ^ b];
  state = [a ^ f, b ^ e, e ^ shifted, (f << 11) | (f >>> 21)].map((word) => word >>> 0);
  return result;
}

Math.random = () => ((next() >>> 5) * 67108864 + (next() >>> 6)) / 9007199254740992;

globalThis.crypto ??= {};
if (globalThis.crypto.subtle === undefined) {
  globalThis.crypto.getRandomValues = (array) => {
    const view = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    view.set(bytes(view.length));
    return array;
  };
  globalThis.crypto.randomUUID = () => {
    const random = bytes(16);
    const hex = Array.from(random, (byte, at) => {
      const fixed = at === 6 ? (byte & 15) | 64 : at === 8 ? (byte & 63) | 128 : byte;
      return fixed.toString(16).padStart(2, "0");
    }).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  };
}

globalThis.TextEncoder ??= class TextEncoder {
  encoding = "utf-8";
  encode(text = "") {
    return encodeUtf8(String(text));
  }
};
globalThis.TextDecoder ??= class TextDecoder {
  encoding = "utf-8";
  decode(data = new Uint8Array()) {
    const view = ArrayBuffer.isView(data)
      ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
      : new Uint8Array(data);
    return decodeUtf8(view);
  }
};
globalThis.fetch ??= fetch;

function shown(value) {
  if (typeof value === "string") return value;
  if (value instanceof Error) return String(value.stack ?? value);
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}

const said =
  (level) =>
  (...values) =>
    logging.log(level, "console", values.map(shown).join(" "));
globalThis.console = {
  trace: said("trace"),
  debug: said("debug"),
  log: said("info"),
  info: said("info"),
  warn: said("warn"),
  error: said("error"),
};
