/** What the types of the package promise: checked by the compiler, never run. */

import { Context, activity, blob, client, entity, http, kv, orchestrator } from "weft-sdk";
import { EntityUnderTest, Orchestration } from "weft-sdk/testing";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function check<_T extends true>(): void {}

const double = activity("double", (number: number) => number * 2);
const shout = activity("shout", async (text: string) => text.toUpperCase());
const tick = activity("tick", () => "tick");

export const all = orchestrator("all", async (ctx: Context, count: number) => {
  const [number, text, other] = await Promise.all([
    ctx.call(double, count),
    ctx.call(shout, "a", { retry: { maxAttempts: 3, firstInterval: { seconds: 1 } } }),
    ctx.call<boolean>("elsewhere"),
  ]);
  check<Same<typeof number, number>>();
  check<Same<typeof text, string>>();
  check<Same<typeof other, boolean>>();
  const event = await ctx.timeout(1000, ctx.event<{ by: string }>("approval"));
  check<Same<typeof event, { by: string } | undefined>>();
  const child = await ctx.callOrchestrator(all2, text);
  check<Same<typeof child, string[]>>();
  await ctx.call(tick);
  // @ts-expect-error the input is a number
  ctx.call(double, "x");
  return number;
});

const all2 = orchestrator("all2", async (_ctx: Context, text: string) => [text]);

const counter = entity("counter", {
  initial: () => ({ value: 0 }),
  operations: {
    add(state, amount: number) {
      state.value += amount;
      // @ts-expect-error the state has no such field
      state.other = 1;
    },
  },
});

export async function tests(): Promise<void> {
  const report = await new Orchestration(all, 1).activity(double).run();
  check<Same<typeof report.result, number | undefined>>();
  const state = new EntityUnderTest(counter).state;
  check<Same<typeof state, { value: number } | undefined>>();
}

http({ name: "start", methods: ["POST"] }, async (request) => {
  const bucket = await kv.open();
  await bucket.setJson("last", request.query);
  const read = await (await blob.open("bodies")).get("last", { end: 3 });
  check<Same<typeof read, Uint8Array | undefined>>();
  return client.start(all, await request.json<number>(), { instanceId: "a" });
});
