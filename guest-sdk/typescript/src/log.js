/** Log lines with a level (`wasi:logging`). Natively they go to stderr. */

import { platform } from "./platform.js";

export function log(level, message, context = "") {
  const known = platform();
  if (known === null) console.error(`${level} ${context}: ${message}`);
  else known.logging.log(level, context, message);
}
