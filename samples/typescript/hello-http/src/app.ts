/** The smallest HTTP function. */

import { http } from "weft-sdk";

/** Greets the world, or whom the query names. */
http("hello", (request) => `Hello, ${request.query.name ?? "world"}!\n`);
