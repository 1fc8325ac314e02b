/** Orchestrators, run natively and replayed. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { EntityId, Failure, activity, entity, orchestrator } from "weft-sdk";
import { Diverged, EntityUnderTest, Orchestration, WaitsForEver } from "weft-sdk/testing";

const double = activity("double", (number) => number * 2);
const shaky = activity("shaky", (text, call) => {
  if (call.attempt < 3) throw new RangeError("not yet");
  return `${text} at ${call.attempt}`;
});
const counter = entity("counter", {
  initial: () => ({ value: 0 }),
  operations: {
    add(state, amount) {
      state.value += amount;
      return state.value;
    },
    spoil(state, _, operation) {
      state.value = -1;
      operation.signal(new EntityId("counter", "other"), "add", 1);
      throw Failure.permanent("spoilt", "It is spoilt.");
    },
    tell(state, _, operation) {
      operation.signal(new EntityId("Counter", "other"), "add", state.value);
      return operation.key;
    },
    end(_state, _input, operation) {
      operation.destroy();
    },
    async wait() {},
  },
});

const made = (code) => orchestrator("made", code);

test("all results come in order", async () => {
  const fanOut = made(async (ctx, count) => {
    const calls = Array.from({ length: count }, (_, number) => ctx.call(double, number));
    return (await Promise.all(calls)).reduce((a, b) => a + b, 0);
  });
  const report = await new Orchestration(fanOut, 10).activity(double).run();
  assert.equal(report.result, 90);
  assert.deepEqual(report.names, Array(10).fill("double"));
});

test("async functions run beside each other", async () => {
  const steps = made(async (ctx) => {
    const twice = async (number) => ctx.call(double, await ctx.call(double, number));
    return Promise.all([twice(1), twice(2), ctx.call(double, 3)]);
  });
  const report = await new Orchestration(steps).activity(double, undefined, { taking: 1000 }).run();
  assert.deepEqual(report.result, [4, 8, 6]);
  assert.equal(report.elapsedMs, 2000);
});

test("the first failure is thrown at once", async () => {
  const broken = made(async (ctx) => {
    try {
      await Promise.all([ctx.call("bad"), ctx.sleep({ hours: 1 })]);
      return "nothing";
    } catch (error) {
      return error.kind;
    }
  });
  const bad = () => {
    throw Failure.permanent("spoilt", "It is spoilt.");
  };
  const report = await new Orchestration(broken).activity("bad", bad).run();
  assert.equal(report.result, "spoilt");
  assert.equal(report.elapsedMs, 0);
});

test("an event before and after its deadline", async () => {
  const approval = made(async (ctx, limit) => {
    ctx.setStatus("waiting");
    const answer = await ctx.timeout(limit, ctx.event("Approval"));
    return answer === undefined ? "escalated" : answer ? "approved" : "rejected";
  });
  const run = (payload, after) =>
    new Orchestration(approval, 60_000).event("approval", payload, { after }).run();
  const came = await run(true, 30_000);
  assert.deepEqual([came.result, came.elapsedMs, came.statuses], ["approved", 30_000, ["waiting"]]);
  const early = await run(false, 0);
  assert.deepEqual([early.result, early.elapsedMs], ["rejected", 0]);
  const late = await run(true, 61_000);
  assert.deepEqual([late.result, late.elapsedMs], ["escalated", 60_000]);
});

test("what never comes is named", async () => {
  const stuck = made(async (ctx) => ctx.event("never"));
  await assert.rejects(new Orchestration(stuck).run(), (error) => {
    return error instanceof WaitsForEver && error.message.includes("never");
  });
});

test("other promises are refused", async () => {
  const wrong = made(async () => new Promise(() => {}));
  const report = await new Orchestration(wrong).run();
  assert.equal(report.failure.kind, "not-durable");
});

test("retries wait longer each time", async () => {
  const retry = { maxAttempts: 4, firstInterval: { seconds: 1 }, coefficient: 2 };
  const patient = made(async (ctx) => ctx.call(shaky, "x", { retry }));
  const report = await new Orchestration(patient).activity(shaky).run();
  assert.equal(report.result, "x at 3");
  assert.deepEqual(report.calls.map((call) => call.atMs), [0, 1000, 3000]);
});

test("an error brings its kind and stack", async () => {
  const failing = made(async (ctx) => ctx.call(shaky, "x"));
  const { failure } = await new Orchestration(failing).activity(shaky).run();
  assert.deepEqual([failure.kind, failure.message, failure.retryable], ["RangeError", "not yet", true]);
  assert.match(failure.details.stack, /RangeError: not yet[^]*orchestrations\.test\.js/);
});

test("code that differs is found", async () => {
  let number = 0;
  const restless = made(async (ctx) => {
    number += 1;
    await ctx.call(double, number);
  });
  await assert.rejects(new Orchestration(restless).activity(double).run(), Diverged);
});

test("continue-as-new keeps events", async () => {
  const eternal = made(async (ctx, seen) => {
    seen.push(await ctx.event("tick"));
    if (seen.length < 3) ctx.continueAsNew(seen);
    return seen;
  });
  const run = new Orchestration(eternal, []).event("tick", 1).event("tick", 2);
  const report = await run.event("tick", 3, { after: 5 }).run();
  assert.deepEqual([report.result, report.restarts], [[1, 2, 3], 2]);
});

test("children, events to others, the time and ids", async () => {
  const parent = made(async (ctx) => {
    ctx.sendEvent("other", "hello", { from: ctx.instanceId });
    await ctx.sleep({ days: 1 });
    const child = await ctx.callOrchestrator("child", 2, { instanceId: "c" });
    return [child, ctx.now.toISOString(), ctx.newGuid() === ctx.newGuid()];
  });
  const run = new Orchestration(parent).subOrchestration("child", (number) => `child ${number}`);
  const report = await run.run();
  assert.deepEqual(report.result, ["child 2", "2026-01-02T00:00:00.000Z", false]);
  assert.deepEqual(report.sent, [{ instanceId: "other", name: "hello", payload: { from: "test" } }]);
});

test("orchestrators use entities", async () => {
  const count = made(async (ctx) => {
    const id = counter.id(ctx.instanceId);
    for (let left = 3; left > 0; left -= 1) ctx.signalEntity(id, "add", 1);
    return ctx.lock([id], async () => ctx.callEntity(id, "add", 1));
  });
  assert.equal((await new Orchestration(count).entity(counter).run()).result, 4);
});

test("operations change the state and failures do not", () => {
  const tested = new EntityUnderTest(counter, "a");
  assert.equal(tested.operate("add", 5), 5);
  assert.equal(tested.operate("tell"), "a");
  for (const [operation, kind] of [
    ["spoil", "spoilt"],
    ["nothing", "unknown-operation"],
    ["toString", "unknown-operation"],
    ["wait", "not-durable"],
  ]) {
    assert.throws(() => tested.operate(operation), (error) => error.kind === kind);
  }
  assert.deepEqual(tested.state, { value: 5 });
  assert.deepEqual(tested.sent, [["@counter@other", "add", 5]]);
  tested.operate("end");
  assert.equal(tested.state, undefined);
  tested.operate("add", 1);
  tested.operate("delete");
  assert.equal(tested.state, undefined);
});
