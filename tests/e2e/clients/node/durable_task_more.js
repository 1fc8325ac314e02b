// More of the Durable Task SDK for JavaScript: `durable_task_more.js ADDRESS KEY`.
"use strict";

const assert = require("node:assert/strict");
const {
  EntityInstanceId,
  HistoryEventType,
  OrchestrationStatus,
  RetryPolicy,
  TaskEntity,
  TaskHubGrpcClient,
  TaskHubGrpcWorker,
  VersionFailureStrategy,
  VersionMatchStrategy,
  terminateOptions,
} = require("@microsoft/durabletask-js");
const { LIMIT, options } = require("./hub.js");
const client = new TaskHubGrpcClient(options);

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const ended = (id) => client.waitForOrchestrationCompletion(id, true, LIMIT);
const started = async (orchestrator, input, more) => {
  const id = await client.scheduleNewOrchestration(orchestrator, input, more);
  const state = await client.waitForOrchestrationStart(id, true, LIMIT);
  assert.equal(state.runtimeStatus, OrchestrationStatus.RUNNING);
  return id;
};
const completed = async (orchestrator, input, more) => {
  const state = await ended(await client.scheduleNewOrchestration(orchestrator, input, more));
  assert.equal(state.runtimeStatus, OrchestrationStatus.COMPLETED, JSON.stringify(state));
  return state;
};
const result = async (...order) => JSON.parse((await completed(...order)).serializedOutput);
const until = async (look, what) => {
  for (const limit = Date.now() + LIMIT * 1000; ; await pause(10)) {
    const found = await look();
    if (found) {
      return found;
    }
    assert.ok(Date.now() < limit, `${what} was waited for in vain`);
  }
};

async function serve(register, more, then) {
  const worker = new TaskHubGrpcWorker({ ...options, ...more });
  register(worker);
  await worker.start();
  try {
    await then();
  } finally {
    await worker.stop();
  }
}

const greet = async (_, name) => `Hello, ${name}!`;
const same = async (_, input) => input;
const child = async function* child(ctx) {
  const { parent } = ctx;
  return parent && [parent.name, parent.instanceId, typeof parent.taskScheduledId];
};
const parent = async function* parent(ctx) {
  const below = yield ctx.callSubOrchestrator(child);
  return [ctx.parent === undefined, below];
};
const passes = async function* passes(ctx, input) {
  return yield ctx.callActivity(same, input);
};
const gives = async (_, input) => input;
const tree = async function* tree(ctx) {
  const greeting = yield ctx.callActivity(greet, "World");
  yield ctx.createTimer(new Date(ctx.currentUtcDateTime.getTime() + 100));
  const below = yield ctx.callSubOrchestrator(gives, "below");
  return { greeting, below };
};
const waits = async function* waits(ctx) {
  ctx.setCustomStatus("waiting");
  const event = yield ctx.waitForExternalEvent("go");
  ctx.setCustomStatus("");
  return event;
};
const over = async function* over(ctx) {
  const instanceId = `${ctx.instanceId}-below`;
  return yield ctx.callSubOrchestrator(waits, undefined, { instanceId });
};
const sends = async function* sends(ctx, target) {
  ctx.sendEvent(target, "go", { from: ctx.instanceId });
  yield ctx.createTimer(0.05);
  return "sent";
};
const guids = async function* guids(ctx) {
  const found = [ctx.newGuid(), ctx.newGuid()];
  yield ctx.createTimer(0.05);
  return [...found, ctx.newGuid()];
};
const version = async (ctx) => ctx.version;
const counts = async (ctx, input) => (input < 10 ? ctx.continueAsNew(input + 1, true) : input);

const attempts = {};
const attempt = (name) => (attempts[name] = (attempts[name] ?? 0) + 1);
const flaky = async (_, { name, fails, kind }) => {
  if (attempt(name) <= fails) {
    const error = new Error(`attempt ${attempts[name]}`);
    error.name = kind ?? "TransientError";
    throw error;
  }
  return attempts[name];
};
const retry = {
  policy: new RetryPolicy({
    maxNumberOfAttempts: 5,
    firstRetryIntervalInMilliseconds: 50,
    backoffCoefficient: 2,
    maxRetryIntervalInMilliseconds: 100,
    handleFailure: (failure) => failure.errorType === "TransientError",
  }),
  handler: async (context) => context.lastAttemptNumber < 3,
  delay: async (context) => (context.lastAttemptNumber < 3 ? 60 : false),
};
const retried = async function* retried(ctx, { by, ...input }) {
  return yield ctx.callActivity(flaky, input, { retry: retry[by] });
};
const failsTwice = async (_ctx, name) => {
  if (attempt(name) < 3) {
    throw new Error("not yet");
  }
  return attempts[name];
};
const retriedChild = async function* retriedChild(ctx, { by, name }) {
  return yield ctx.callSubOrchestrator(failsTwice, name, { retry: retry[by] });
};
const failsOnce = async (ctx) => {
  if (attempt(ctx.instanceId) === 1) {
    throw new Error("First attempt failed!");
  }
  return "mended";
};

class Counter extends TaskEntity {
  add(amount) {
    this.state.count += amount;
    return this.state.count;
  }
  get() {
    return this.state.count;
  }
  fail() {
    throw new Error("intended");
  }
  tell({ name, amount }) {
    this.context?.signalEntity(new EntityInstanceId("Counter", name), "add", amount);
  }
  begin(name) {
    return this.context?.scheduleNewOrchestration(name, "begun");
  }
  initializeState() {
    return { count: 0 };
  }
}
const counter = (name) => new EntityInstanceId("Counter", name);
const count = async (name) => (await client.getEntity(counter(name)))?.state?.count;
const locks = async function* locks(ctx, names) {
  const handle = yield ctx.entities.lockEntities(...names.map(counter), counter(names[0]));
  const before = yield ctx.entities.callEntity(counter(names[0]), "get");
  yield ctx.createTimer(0.1);
  const after = yield ctx.entities.callEntity(counter(names[0]), "add", 1);
  handle.release();
  handle.release();
  return [before, after, ctx.entities.isInCriticalSection().inSection];
};

async function manages() {
  const [top, [name, id, kind]] = await result(parent);
  assert.deepEqual([top, name, kind], [true, "parent", "number"]);
  assert.ok(id);
  for (const input of [0, "", false, null, [1]]) {
    for (const one of [passes, gives]) {
      const state = await completed(one, input);
      assert.equal(state.serializedOutput, JSON.stringify(input), `${one.name} ${input}`);
    }
  }
  assert.equal((await completed(counts, 1)).serializedOutput, "10");
  assert.equal(new Set(await result(guids)).size, 3);
  assert.equal(await result(version, undefined, { version: "1.0.0" }), "1.0.0");
  assert.equal(await result(version), "");

  const waiting = await started(waits, undefined, { tags: { a: "b" } });
  await until(
    async () => (await client.getOrchestrationState(waiting)).serializedCustomStatus === '"waiting"',
    "the custom status",
  );
  assert.equal(await result(sends, waiting), "sent");
  const state = await ended(waiting);
  assert.ok(JSON.parse(state.serializedOutput).from);
  assert.equal(state.serializedCustomStatus, '""');
  assert.equal(state.tags?.a, "b");

  const stopped = await started(over);
  const output = { reason: "test", data: [1, 2, 3] };
  await client.terminateOrchestration(stopped, terminateOptions({ output, recursive: true }));
  assert.deepEqual(JSON.parse((await ended(stopped)).serializedOutput), output);
  const below = await until(async () => {
    const state = await client.getOrchestrationState(`${stopped}-below`);
    return state?.runtimeStatus === OrchestrationStatus.TERMINATED && state;
  }, "the child's end");
  assert.equal(below.runtimeStatus, OrchestrationStatus.TERMINATED);
  assert.equal((await client.purgeOrchestration(stopped, { recursive: true })).deletedInstanceCount, 2);
  assert.equal(await client.getOrchestrationState(stopped), undefined);
  assert.equal(await client.waitForOrchestrationStart("nobody", false, LIMIT), undefined);
}

async function restartsAndRewinds() {
  const waiting = await started(waits, "input", { instanceId: "restarted" });
  await assert.rejects(client.restartOrchestration(waiting, false));
  await assert.rejects(client.rewindInstance(waiting, "test"), /not allow|precondition|running/i);
  await assert.rejects(client.restartOrchestration("nobody"));
  await assert.rejects(client.rewindInstance("nobody", "test"));
  await assert.rejects(client.rewindInstance("", "test"), /instanceId is required/);
  const other = await client.restartOrchestration(waiting, true);
  assert.notEqual(other, waiting);
  await client.raiseOrchestrationEvent(other, "go", "yes");
  assert.equal((await ended(other)).serializedOutput, '"yes"');
  await client.suspendOrchestration(waiting);
  await until(
    async () =>
      (await client.getOrchestrationState(waiting)).runtimeStatus === OrchestrationStatus.SUSPENDED,
    "the suspension",
  );
  await assert.rejects(client.restartOrchestration(waiting, false));
  await client.resumeOrchestration(waiting);
  await client.terminateOrchestration(waiting, "enough");
  assert.equal((await ended(waiting)).runtimeStatus, OrchestrationStatus.TERMINATED);
  await assert.rejects(client.rewindInstance(waiting, "test"));
  assert.equal(await client.restartOrchestration(waiting), waiting);
  await client.terminateOrchestration(waiting);

  const failed = await client.scheduleNewOrchestration(failsOnce, 1, "rewound");
  assert.match((await ended(failed)).failureDetails.message, /First attempt failed!/);
  await client.rewindInstance(failed, "it was transient");
  assert.equal((await ended(failed)).serializedOutput, '"mended"');
  await assert.rejects(client.rewindInstance(failed, "test"));
}

async function tellsHistories() {
  const state = await completed(tree);
  const history = await client.getOrchestrationHistory(state.instanceId);
  assert.deepEqual(
    history.map((event) => event.type),
    [
      HistoryEventType.OrchestratorStarted,
      HistoryEventType.ExecutionStarted,
      HistoryEventType.TaskScheduled,
      HistoryEventType.OrchestratorStarted,
      HistoryEventType.TaskCompleted,
      HistoryEventType.TimerCreated,
      HistoryEventType.OrchestratorStarted,
      HistoryEventType.TimerFired,
      HistoryEventType.SubOrchestrationInstanceCreated,
      HistoryEventType.OrchestratorStarted,
      HistoryEventType.SubOrchestrationInstanceCompleted,
      HistoryEventType.ExecutionCompleted,
    ],
  );
  assert.equal(history[2].input, '"World"');
  assert.equal(history[4].taskScheduledId, history[2].eventId);
  assert.equal(history[7].timerId, history[5].eventId);
  assert.ok(history[7].fireAt instanceof Date && history[5].fireAt instanceof Date);
  assert.equal(history[10].taskScheduledId, history[8].eventId);
  assert.equal(history[11].orchestrationStatus, "ORCHESTRATION_STATUS_COMPLETED");
  const ids = history.map((event) => event.eventId).filter((id) => id >= 0);
  assert.deepEqual(ids, [...new Set(ids)].sort((a, b) => a - b));
  assert.ok(history.every((event) => event.timestamp instanceof Date));
  assert.deepEqual(await client.getOrchestrationHistory("nobody"), []);
}

async function lists() {
  const from = new Date(Date.now() - 60000);
  const ids = ["list-0", "list-1", "list-2", "list-3", "list-4"];
  for (const id of ids) {
    await completed(gives, { message: id }, { instanceId: id });
  }
  const all = async (filter) => {
    const found = [];
    for await (const one of client.getAllInstances(filter)) {
      found.push(one);
    }
    return found;
  };
  const filter = { instanceIdPrefix: "list-" };
  assert.equal((await all(filter)).length, 5);
  const statuses = [OrchestrationStatus.RUNNING];
  assert.equal((await all({ ...filter, statuses })).length, 0);
  const createdTo = new Date(Date.now() + 60000);
  const shown = await all({ ...filter, createdFrom: from, createdTo, fetchInputsAndOutputs: true });
  assert.deepEqual(shown.map((one) => one.serializedInput).sort(), ids.map((message) =>
    JSON.stringify({ message })));
  const pages = [];
  for await (const page of client.getAllInstances({ ...filter, pageSize: 2 }).asPages()) {
    pages.push(page.values.length);
  }
  assert.deepEqual(pages, [2, 2, 1]);
  const listed = [];
  let lastInstanceKey;
  do {
    const page = await client.listInstanceIds({
      runtimeStatus: [OrchestrationStatus.COMPLETED],
      completedTimeFrom: from,
      pageSize: 3,
      lastInstanceKey,
    });
    assert.ok(page.values.length <= 3);
    listed.push(...page.values);
    lastInstanceKey = page.continuationToken;
  } while (lastInstanceKey);
  assert.ok(ids.every((id) => listed.includes(id)));
  assert.equal(listed.length, new Set(listed).size);
}

async function retries() {
  assert.equal(await result(retried, { by: "policy", name: "p", fails: 2 }), 3);
  assert.equal(await result(retried, { by: "handler", name: "h", fails: 2 }), 3);
  assert.equal(await result(retried, { by: "delay", name: "d", fails: 2 }), 3);
  assert.equal(await result(retriedChild, { by: "handler", name: "ch" }), 3);
  assert.equal(await result(retriedChild, { by: "delay", name: "cd" }), 3);
  const kind = "PermanentError";
  const order = { by: "policy", name: "permanent", fails: 9, kind };
  const failed = await ended(await client.scheduleNewOrchestration(retried, order));
  assert.equal(failed.runtimeStatus, OrchestrationStatus.FAILED);
  assert.equal(attempts.permanent, 1);
  const exhausted = { by: "handler", name: "exhausted", fails: 9 };
  await ended(await client.scheduleNewOrchestration(retried, exhausted));
  assert.equal(attempts.exhausted, 3);
}

async function usesEntities() {
  for (const [operation, amount] of [["add", 10], ["Add", 5], ["ADD", 3], ["fail", 0], ["add", 2]]) {
    await client.signalEntity(counter("case"), operation, amount);
  }
  await until(async () => (await count("case")) === 20, "the count");
  await client.signalEntity(counter("case"), "tell", { name: "told", amount: 42 });
  await until(async () => (await count("told")) === 42, "the count");
  await client.signalEntity(counter("case"), "delete");
  await until(async () => (await client.getEntity(counter("case"))) === undefined, "the deletion");
  await client.signalEntity(counter("case"), "add", 1);
  await until(async () => (await count("case")) === 1, "the count");
  await client.signalEntity(counter("case"), "begin", "gives");
  await until(async () => {
    for await (const one of client.getAllInstances({ fetchInputsAndOutputs: true })) {
      if (one.name === "gives" && one.serializedOutput === '"begun"') {
        return true;
      }
    }
    return false;
  }, "the orchestration");
  const signalTime = new Date(Date.now() + 700);
  await client.signalEntity(counter("later"), "add", 7, { signalTime });
  assert.equal(await count("later"), undefined);
  await until(async () => (await count("later")) === 7, "the signal");
  assert.ok(Date.now() >= signalTime.getTime());

  const orders = [1, 2, 3].map(() => client.scheduleNewOrchestration(locks, ["z", "a", "m"]));
  const found = await Promise.all(orders.map(async (id) => ended(await id)));
  const outputs = found.map((state) => JSON.parse(state.serializedOutput));
  assert.deepEqual(outputs.sort((a, b) => a[0] - b[0]), [[0, 1, false], [1, 2, false], [2, 3, false]]);

  const prefixed = [];
  const query = { instanceIdStartsWith: "@Counter@t", includeState: true };
  for await (const one of client.getEntities(query)) {
    prefixed.push(one.id.key);
  }
  assert.deepEqual(prefixed, ["told"]);
  const long = counter(`too-long-${"a".repeat(100)}`);
  await assert.rejects(client.signalEntity(long, "add", 1), /INVALID_ARGUMENT|length/i);
  const cleaned = await client.cleanEntityStorage();
  assert.equal(typeof cleaned.emptyEntitiesRemoved, "number");
}

async function versionsAndFilters() {
  const failing = {
    versioning: {
      version: "1.0.0",
      matchStrategy: VersionMatchStrategy.CurrentOrOlder,
      failureStrategy: VersionFailureStrategy.Fail,
    },
  };
  await serve((worker) => worker.addOrchestrator(version), failing, async () => {
    assert.equal(await result(version, undefined, { version: "1.0.0" }), "1.0.0");
    const id = await client.scheduleNewOrchestration(version, undefined, { version: "2.0.0" });
    assert.match((await ended(id)).failureDetails.message, /version/);
  });
  const workItemFilters = {
    orchestrations: [{ name: "passes", versions: ["3.0.0"] }],
    activities: [{ name: "same", versions: ["3.0.0"] }],
  };
  const register = (worker) => {
    worker.addOrchestrator(passes);
    worker.addOrchestrator(gives);
    worker.addActivity(same);
  };
  await serve(register, { workItemFilters }, async () => {
    const left = [
      await client.scheduleNewOrchestration(passes, 1, { version: "9.9.9" }),
      await client.scheduleNewOrchestration(gives, 1),
    ];
    assert.equal(await result(passes, "x", { version: "3.0.0" }), "x");
    await pause(300);
    for (const id of left) {
      const state = await client.getOrchestrationState(id);
      assert.equal(state.runtimeStatus, OrchestrationStatus.PENDING);
      await client.terminateOrchestration(id);
    }
  });
}

async function main() {
  await versionsAndFilters();
  const register = (worker) => {
    for (const one of [
      child, parent, passes, gives, tree, waits, over, sends, guids, version, counts, retried,
      failsTwice, retriedChild, failsOnce, locks,
    ]) {
      worker.addOrchestrator(one);
    }
    for (const one of [greet, same, flaky]) {
      worker.addActivity(one);
    }
    worker.addNamedEntity("Counter", () => new Counter());
  };
  await serve(register, {}, async () => {
    for (const part of [manages, restartsAndRewinds, tellsHistories, lists, retries, usesEntities]) {
      try {
        await part();
      } catch (error) {
        console.error(`part ${part.name} failed`);
        throw error;
      }
    }
  });
  await client.stop();
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
