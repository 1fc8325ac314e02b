/** What a component exports. The build bundles it together with the app; nothing else imports it. */

import * as clientInterface from "weft:functions/client@0.1.0";
import * as durable from "weft:functions/durable@0.1.0";
import * as entities from "weft:functions/entities@0.1.0";
import * as entityClient from "weft:functions/entity-client@0.1.0";
import * as entityContext from "weft:functions/entity-context@0.1.0";
import * as management from "weft:functions/management@0.1.0";
import * as blobstore from "wasi:blobstore/blobstore@0.2.0-draft";
import { IncomingValue, OutgoingValue } from "wasi:blobstore/types@0.2.0-draft";
import * as configStore from "wasi:config/store@0.2.0-rc.1";
import * as atomics from "wasi:keyvalue/atomics@0.2.0-draft";
import * as keyvalue from "wasi:keyvalue/store@0.2.0-draft";
import * as logging from "wasi:logging/logging@0.1.0-draft";

import { execute } from "./context.js";
import { operate } from "./entity.js";
import { Failure } from "./failure.js";
import { FUNCTIONS, find } from "./function.js";
import { readInput, toJson, writeOutput } from "./json.js";
import { payload, setPlatform } from "./platform.js";
import { drain } from "./promise.js";
import { handle } from "./wasi-http.js";

setPlatform({
  bigint: __WEFT_BIGINT__,
  client: clientInterface,
  entityClient,
  management,
  config: configStore,
  blobstore: { ...blobstore, IncomingValue, OutgoingValue },
  keyvalue,
  atomics,
  logging,
});

/** The durable interface; a wait's failure is thrown as one. */
const engine = {
  callActivity: durable.callActivity,
  callSubOrchestrator: durable.callSubOrchestrator,
  createTimer: durable.createTimer,
  cancel: durable.cancel,
  waitForEvent: durable.waitForEvent,
  sendEvent: durable.sendEvent,
  callEntity: entities.call,
  signalEntity: entities.signal,
  lock: entities.lock,
  unlock: entities.unlock,
  isReady: durable.isReady,
  waitAny: (tasks) => durable.waitAny(__WEFT_BIGINT__ ? Uint32Array.from(tasks) : tasks),
  result(task) {
    try {
      return durable.wait(task);
    } catch (error) {
      const failure = payload(error);
      throw typeof failure?.kind === "string" ? Failure.ofWit(failure) : error;
    }
  },
  continueAsNew: durable.continueAsNew,
  setCustomStatus: durable.setCustomStatus,
  nowMs: durable.nowMs,
  newGuid: durable.newGuid,
  isReplaying: durable.isReplaying,
  instanceId: durable.instanceId,
};

function failing(action) {
  try {
    return action();
  } catch (error) {
    throw wit(error);
  }
}

function wit(error) {
  const failure = Failure.of(error);
  if (failure !== error) console.error(failure.details?.stack ?? failure.message);
  return failure.toWit();
}

/** The result of code that waits for nothing but what is there. */
function settled(name, code) {
  let outcome = null;
  new Promise((resolve) => resolve(code())).then(
    (value) => (outcome = { value }),
    (error) => (outcome = { error }),
  );
  drain();
  if (outcome === null) {
    const message = `${name} awaits something that never comes in a component`;
    throw Failure.permanent("not-durable", message);
  }
  if ("error" in outcome) throw outcome.error;
  return outcome.value;
}

/** Where the engine runs promises itself, the export gives one of its own. */
function answer(name, code, then) {
  if (!__WEFT_NATIVE_EVENTS__) return failing(() => then(settled(name, code)));
  return new globalThis.__weftNativePromise((resolve, reject) => {
    new Promise((done) => done(code())).then(then).then(resolve, (error) => reject(wit(error)));
    drain();
  });
}

export const activity = {
  run(name, input, call) {
    const run = () => {
      const made = find(name, "activity");
      const { instanceId, idempotencyKey, attempt } = call;
      return made.code(readInput(input, made.parse), { instanceId, idempotencyKey, attempt });
    };
    return answer(`the activity ${name}`, run, writeOutput);
  },
};

export const orchestrator = {
  run(name, input) {
    return failing(() => execute(engine, find(name, "orchestrator"), input, drain));
  },
};

export const entity = {
  names() {
    return [...FUNCTIONS.values()].filter((made) => made.kind === "entity").map(({ name }) => name);
  },

  run(name, key, operation, input) {
    return failing(() => {
      const before = entityContext.getState() ?? null;
      const made = find(name, "entity");
      const { state, answer: given } = operate(made, before, key, operation, input, {
        signal: entityContext.signal,
        start: entityContext.start,
      });
      entityContext.setState(state);
      return given;
    });
  },
};

export const describe = {
  describe() {
    const text = (schema) => (schema === undefined ? null : toJson(schema));
    return [...FUNCTIONS.values()]
      .filter((made) => made.kind !== "entity")
      .map((made) => ({
        name: made.name,
        kind: made.kind,
        description: made.description ?? null,
        inputSchema: text(made.inputSchema),
        outputSchema: text(made.outputSchema),
        route: made.route ?? null,
        methods: made.methods ?? [],
      }));
  },
};

export const incomingHandler = {
  handle(request, out) {
    return answer("the HTTP function", () => handle(request, out), () => undefined);
  },
};
