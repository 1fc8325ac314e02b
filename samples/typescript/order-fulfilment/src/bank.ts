/**
 * The payment provider.
 *
 * Like the test mode of a real one, it behaves as the card's token says: `tok-visa` pays,
 * `tok-slow-bank` pays at the third attempt, `tok-offline-bank` never answers and `tok-no-funds` is
 * declined. What it remembers is in key-value storage, so attempts count over crashes.
 */

import { Failure, activity, kv } from "weft-sdk";

import type { Order, Receipt } from "./order";

/** At which attempt the slow bank answers. */
const SLOW_BANK_ANSWERS_AT = 3;

/** Takes the money for an order, once for each call of it. */
export const charge = activity("charge", async (order: Order, call): Promise<Receipt> => {
  const bucket = await kv.open();
  const key = `charge/${order.id}/${call.idempotencyKey}`;
  // The money was taken and the answer lost: the same receipt again.
  const known = await bucket.getJson<Receipt>(key);
  if (known !== undefined) return known;
  const bankCalls = await bucket.increment(`${key}/calls`);
  switch (order.card) {
    case "tok-visa":
      break;
    case "tok-slow-bank":
      if (bankCalls >= SLOW_BANK_ANSWERS_AT) break;
    // The others never answer.
    case "tok-offline-bank":
      throw Failure.transient("bank-unavailable", `The bank did not answer call ${bankCalls}.`);
    case "tok-no-funds":
      throw Failure.permanent("declined", "The card has no funds.");
    default:
      throw Failure.permanent("unknown-card", "The card's token is not known.");
  }
  const receipt = { id: key, cents: order.total_cents, bank_calls: bankCalls };
  await bucket.setJson(key, receipt);
  return receipt;
});

/** Gives the money back; once given back, nothing happens any more. */
export const refund = activity("refund", async (receipt: Receipt) => {
  await (await kv.open()).setJson(`${receipt.id}/refunded`, receipt.cents);
});
