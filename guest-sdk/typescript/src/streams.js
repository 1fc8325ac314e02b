/** The streams of `wasi:io`, which bodies and objects are read from and written to. */

import { payload, u64 } from "./platform.js";

const READ_BYTES = 64 << 10;
/** As much as one call writes. */
const WRITE_BYTES = 4096;

/** Reads a stream to its end, at most so many bytes, and gives it back. */
export function readStream(stream, bytesMax, tooLarge, failed) {
  const chunks = [];
  let length = 0;
  for (;;) {
    let chunk;
    try {
      chunk = stream.blockingRead(u64(READ_BYTES));
    } catch (error) {
      const found = payload(error);
      if ((typeof found === "string" ? found : found?.tag) === "closed") break;
      throw failed(why(found));
    }
    chunks.push(chunk);
    length += chunk.length;
    if (length > bytesMax) throw tooLarge(bytesMax);
  }
  stream[Symbol.dispose]?.();
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Writes all of it and gives the stream back. */
export function writeStream(stream, bytes) {
  for (let at = 0; at < bytes.length; at += WRITE_BYTES) {
    stream.blockingWriteAndFlush(bytes.subarray(at, at + WRITE_BYTES));
  }
  stream[Symbol.dispose]();
}

/** What a stream failed with. */
export function why(found) {
  return found?.val?.toDebugString?.() ?? "the stream has ended";
}
