/** The same orchestration, natively. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Orchestration } from "weft-sdk/testing";

import { greet, greetings } from "../src/app";

test("everybody is greeted", async () => {
  const run = new Orchestration(greetings, { names: ["Ada", "Alan"] }).activity(greet);
  assert.deepEqual((await run.run()).result, ["Hello, Ada!", "Hello, Alan!"]);
});

test("a name is needed", async () => {
  const report = await new Orchestration(greetings, { names: [""] }).activity(greet).run();
  assert.equal(report.failure?.kind, "no-name");
});
