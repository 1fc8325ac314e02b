/** The stamp in TypeScript, and the orchestrator that sends several parcels. */

import { Context, activity, orchestrator } from "weft-sdk";

/** What is handed from language to language. */
interface Parcel {
  id: number;
  stamps: string[];
}

/** Stamps a parcel. */
export const stamp = activity("stamp-typescript", (parcel: Parcel): Parcel => ({
  ...parcel,
  stamps: [...parcel.stamps, "typescript"],
}));

/** Sends that many parcels at once; the orchestrator of each tour is in Rust. */
export const tours = orchestrator("tours", async (ctx: Context, count: number) => {
  const ids = Array.from({ length: count }, (_, id) => id);
  const tour = (id: number) => ctx.callOrchestrator<Parcel>("tour", { id, stamps: ["sent"] });
  return Promise.all(ids.map(tour));
});
