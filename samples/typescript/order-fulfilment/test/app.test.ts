/** Every way an order can go, natively and without waiting. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { beforeEach, test } from "node:test";

import { Orchestration, clear } from "weft-sdk/testing";

import { fulfil } from "../src/app";
import { charge, refund } from "../src/bank";
import type { Approval, Order, Outcome } from "../src/order";
import { release, reserve, ship } from "../src/warehouse";

function order(name: string): Order {
  return JSON.parse(readFileSync(`order-fulfilment/orders/${name}.json`, "utf8")) as Order;
}

function run(name: string, approval?: Approval) {
  const run = new Orchestration(fulfil, order(name));
  run.activity(charge).activity(refund).activity(release).activity(reserve).activity(ship);
  if (approval !== undefined) run.event("Approval", approval, { after: 5000 });
  return run.run();
}

function cancelled(outcome: Outcome | undefined) {
  assert.equal(outcome?.status, "cancelled");
  return outcome as Extract<Outcome, { status: "cancelled" }>;
}

beforeEach(clear);

test("a small order goes through", async () => {
  const report = await run("small");
  assert.equal(report.result?.status, "fulfilled");
  assert.deepEqual(report.names, ["reserve", "charge", "ship"]);
});

test("what was done is undone", async () => {
  assert.deepEqual(cancelled((await run("no-funds")).result).undone, ["reserve"]);
  assert.deepEqual(cancelled((await run("antarctica")).result).undone, ["charge", "reserve"]);
});

test("a slow bank is asked again", async () => {
  const report = await run("slow-bank");
  assert.equal(report.elapsedMs, 3000);
  assert.equal(report.names.filter((name) => name === "charge").length, 3);
});

test("a large order needs a person", async () => {
  assert.equal(cancelled((await run("large")).result).reason, "approval-timeout");
  const by = "Ann";
  assert.equal((await run("large", { approved: true, by })).result?.status, "fulfilled");
  const refused = cancelled((await run("large", { approved: false, by })).result);
  assert.equal(refused.message, "Ann did not approve the order.");
});

test("a lost answer takes the money once", async () => {
  const call = { instanceId: "i", idempotencyKey: "i:1", attempt: 1 };
  assert.deepEqual(await charge(order("small"), call), await charge(order("small"), call));
});
