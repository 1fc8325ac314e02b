/** `wasi:http`, as the rest of the package uses it. Bundled in components only. */

import * as outgoing from "wasi:http/outgoing-handler@0.2.0";
import {
  Fields,
  OutgoingBody,
  OutgoingRequest,
  OutgoingResponse,
  ResponseOutparam,
} from "wasi:http/types@0.2.0";

import { HttpRequest, serve } from "./http.js";
import { payload } from "./platform.js";
import { readStream, writeStream } from "./streams.js";
import { decodeUtf8, encodeUtf8 } from "./utf8.js";

export async function handle(incoming, out) {
  const method = incoming.method();
  const name = typeof method === "string" ? method : method.tag === "other" ? method.val : method.tag;
  const headers = textHeaders(incoming.headers());
  const target = incoming.pathWithQuery() ?? "/";
  const body = incoming.consume();
  const read = (bytesMax, tooLarge) => readAll(body, bytesMax, tooLarge);
  const response = await serve(new HttpRequest(name.toUpperCase(), target, { headers, body: read }));
  let head;
  try {
    const pairs = response.headers.map(([key, value]) => [key.toLowerCase(), encodeUtf8(value)]);
    pairs.push(["content-length", encodeUtf8(String(response.body.length))]);
    head = new OutgoingResponse(Fields.fromList(pairs));
    head.setStatusCode(response.status);
  } catch {
    console.error("the response has a status or header that HTTP does not allow");
    const val = { tag: "internal-error", val: "invalid response head" };
    ResponseOutparam.set(out, { tag: "err", val });
    return;
  }
  const outgoingBody = head.body();
  ResponseOutparam.set(out, { tag: "ok", val: head });
  try {
    writeAll(outgoingBody, response.body);
  } catch {
    // The caller has gone away.
  }
}

/** Sends a request and reads the whole response. */
export async function fetch(url, { method = "GET", headers = {}, body = "" } = {}) {
  const parts = /^(https?):\/\/([^/?#]+)([^?#]*)(\?[^#]*)?/i.exec(String(url));
  if (parts === null) throw new TypeError(`${url} is no URL of http or https`);
  const list = Array.isArray(headers) ? headers : Object.entries(headers);
  const pairs = list.map(([key, value]) => [key.toLowerCase(), encodeUtf8(String(value))]);
  const request = new OutgoingRequest(Fields.fromList(pairs));
  const known = ["get", "head", "post", "put", "delete", "connect", "options", "trace", "patch"];
  const lower = method.toLowerCase();
  request.setMethod(known.includes(lower) ? { tag: lower } : { tag: "other", val: method });
  request.setScheme({ tag: parts[1].toLowerCase() === "http" ? "HTTP" : "HTTPS" });
  request.setAuthority(parts[2]);
  request.setPathWithQuery((parts[3] || "/") + (parts[4] ?? ""));
  const outgoingBody = request.body();
  try {
    const pending = outgoing.handle(request, null);
    writeAll(outgoingBody, typeof body === "string" ? encodeUtf8(body) : body);
    pending.subscribe().block();
    return responseOf(unwrap(unwrap(pending.get())));
  } catch (error) {
    const code = payload(error);
    const tag = typeof code === "string" ? code : code?.tag;
    if (tag === undefined) throw error;
    throw new TypeError(`the request failed: ${tag}${code.val === undefined ? "" : `, ${toText(code.val)}`}`);
  }
}

function toText(value) {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function unwrap(result) {
  if (result?.tag === "err") throw result.val ?? { tag: "unknown" };
  return result?.tag === "ok" ? result.val : result;
}

function responseOf(response) {
  const status = response.status();
  const headers = textHeaders(response.headers());
  const bytes = readAll(response.consume(), 64 << 20, () => new TypeError("the response is too large"));
  return {
    status,
    ok: status >= 200 && status < 300,
    headers: {
      get: (name) => headers.find(([key]) => key === name.toLowerCase())?.[1] ?? null,
      entries: () => headers[Symbol.iterator](),
    },
    bytes: async () => bytes,
    arrayBuffer: async () => Uint8Array.from(bytes).buffer,
    text: async () => decodeUtf8(bytes),
    json: async () => JSON.parse(decodeUtf8(bytes)),
  };
}

function textHeaders(fields) {
  return fields.entries().map(([key, value]) => [key.toLowerCase(), decodeUtf8(value)]);
}

function readAll(body, bytesMax, tooLarge) {
  return readStream(body.stream(), bytesMax, tooLarge, () => new TypeError("the body ended too early"));
}

function writeAll(body, bytes) {
  writeStream(body.write(), bytes);
  OutgoingBody.finish(body, null);
}
