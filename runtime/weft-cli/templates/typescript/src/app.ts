/** Greets some names: an HTTP function starts an orchestration, which calls an activity for each. */

import { Context, Failure, HttpResponse, activity, client, http, orchestrator } from "weft-sdk";

/** Whom to greet. */
interface Guests {
  names: string[];
}

/** Greets one name. Activities do the work; they may call out, and they run at least once. */
export const greet = activity("greet", (name: string) => {
  if (name === "") throw Failure.permanent("no-name", "A name is needed.");
  return `Hello, ${name}!`;
});

/** Greets all of them at the same time. It survives every crash of the node in between. */
export const greetings = orchestrator("greetings", async (ctx: Context, guests: Guests) =>
  Promise.all(guests.names.map((name) => ctx.call(greet, name))),
);

/** Starts the greetings and answers with the id of their orchestration. */
http({ name: "start", methods: ["POST"] }, async (request) => {
  const guests = await request.json<Guests>();
  return HttpResponse.json(await client.start(greetings, guests), { status: 202 });
});
