// The Durable Task SDK for JavaScript, as client and as worker: `durable_task.js ADDRESS KEY`.
"use strict";

const assert = require("node:assert/strict");
const {
  EntityInstanceId,
  OrchestrationStatus,
  RetryPolicy,
  TaskEntity,
  TaskHubGrpcClient,
  TaskHubGrpcWorker,
  terminateOptions,
  whenAll,
  whenAny,
} = require("@microsoft/durabletask-js");
const { LIMIT, options } = require("./hub.js");

const plusOne = async (_, number) => number + 1;

let attempts = 0;
const flaky = async () => {
  attempts += 1;
  if (attempts < 3) {
    throw new Error(`attempt ${attempts}`);
  }
  return attempts;
};

const chain = async function* chain(ctx, number) {
  for (let step = 0; step < 5; step += 1) {
    number = yield ctx.callActivity(plusOne, number);
  }
  return number;
};

const fanOut = async function* fanOut(ctx, size) {
  const tasks = [];
  for (let number = 0; number < size; number += 1) {
    tasks.push(ctx.callActivity(plusOne, number));
  }
  const numbers = yield whenAll(tasks);
  return numbers.reduce((sum, number) => sum + number, 0);
};

const deadline = async function* deadline(ctx, seconds) {
  const event = ctx.waitForExternalEvent("go");
  const timer = ctx.createTimer(seconds);
  const first = yield whenAny([event, timer]);
  return first === event ? "event" : "timer";
};

const parent = async function* parent(ctx, number) {
  const sum = yield ctx.callSubOrchestrator(chain, number);
  return sum + 100;
};

const retried = async function* retried(ctx) {
  const retry = new RetryPolicy({ maxNumberOfAttempts: 4, firstRetryIntervalInMilliseconds: 50 });
  return yield ctx.callActivity(flaky, undefined, { retry });
};

const again = async function* again(ctx, number) {
  number = yield ctx.callActivity(plusOne, number);
  if (number < 5) {
    ctx.continueAsNew(number, true);
    return undefined;
  }
  return number;
};

const fails = async function* fails() {
  throw new Error("not like this");
};

class Counter extends TaskEntity {
  add(number) {
    this.state = (this.state ?? 0) + number;
    return this.state;
  }
  get() {
    return this.state ?? 0;
  }
  initializeState() {
    return 0;
  }
}

const usesEntities = async function* usesEntities(ctx, name) {
  const one = new EntityInstanceId("counter", name);
  const added = yield ctx.entities.callEntity(one, "add", 5);
  ctx.entities.signalEntity(one, "add", 2);
  const found = yield ctx.entities.callEntity(one, "get");
  return [added, found];
};

async function main() {
  const worker = new TaskHubGrpcWorker(options);
  for (const one of [chain, fanOut, deadline, parent, retried, again, fails, usesEntities]) {
    worker.addOrchestrator(one);
  }
  worker.addActivity(plusOne);
  worker.addActivity(flaky);
  worker.addNamedEntity("counter", () => new Counter());
  await worker.start();
  const client = new TaskHubGrpcClient(options);
  const ended = (id) => client.waitForOrchestrationCompletion(id, true, LIMIT);
  const result = async (orchestrator, input) => {
    const state = await ended(await client.scheduleNewOrchestration(orchestrator, input));
    const shown = `${orchestrator.name}: ${JSON.stringify(state)}`;
    assert.equal(state.runtimeStatus, OrchestrationStatus.COMPLETED, shown);
    return JSON.parse(state.serializedOutput);
  };

  assert.equal(await result(chain, 1), 6);
  assert.equal(await result(fanOut, 20), 210);
  assert.equal(await result(parent, 1), 106);
  assert.equal(await result(retried), 3);
  assert.equal(await result(again, 1), 5);
  assert.equal(await result(deadline, 0.05), "timer");
  assert.deepEqual(await result(usesEntities, "a"), [5, 7]);

  const failed = await ended(await client.scheduleNewOrchestration(fails));
  assert.equal(failed.runtimeStatus, OrchestrationStatus.FAILED);
  assert.match(failed.failureDetails.message, /not like this/);

  const waits = await client.scheduleNewOrchestration(deadline, 600);
  await client.waitForOrchestrationStart(waits, false, LIMIT);
  await client.suspendOrchestration(waits);
  const until = async (status) => {
    const limit = Date.now() + LIMIT * 1000;
    for (;;) {
      const state = await client.getOrchestrationState(waits, false);
      if (state.runtimeStatus === status) {
        return;
      }
      assert.ok(Date.now() < limit, JSON.stringify(state));
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };
  await until(OrchestrationStatus.SUSPENDED);
  await client.raiseOrchestrationEvent(waits, "go", 1);
  await client.resumeOrchestration(waits);
  assert.equal(JSON.parse((await ended(waits)).serializedOutput), "event");

  const endless = await client.scheduleNewOrchestration(deadline, 600);
  await client.terminateOrchestration(endless, terminateOptions({ output: "enough" }));
  assert.equal((await ended(endless)).runtimeStatus, OrchestrationStatus.TERMINATED);
  const purged = await client.purgeOrchestration(endless);
  assert.equal(purged.deletedInstanceCount, 1);
  assert.equal(await client.getOrchestrationState(endless, false), undefined);

  const one = await client.getEntity(new EntityInstanceId("counter", "a"), true);
  assert.equal(one.state, 7);
  await client.stop();
  await worker.stop();
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
