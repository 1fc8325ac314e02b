/**
 * The promises of components.
 *
 * An exported function of a component must return before the engine runs its own queue of
 * promises, so an orchestrator could never be awaited. The build replaces the global `Promise` by
 * this one and async functions by generators over it; `drain` then runs everything that can go on.
 * Jobs run in the order in which they were queued, as the language asks.
 */

const queue = [];
let draining = false;
let wake = null;

/** Runs all jobs, and those that they queue. */
export function drain() {
  if (draining) return;
  draining = true;
  try {
    for (let at = 0; at < queue.length; at += 1) queue[at]();
  } finally {
    queue.length = 0;
    draining = false;
  }
}

/** Lets an engine that runs its own queue run this one as well. */
export function drainBy(schedule) {
  wake = schedule;
}

function enqueue(job) {
  queue.push(job);
  if (wake !== null && queue.length === 1 && !draining) wake(drain);
}

const PENDING = 0;
const FULFILLED = 1;
const REJECTED = 2;

export class DurablePromise {
  #state = PENDING;
  #value = undefined;
  #reactions = [];

  constructor(executor) {
    if (typeof executor !== "function") throw new TypeError("a promise is made of a function");
    const { resolve, reject } = this.#functions();
    try {
      executor(resolve, reject);
    } catch (error) {
      reject(error);
    }
  }

  #functions() {
    let called = false;
    const once = (settle) => (value) => {
      if (!called) {
        called = true;
        settle(value);
      }
    };
    return {
      resolve: once((value) => this.#resolve(value)),
      reject: once((reason) => this.#settle(REJECTED, reason)),
    };
  }

  #resolve(value) {
    if (value === this) {
      this.#settle(REJECTED, new TypeError("a promise cannot wait for itself"));
      return;
    }
    if (value === null || (typeof value !== "object" && typeof value !== "function")) {
      this.#settle(FULFILLED, value);
      return;
    }
    let then;
    try {
      then = value.then;
    } catch (error) {
      this.#settle(REJECTED, error);
      return;
    }
    if (typeof then !== "function") {
      this.#settle(FULFILLED, value);
      return;
    }
    enqueue(() => {
      const { resolve, reject } = this.#functions();
      try {
        then.call(value, resolve, reject);
      } catch (error) {
        reject(error);
      }
    });
  }

  #settle(state, value) {
    this.#state = state;
    this.#value = value;
    const reactions = this.#reactions;
    this.#reactions = [];
    for (const reaction of reactions) this.#queue(reaction);
  }

  #queue({ onFulfilled, onRejected, resolve, reject }) {
    const handler = this.#state === FULFILLED ? onFulfilled : onRejected;
    enqueue(() => {
      if (typeof handler !== "function") {
        (this.#state === FULFILLED ? resolve : reject)(this.#value);
        return;
      }
      try {
        resolve(handler(this.#value));
      } catch (error) {
        reject(error);
      }
    });
  }

  then(onFulfilled, onRejected) {
    return new DurablePromise((resolve, reject) => {
      const reaction = { onFulfilled, onRejected, resolve, reject };
      if (this.#state === PENDING) this.#reactions.push(reaction);
      else this.#queue(reaction);
    });
  }

  catch(onRejected) {
    return this.then(undefined, onRejected);
  }

  finally(action) {
    if (typeof action !== "function") return this.then(action, action);
    return this.then(
      (value) => DurablePromise.resolve(action()).then(() => value),
      (reason) =>
        DurablePromise.resolve(action()).then(() => {
          throw reason;
        }),
    );
  }

  static resolve(value) {
    return value instanceof DurablePromise ? value : new DurablePromise((resolve) => resolve(value));
  }

  static reject(reason) {
    return new DurablePromise((_, reject) => reject(reason));
  }

  static withResolvers() {
    const made = {};
    made.promise = new DurablePromise((resolve, reject) => Object.assign(made, { resolve, reject }));
    return made;
  }

  static try(action, ...values) {
    return new DurablePromise((resolve) => resolve(action(...values)));
  }

  static all(promises) {
    return collect(promises, (values, at, resolve, reject, done) => [
      (value) => {
        values[at] = value;
        done();
      },
      reject,
    ]);
  }

  static allSettled(promises) {
    return collect(promises, (values, at, resolve, reject, done) => [
      (value) => {
        values[at] = { status: "fulfilled", value };
        done();
      },
      (reason) => {
        values[at] = { status: "rejected", reason };
        done();
      },
    ]);
  }

  static any(promises) {
    const none = (reasons, resolve, reject) =>
      reject(new AggregateError(reasons, "every promise was rejected"));
    return collect(
      promises,
      (reasons, at, resolve, reject, done) => [
        resolve,
        (reason) => {
          reasons[at] = reason;
          done();
        },
      ],
      none,
    );
  }

  static race(promises) {
    return new DurablePromise((resolve, reject) => {
      for (const promise of promises) DurablePromise.resolve(promise).then(resolve, reject);
    });
  }

  get [Symbol.toStringTag]() {
    return "Promise";
  }
}

function collect(promises, handlers, finish = (values, resolve) => resolve(values)) {
  return new DurablePromise((resolve, reject) => {
    const values = [];
    let left = 1;
    const done = () => {
      left -= 1;
      if (left === 0) finish(values, resolve, reject);
    };
    let at = 0;
    for (const promise of promises) {
      values.push(undefined);
      left += 1;
      const [onFulfilled, onRejected] = handlers(values, at, resolve, reject, done);
      DurablePromise.resolve(promise).then(onFulfilled, onRejected);
      at += 1;
    }
    done();
  });
}
