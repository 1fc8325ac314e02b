/**
 * Fulfils orders: reserve, have large ones approved, charge, ship; whatever fails, everything done
 * before is undone.
 */

import { Context, Failure, Retry, orchestrator } from "weft-sdk";

import { charge, refund } from "./bank";
import type { Approval, Order, Outcome, Parcel, Receipt, Reservation } from "./order";
import { release, reserve, ship } from "./warehouse";

/** Orders above this need a person's approval. */
const APPROVAL_FREE_CENTS = 50_000;
const ONE_DAY = 24 * 60 * 60;

/** What has been done and must be undone when a later step fails. */
interface Done {
  reservation?: Reservation;
  receipt?: Receipt;
}

/**
 * Fulfils an order: reserve, have a large one approved, charge, ship. When a step fails for good,
 * the steps before it are undone.
 */
export const fulfil = orchestrator("fulfil", async (ctx: Context, order: Order): Promise<Outcome> => {
  const done: Done = {};
  let outcome: Outcome;
  try {
    const [receipt, parcel] = await forward(ctx, order, done);
    outcome = { status: "fulfilled", receipt, parcel };
  } catch (error) {
    const { kind, message } = Failure.of(error);
    outcome = { status: "cancelled", undone: await undo(ctx, done), reason: kind, message };
  }
  ctx.setStatus({ stage: "done" });
  return outcome;
});

async function forward(ctx: Context, order: Order, done: Done): Promise<[Receipt, Parcel]> {
  ctx.setStatus({ stage: "reserving" });
  done.reservation = await ctx.call(reserve, order, { retry: patient(3) });

  if (order.total_cents > APPROVAL_FREE_CENTS) await approve(ctx, order);

  ctx.setStatus({ stage: "charging" });
  done.receipt = await ctx.call(charge, order, { retry: patient(4) });

  ctx.setStatus({ stage: "shipping" });
  return [done.receipt, await ctx.call(ship, order, { retry: patient(3) })];
}

/** Waits for a person, but not for ever. */
async function approve(ctx: Context, order: Order): Promise<void> {
  const seconds = order.approval_seconds ?? ONE_DAY;
  ctx.setStatus({ stage: "awaiting-approval", cents: order.total_cents, seconds });
  const approval = await ctx.timeout({ seconds }, ctx.event<Approval>("approval"));
  if (approval === undefined) {
    throw Failure.permanent("approval-timeout", "Nobody approved the order in time.");
  }
  if (!approval.approved) {
    throw Failure.permanent("not-approved", `${approval.by} did not approve the order.`);
  }
}

/** Undoes what was done, the last step first. Undoing must succeed, so it is tried for long. */
async function undo(ctx: Context, done: Done): Promise<string[]> {
  ctx.setStatus({ stage: "undoing" });
  const undone: string[] = [];
  if (done.receipt !== undefined) {
    await ctx.call(refund, done.receipt, { retry: patient(20) });
    undone.push("charge");
  }
  if (done.reservation !== undefined) {
    await ctx.call(release, done.reservation, { retry: patient(20) });
    undone.push("reserve");
  }
  return undone;
}

/** One second, two, four and so on, but never more than a minute between two attempts. */
function patient(maxAttempts: number): Retry {
  const [firstInterval, maxInterval] = [{ seconds: 1 }, { minutes: 1 }];
  return { maxAttempts, firstInterval, coefficient: 2, maxInterval };
}
