/** HTTP functions. */

import { Failure, stackOf } from "./failure.js";
import { FUNCTIONS, register } from "./function.js";
import { fromJson, toJson } from "./json.js";
import { PlatformError } from "./platform.js";
import { decodeUtf8, encodeUtf8 } from "./utf8.js";

const JSON_BYTES_MAX = 1 << 20;
const BODY_BYTES_MAX = 64 << 20;

/** An answer that says why there is no other; it becomes `application/problem+json`. */
export class HttpError extends Error {
  constructor(status, kind, detail) {
    super(detail);
    this.name = "HttpError";
    this.status = status;
    this.kind = kind;
  }

  response() {
    const problem = {
      type: `urn:weft:problem:${this.kind}`,
      title: this.kind.replaceAll("-", " "),
      status: this.status,
      detail: this.message,
    };
    const headers = [["content-type", "application/problem+json"]];
    return new HttpResponse(encodeUtf8(toJson(problem)), { status: this.status, headers });
  }
}

function tooLarge(bytesMax) {
  return new HttpError(413, "body-too-large", `The body has more than ${bytesMax} bytes.`);
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function header(headers, name) {
  const wanted = name.toLowerCase();
  return headers.find(([known]) => known.toLowerCase() === wanted)?.[1];
}

export class HttpRequest {
  #body;

  /** `body` is what there is, or reads at most so many bytes. */
  constructor(method, target, { headers = [], body = new Uint8Array() } = {}) {
    this.method = method;
    this.target = target;
    this.headers = Array.isArray(headers) ? headers : Object.entries(headers);
    this.params = {};
    this.#body = typeof body === "string" ? encodeUtf8(body) : body;
  }

  get path() {
    return this.target.split("?", 1)[0];
  }

  get publicPath() {
    return (this.header("x-forwarded-prefix") ?? "") + this.path;
  }

  get query() {
    const found = {};
    const at = this.target.indexOf("?");
    if (at < 0) return found;
    for (const pair of this.target.slice(at + 1).split("&")) {
      const [key, ...rest] = pair.split("=");
      const plain = (text) => decode(text.replaceAll("+", " "));
      if (key !== "" && !(plain(key) in found)) found[plain(key)] = plain(rest.join("="));
    }
    return found;
  }

  header(name) {
    return header(this.headers, name);
  }

  async bytes(bytesMax = BODY_BYTES_MAX) {
    if (typeof this.#body === "function") this.#body = this.#body(bytesMax, tooLarge);
    if (this.#body.length > bytesMax) throw tooLarge(bytesMax);
    return this.#body;
  }

  async text(bytesMax = BODY_BYTES_MAX) {
    return decodeUtf8(await this.bytes(bytesMax));
  }

  async json() {
    const text = await this.text(JSON_BYTES_MAX);
    try {
      return fromJson(text);
    } catch (error) {
      throw new HttpError(400, "bad-request", `The body is not as expected: ${error.message}.`);
    }
  }
}

export class HttpResponse {
  constructor(body = new Uint8Array(), { status = 200, headers = [] } = {}) {
    this.status = status;
    this.headers = Array.isArray(headers) ? [...headers] : Object.entries(headers);
    this.body = typeof body === "string" ? encodeUtf8(body) : body;
  }

  static text(text, init = {}) {
    return withType(new HttpResponse(text, init), "text/plain; charset=utf-8");
  }

  static json(value, init = {}) {
    return withType(new HttpResponse(toJson(value), init), "application/json");
  }

  header(name) {
    return header(this.headers, name);
  }

  text() {
    return decodeUtf8(this.body);
  }
}

function withType(response, type) {
  if (response.header("content-type") === undefined) response.headers.push(["content-type", type]);
  return response;
}

/** Makes an HTTP function; its route is its name where none is given. */
export function http(named, code) {
  const options = typeof named === "string" ? { name: named } : named;
  const methods = (options.methods ?? []).map((method) => method.toUpperCase());
  return register({ ...options, kind: "http", methods, code });
}

function choose(request) {
  const handlers = [...FUNCTIONS.values()].filter((made) => made.kind === "http");
  const name = request.header("x-weft-function");
  if (name !== undefined) return handlers.find((made) => made.name === name);
  if (handlers.length === 1) return handlers[0];
  return handlers.find(
    (made) =>
      (made.methods.length === 0 || made.methods.includes(request.method)) &&
      params(made.route ?? made.name, request.path) !== null,
  );
}

/** What the component answers; errors become problem documents. */
export async function serve(request) {
  try {
    const made = choose(request);
    if (made === undefined) {
      throw new HttpError(404, "not-found", "This component has no function for the request.");
    }
    request.params = params(made.route ?? made.name, request.path) ?? {};
    return response(await made.code(request));
  } catch (error) {
    return problem(error).response();
  }
}

function response(value) {
  if (value instanceof HttpResponse) return value;
  if (typeof value === "string") return HttpResponse.text(value);
  if (value instanceof Uint8Array) return withType(new HttpResponse(value), "application/octet-stream");
  return value === undefined ? new HttpResponse("", { status: 204 }) : HttpResponse.json(value);
}

function problem(error) {
  if (error instanceof HttpError) return error;
  if (error instanceof PlatformError) return new HttpError(error.status, error.code, error.message);
  const said = error instanceof Failure ? `${error.kind}: ${error.message}` : undefined;
  console.error(said ?? (error instanceof Error ? stackOf(error) : String(error)));
  return new HttpError(500, "internal", "The function failed; its log says why.");
}

/** The parameters of a route template in a path, or `null` where the path is another one. */
export function params(template, path) {
  const own = path.startsWith("/@") ? `/${path.split("/").slice(3).join("/")}` : path;
  if (!own.startsWith("/api/")) return null;
  const segments = own.slice("/api/".length).split("/").filter((part) => part !== "");
  const found = {};
  for (const pattern of template.split("/").filter((part) => part !== "")) {
    const inner = /^\{(\*?)([^}]*)\}$/.exec(pattern);
    if (inner === null) {
      if (segments.shift()?.toLowerCase() !== pattern.toLowerCase()) return null;
      continue;
    }
    if (inner[1] === "*") {
      found[inner[2]] = segments.splice(0).map(decode).join("/");
      continue;
    }
    const optional = inner[2].endsWith("?");
    const name = inner[2].replace(/\?$/, "").split(/[:=]/, 1)[0];
    if (segments.length > 0) found[name] = decode(segments.shift());
    else if (!optional) return null;
  }
  return segments.length > 0 ? null : found;
}
