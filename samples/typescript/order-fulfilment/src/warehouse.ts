/** The warehouse: it has twenty of everything and delivers to a few countries. */

import { Failure, activity, kv } from "weft-sdk";

import type { Order, Parcel, Reservation } from "./order";

const STOCK = 20;
const DELIVERS_TO = ["AT", "CH", "DE", "FR", "NL"];

/** Puts the goods of an order aside. */
export const reserve = activity("reserve", async (order: Order, call): Promise<Reservation> => {
  if (!(order.quantity > 0 && order.quantity <= STOCK)) {
    const message = `There are ${STOCK} of ${order.item}, not ${order.quantity}.`;
    throw Failure.permanent("out-of-stock", message);
  }
  const reservation = { id: `reservation/${order.id}/${call.idempotencyKey}` };
  await (await kv.open()).setJson(reservation.id, order.quantity);
  return reservation;
});

/** Puts reserved goods back; goods that are back stay there. */
export const release = activity("release", async (reservation: Reservation) => {
  await (await kv.open()).delete(reservation.id);
});

/** Sends the goods of an order. */
export const ship = activity("ship", (order: Order): Parcel => {
  if (!DELIVERS_TO.includes(order.country)) {
    throw Failure.permanent("undeliverable", `Nothing is delivered to ${order.country}.`);
  }
  return { tracking: `${order.country}-${order.id}` };
});
