/** Write functions for weft in JavaScript and TypeScript. */

export * as blob from "./blob.js";
export * as client from "./client.js";
export * as config from "./config.js";
export * as kv from "./kv.js";
export { Context, Task } from "./context.js";
export { EntityId, entity, signal, state } from "./entity.js";
export { Failure } from "./failure.js";
export { activity, orchestrator } from "./function.js";
export { HttpError, HttpRequest, HttpResponse, http } from "./http.js";
export { log } from "./log.js";
export { PlatformError } from "./platform.js";
