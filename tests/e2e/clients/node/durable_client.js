// Drives a node with the Durable Functions client of npm, every method of it that reaches the node.
//
// Usage: durable_client.js BASE_URL KEY. The app holds the sample `patterns`. Exits 0 where everything
// is as the client expects it. Run twice over: by the links of the management payload, and by the base
// URL that a local host hands out.

const assert = require("node:assert/strict");
const { HttpRequest } = require("@azure/functions");
const { EntityId, OrchestrationRuntimeStatus: Status } = require("durable-functions");
const { DurableClient } = require("durable-functions/lib/src/durableClient/DurableClient");

const [, , base, key] = process.argv;

function clientData(rpc) {
  const query = `taskHub=patterns&connection=Storage&code=${key}`;
  const url = (path, more = "") => `${base}${path}?${more}${query}`;
  const instance = "instances/INSTANCEID";
  const reason = "reason={text}&";
  const withKey = base.replace("http://", `http://key:${key}@`);
  return {
    taskHubName: "patterns",
    creationUrls: {
      createNewInstancePostUri: url("orchestrators/{functionName}[/{instanceId}]"),
      createAndWaitOnNewInstancePostUri: url("orchestrators/{functionName}[/{instanceId}]"),
    },
    managementUrls: {
      id: "INSTANCEID",
      statusQueryGetUri: url(instance),
      sendEventPostUri: url(`${instance}/raiseEvent/{eventName}`),
      terminatePostUri: url(`${instance}/terminate`, reason),
      rewindPostUri: url(`${instance}/rewind`, reason),
      purgeHistoryDeleteUri: url(instance),
      suspendPostUri: url(`${instance}/suspend`, reason),
      resumePostUri: url(`${instance}/resume`, reason),
    },
    baseUrl: base.replace(/\/$/, ""),
    requiredQueryStringParameters: `code=${key}`,
    ...(rpc ? { rpcBaseUrl: withKey } : {}),
  };
}

async function until(look) {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    assert(Date.now() < deadline, "not reached in time");
    await new Promise((done) => setTimeout(done, 50));
  }
}

// Remembers which methods were called.
const used = new Set();
function watched(client) {
  return new Proxy(client, {
    get(target, name) {
      const member = target[name];
      if (typeof member !== "function") return member;
      used.add(name);
      return member.bind(target);
    },
  });
}

// What the published interface of the client has.
function missing() {
  const typings = require("node:fs").readFileSync(
    require.resolve("durable-functions/types/durableClient.d.ts"), "utf8");
  const declared = [...typings.matchAll(/^ {4}(\w+)[(<]/gm)].map((match) => match[1]);
  assert(declared.includes("startNew"));
  return declared.filter((name) => name !== "constructor" && !used.has(name));
}

async function run(name, rpc) {
  const client = watched(new DurableClient(clientData(rpc)));
  const begun = new Date(Date.now() - 60_000);
  const reached = (id, ...statuses) =>
    until(async () => {
      const status = await client.getStatus(id);
      return statuses.includes(status.runtimeStatus) && status;
    });

  const first = `${name}-first`;
  assert.equal(await client.startNew("chain", { instanceId: first, input: 5 }), first);
  const ended = await reached(first, Status.Completed);
  assert.equal(ended.output, 40);
  const full = await client.getStatus(first, {
    showHistory: true,
    showHistoryOutput: true,
    showInput: true,
  });
  assert.equal(full.input, 5);
  await assert.rejects(client.startNew("no-such-thing"));
  await assert.rejects(client.getStatus("absent"), /404/);

  const waiting = await client.startNew("approval", { input: 600_000 });
  await reached(waiting, Status.Running);
  await client.suspend(waiting, "to-see");
  await reached(waiting, Status.Suspended);
  await client.resume(waiting, "seen");
  await reached(waiting, Status.Running);
  await client.raiseEvent(waiting, "Approval", true);
  assert.equal((await reached(waiting, Status.Completed)).output, "approved");
  await assert.rejects(client.raiseEvent("absent", "Approval", true), /No instance/);

  const other = await client.startNew("approval", { input: 600_000 });
  await reached(other, Status.Running);
  await client.terminate(other, "enough");
  await reached(other, Status.Terminated);

  const all = (await client.getStatusAll()).map((status) => status.instanceId);
  assert(all.includes(first) && all.includes(waiting));
  const terminated = await client.getStatusBy({
    createdTimeFrom: begun,
    runtimeStatus: [Status.Terminated],
  });
  assert.deepEqual(terminated.map((status) => status.instanceId), [other]);

  const family = `${name}-family`;
  await client.startNew("parent", { instanceId: family, input: name });
  const whole = await until(async () => {
    const status = await reached(family, Status.Completed, Status.Failed);
    if (status.runtimeStatus === Status.Completed) return status;
    await client.rewind(family, "again");
  });
  assert.equal(whole.output, 6);
  await assert.rejects(client.rewind(family, "again"));

  const request = new HttpRequest({ method: "GET", url: `${base}api/x` });
  const slow = `${name}-slow`;
  await client.startNew("approval", { instanceId: slow, input: 600_000 });
  const late = await client.waitForCompletionOrCreateCheckStatusResponse(request, slow, {
    timeoutInMilliseconds: 400,
    retryIntervalInMilliseconds: 100,
  });
  assert.equal(late.status, 202);
  assert.equal(client.createCheckStatusResponse(request, slow).status, 202);
  assert.equal(client.createHttpManagementPayload(slow).id, slow);
  await client.raiseEvent(slow, "approval", false);
  const done = await client.waitForCompletionOrCreateCheckStatusResponse(request, slow);
  assert.equal(done.status, 200);
  assert.equal(await done.json(), "rejected");

  const counter = new EntityId("Counter", name);
  assert.equal((await client.readEntityState(counter)).entityExists, false);
  await client.signalEntity(counter, "add", 20);
  await client.signalEntity(counter, "add", 22);
  await until(async () => {
    const found = await client.readEntityState(counter);
    return found.entityExists && found.entityState.value === 42;
  });

  assert.equal((await client.purgeInstanceHistory(first)).instancesDeleted, 1);
  assert.equal((await client.purgeInstanceHistory(first)).instancesDeleted, 0);
  const purged = await client.purgeInstanceHistoryBy({
    createdTimeFrom: begun,
    runtimeStatus: [Status.Terminated],
  });
  assert.equal(purged.instancesDeleted, 1);
}

run("links", false)
  .then(() => run("rpc", true))
  .then(() => assert.deepEqual(missing(), [], "methods that nothing drives"))
  .catch((error) => {
    console.error(error);
    process.exit(1);
  });
