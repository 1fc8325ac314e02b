/** Starting and managing orchestrations of the same app, from activities and HTTP functions. */

import { fromJson, toJson } from "./json.js";
import { nameOf } from "./function.js";
import { EntityId } from "./entity.js";
import { ask } from "./platform.js";
import { millis } from "./retry.js";

export async function start(orchestrator, input, options = {}) {
  const { instanceId = null, tags, version = null, notBefore, reuse } = options;
  const name = nameOf(orchestrator);
  const text = toJson(input);
  if (!tags && version === null && notBefore === undefined && reuse === undefined) {
    return ask("client", "start", name, text, instanceId);
  }
  return ask("management", "start", name, text, {
    instanceId,
    tags: Object.entries(tags ?? {}),
    version,
    atMs: notBefore === undefined ? null : notBefore.getTime(),
    reuse: reuse ?? null,
  });
}

export async function getStatus(instanceId) {
  return status(ask("client", "getStatus", instanceId));
}

export async function waitForCompletion(instanceId, limit) {
  return status(ask("client", "waitForCompletion", instanceId, millis(limit)));
}

export async function raiseEvent(instanceId, name, payload) {
  ask("client", "raiseEvent", instanceId, name, toJson(payload));
}

export async function terminate(instanceId, reason = "") {
  ask("client", "terminate", instanceId, reason);
}

export async function suspend(instanceId, reason = "") {
  ask("client", "suspend", instanceId, reason);
}

export async function resume(instanceId, reason = "") {
  ask("client", "resume", instanceId, reason);
}

export async function listInstances(which = {}, { limit = 100, after = null } = {}) {
  const page = ask("management", "listInstances", filter(which), limit, after);
  return { items: page.instances.map(status), next: page.next ?? undefined };
}

export async function rewind(instanceId, reason = "") {
  ask("management", "rewind", instanceId, reason);
}

export async function restart(instanceId, { sameId = false } = {}) {
  return ask("management", "restart", instanceId, sameId);
}

export async function purge(instanceId, { recursive = false } = {}) {
  return ask("management", "purge", instanceId, recursive);
}

export async function purgeMatching(which, { recursive = false } = {}) {
  let removed = 0;
  for (;;) {
    const some = ask("management", "purgeInstances", filter(which), recursive);
    if (some === 0) return removed;
    removed += some;
  }
}

export async function listEntities(name = null, { limit = 100, after = null } = {}) {
  const page = ask("management", "listEntities", name, limit, after);
  const items = page.entities.map((found) => {
    const [, entity, ...key] = found.entity.split("@");
    return {
      entity: new EntityId(entity, key.join("@")),
      state: fromJson(found.state),
      updated: new Date(found.updatedMs),
    };
  });
  return { items, next: page.next ?? undefined };
}

function filter(which) {
  const time = (at) => (at === undefined ? null : at.getTime());
  return {
    statuses: which.statuses ?? [],
    idPrefix: which.idPrefix ?? null,
    name: which.name ?? null,
    createdFromMs: time(which.createdFrom),
    createdToMs: time(which.createdTo),
    updatedFromMs: time(which.updatedFrom),
    updatedToMs: time(which.updatedTo),
    tags: Object.entries(which.tags ?? {}),
  };
}

function status(found) {
  const read = (text) => (text === undefined || text === null ? undefined : fromJson(text));
  return {
    instanceId: found.instanceId,
    name: found.name,
    runtimeStatus: found.runtimeStatus,
    created: new Date(found.createdMs),
    updated: new Date(found.updatedMs),
    input: read(found.input),
    customStatus: read(found.customStatus),
    output: read(found.output),
    hasEnded: ["completed", "failed", "terminated"].includes(found.runtimeStatus),
  };
}
