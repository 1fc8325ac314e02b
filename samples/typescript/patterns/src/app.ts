/** The patterns of durable orchestrations, each as small as it can be. */

import { Context, activity, blob, entity, orchestrator } from "weft-sdk";

/** Twice the number. */
export const double = activity("double", (number: number) => number * 2);

/** Many steps at once, and one result of all of them. */
export const fanOut = orchestrator("fan-out", async (ctx: Context, count: number) => {
  const numbers = Array.from({ length: count }, (_, number) => number);
  const doubled = await Promise.all(numbers.map((number) => ctx.call(double, number)));
  return doubled.reduce((sum, number) => sum + number, 0);
});

/** Waits that many milliseconds for the event `Approval`, whose payload is true or false. */
export const approval = orchestrator("approval", async (ctx: Context, deadlineMs: number) => {
  ctx.setStatus("waiting");
  const answer = await ctx.timeout(deadlineMs, ctx.event<boolean>("Approval"));
  return answer === undefined ? "escalated" : answer ? "approved" : "rejected";
});

/** Sub-orchestrations, one after the other. */
export const parent = orchestrator("parent", async (ctx: Context, count: number) => {
  const results: number[] = [];
  for (let number = 0; number < count; number += 1) {
    results.push(await ctx.callOrchestrator(fanOut, number));
  }
  return results;
});

/** Starts over until nothing is left. */
export const eternal = orchestrator("eternal", async (ctx: Context, left: number) => {
  await ctx.sleep(10);
  if (left > 0) ctx.continueAsNew(left - 1);
  return "done";
});

/** Gathers what is sent to it. */
export const counter = entity("counter", {
  initial: () => ({ value: 0 }),
  operations: {
    add(state, amount: number) {
      state.value += amount;
      return state.value;
    },
    get: (state) => state.value,
  },
});

/** Sends that many ones to a counter and reads it. */
export const aggregate = orchestrator("aggregate", async (ctx: Context, count: number) => {
  const id = counter.id(ctx.instanceId);
  for (let left = count; left > 0; left -= 1) ctx.signalEntity(id, "add", 1);
  return ctx.callEntity<number>(id, "get");
});

/** Fails as code with a bug does. */
export const broken = activity("broken", (text: string) => {
  throw new RangeError(`no ${text}`);
});

/** What the language takes from its host: the same however often it is replayed. */
export const surroundings = orchestrator("surroundings", async (ctx: Context) => {
  const look = () => ({
    time: Date.now(),
    random: Math.random(),
    uuid: crypto.randomUUID(),
    bytes: [...crypto.getRandomValues(new Uint8Array(4))],
    guid: ctx.newGuid(),
    now: ctx.now.toISOString(),
  });
  const before = look();
  ctx.setStatus(before);
  const payload = await ctx.event("go");
  return { before, after: look(), payload };
});

/** Keeps a text, and 200,000 times the text, as objects. */
export const archive = activity("archive", async (text: string) => {
  const container = await blob.open("archive");
  const before = await container.get("short");
  await container.put("short", text);
  await container.put("long", text.repeat(200_000));
  await container.put("gone", "");
  await container.delete("gone");
  const start = text.length * 100_000;
  const middle = await container.get("long", { start, end: start + 8 });
  const decoder = new TextDecoder();
  return {
    before: before === undefined ? null : decoder.decode(before),
    size: (await container.info("long"))?.size,
    middle: decoder.decode(middle),
    names: await container.names(),
    absent: (await container.get("gone")) === undefined,
  };
});

/** Asks for what orchestrators may not have. */
export const outside = orchestrator("outside", async (_: Context, what: string | null) => {
  if (what === "objects") await blob.open("archive");
  await fetch("http://127.0.0.1:1/");
});
