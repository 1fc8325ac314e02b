/** Write functions for weft in JavaScript and TypeScript. */

/** What JSON can hold. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** Milliseconds, or the parts of a time span. */
export type Duration =
  | number
  | { days?: number; hours?: number; minutes?: number; seconds?: number; milliseconds?: number };

/** The n-th retry waits `firstInterval * coefficient ** (n - 1)`, at most `maxInterval`. */
export interface Retry {
  /** How many calls are made at most, the first one included. */
  maxAttempts: number;
  firstInterval: Duration;
  /** 1 if absent. */
  coefficient?: number;
  maxInterval?: Duration;
  /** No retry starts later than this after the first call. */
  totalTimeout?: Duration;
  /** Kinds of failure that end the attempts at once. */
  nonRetryable?: string[];
}

/**
 * A failure with a stable kind. Anything else that a function throws becomes one: its kind is the
 * error's name, it is worth a retry, and its details hold the stack.
 */
export class Failure extends Error {
  static readonly INVALID_INPUT: "invalid-input";
  static readonly INVALID_OUTPUT: "invalid-output";
  constructor(kind: string, message: string, options?: { retryable?: boolean; details?: unknown });
  readonly kind: string;
  /** Whether the same call may succeed later. Retry policies stop at false. */
  readonly retryable: boolean;
  /** Further details, as JSON can hold them. */
  readonly details: unknown;
  /** A failure that another try meets again. */
  static permanent(kind: string, message: string, details?: unknown): Failure;
  /** A failure that a later try may not meet. */
  static transient(kind: string, message: string, details?: unknown): Failure;
  /** The failure that a thrown value is for those who called the function. */
  static of(error: unknown): Failure;
}

/**
 * Which call of which orchestration an activity runs for. An activity runs at least once for each
 * call: what must not happen twice is keyed by `idempotencyKey`.
 */
export interface Call {
  /** The orchestration; empty for a direct call. */
  readonly instanceId: string;
  /** The same for every attempt at this call and for no other call; empty for a direct call. */
  readonly idempotencyKey: string;
  /** 1 for the first attempt that the retry policy makes. */
  readonly attempt: number;
}

/** What a function says of itself. */
export interface FunctionOptions<I = unknown> {
  /** The name that callers use: `[a-z0-9-]{1,63}`. */
  name: string;
  description?: string;
  /** JSON Schema. */
  inputSchema?: object;
  outputSchema?: object;
  /** Checks the input; what it throws is told to the caller. */
  parse?: (value: unknown) => I;
}

/** An activity: ordinary code with side effects, run at least once for each call. */
export interface Activity<I, O> {
  (input: I, call: Call): O | Promise<O>;
  readonly name: string;
  readonly kind: "activity";
}

/** An orchestrator: deterministic code that sequences the calls of others. */
export interface Orchestrator<I, O> {
  (ctx: Context, input: I): Promise<O>;
  readonly name: string;
  readonly kind: "orchestrator";
}

export function activity<I = void, O = void>(
  named: string | FunctionOptions<I>,
  code: (input: I, call: Call) => O | Promise<O>,
): Activity<I, O>;

export function orchestrator<I = void, O = void>(
  named: string | FunctionOptions<I>,
  code: (ctx: Context, input: I) => Promise<O>,
): Orchestrator<I, O>;

/** Something of the platform's that will be done. It can be awaited any number of times. */
export class Task<T> implements Promise<T> {
  private constructor();
  then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B>;
  catch<B = never>(onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<T | B>;
  finally(action?: (() => void) | null): Promise<T>;
  readonly [Symbol.toStringTag]: string;
  /** Cancels a timer, or stops waiting for an event. Anything else goes on. */
  cancel(): void;
}

/**
 * Everything that an orchestrator may take from outside of its input. An orchestrator is run again
 * from its history after a crash; what comes from here is then the same again. Its tasks work with
 * `Promise.all`, `Promise.race`, `Promise.any` and the rest.
 */
export class Context {
  private constructor();
  /** Calls an activity: one of this package, or one of any language by its name. */
  call<I, O>(activity: Activity<I, O>, input: I, options?: { retry?: Retry }): Task<O>;
  call<O>(activity: Activity<void, O>): Task<O>;
  call<O = unknown>(activity: string, input?: unknown, options?: { retry?: Retry }): Task<O>;
  /** Starts another orchestration as a child. Without an id it is named after this one. */
  callOrchestrator<I, O>(
    orchestrator: Orchestrator<I, O>,
    input: I,
    options?: { instanceId?: string; retry?: Retry },
  ): Task<O>;
  callOrchestrator<O = unknown>(
    orchestrator: string,
    input?: unknown,
    options?: { instanceId?: string; retry?: Retry },
  ): Task<O>;
  /** A durable timer. */
  sleep(duration: Duration): Task<null>;
  /** The next event of that name which nobody has taken. */
  event<T = unknown>(name: string): Task<T>;
  /** The task's result, or nothing where that takes longer. Stops waiting for an event. */
  timeout<T>(duration: Duration, task: PromiseLike<T>): Promise<T | undefined>;
  /** Sends an event to another instance; dropped where that does not exist or has ended. */
  sendEvent(instanceId: string, name: string, payload?: unknown): void;
  /** Runs an operation of an entity. One that does not exist is created. */
  callEntity<O = unknown>(entity: EntityId, operation: string, input?: unknown): Task<O>;
  /** Sends an operation without waiting for it, to run then or later. */
  signalEntity(entity: EntityId, operation: string, input?: unknown, options?: { at?: Date }): void;
  /**
   * Locks entities while the action runs. Until then only they may be called, and only others be
   * signaled.
   */
  lock<T>(entities: EntityId[], action: () => Promise<T>): Promise<T>;
  /** Starts over with this input and an empty history. Nothing after it counts. */
  continueAsNew(input?: unknown, options?: { keepEvents?: boolean }): never;
  /** What the instance shows of itself, at most 16 KiB of JSON. */
  setStatus(status: unknown): void;
  /** The time of the current turn; the same on replay. */
  readonly now: Date;
  /** A new random-looking UUID; the same on replay. */
  newGuid(): string;
  /** Whether the code runs over what has been recorded. */
  readonly isReplaying: boolean;
  readonly instanceId: string;
  /** Logs a message once, not again on replay. */
  log(message: string): void;
}

/** Names an entity of the same app: the name is that of the function, the key is free. */
export class EntityId {
  constructor(name: string | { name: string }, key: string);
  readonly name: string;
  readonly key: string;
  toString(): string;
}

/** What an operation may ask for. Nothing of it counts where the operation fails. */
export interface Operation {
  /** What tells the entity from others of its name. */
  readonly key: string;
  readonly name: string;
  /** Leaves the entity without a state when the operation has succeeded. */
  destroy(): void;
  signal(entity: EntityId, operation: string, input?: unknown, options?: { at?: Date }): void;
  /** Starts an orchestration; gives its id. */
  start<I>(
    orchestrator: string | Orchestrator<I, unknown>,
    input?: I,
    options?: { instanceId?: string },
  ): string;
}

export interface Entity<S> {
  readonly name: string;
  readonly kind: "entity";
  /** The state's type; there is no such value. */
  readonly state?: S;
  id(key: string): EntityId;
}

/**
 * Makes an entity. Operations change the state in place; where one fails, the state stays what it
 * was. The operation `delete` leaves the entity without a state.
 */
export function entity<S>(
  name: string,
  definition: {
    initial: () => S;
    // eslint-disable-next-line @typescript-eslint/no-explicit-any
    operations: Record<string, (state: S, input: any, operation: Operation) => unknown>;
  },
): Entity<S>;

/** Sends an operation to an entity, from HTTP functions and activities; then it is on disk. */
export function signal(
  entity: EntityId,
  operation: string,
  input?: unknown,
  options?: { at?: Date },
): Promise<void>;

/** The state of an entity, or nothing, for HTTP functions and activities. */
export function state<S = unknown>(entity: EntityId): Promise<S | undefined>;

export type Headers = [string, string][] | Record<string, string>;

/** A request of an HTTP function. Made by hand, it serves tests. */
export class HttpRequest {
  constructor(
    method: string,
    target: string,
    init?: { headers?: Headers; body?: string | Uint8Array },
  );
  readonly method: string;
  /** Path and query, percent-encoded as they came. */
  readonly target: string;
  readonly headers: [string, string][];
  /** The parameters of the route template, decoded. */
  readonly params: Record<string, string>;
  /** The path within the app, which begins with `/api/`. */
  readonly path: string;
  /** The path as the caller sees it, for links. */
  readonly publicPath: string;
  /** The first value of each query parameter, decoded. */
  readonly query: Record<string, string>;
  header(name: string): string | undefined;
  /** The whole body; a longer one is answered with 413. */
  bytes(bytesMax?: number): Promise<Uint8Array>;
  text(bytesMax?: number): Promise<string>;
  /** At most 1 MiB; 400 where it is no JSON. */
  json<T = unknown>(): Promise<T>;
}

/** A response with its whole body. */
export class HttpResponse {
  constructor(body?: string | Uint8Array, init?: { status?: number; headers?: Headers });
  readonly status: number;
  readonly headers: [string, string][];
  readonly body: Uint8Array;
  static text(text: string, init?: { status?: number; headers?: Headers }): HttpResponse;
  static json(value: unknown, init?: { status?: number; headers?: Headers }): HttpResponse;
  header(name: string): string | undefined;
  text(): string;
}

/** An answer that says why there is no other; it becomes `application/problem+json`. */
export class HttpError extends Error {
  /** `kind` is a stable name in words and hyphens, such as `bad-archive`. */
  constructor(status: number, kind: string, detail: string);
  readonly status: number;
  readonly kind: string;
  response(): HttpResponse;
}

export interface HttpFunction {
  readonly name: string;
  readonly kind: "http";
}

/**
 * Makes an HTTP function; its route is its name where none is given. It gives a response, or a text,
 * bytes or a value that becomes JSON.
 */
export function http(
  named: string | { name: string; route?: string; methods?: string[]; description?: string },
  code: (request: HttpRequest) => unknown,
): HttpFunction;

/** The platform refused. */
export class PlatformError extends Error {
  readonly code: "not-found" | "already-exists" | "ended" | "invalid" | "unavailable";
}

/** Logs a message. `context` is any text that groups similar messages. */
export function log(
  level: "trace" | "debug" | "info" | "warn" | "error" | "critical",
  message: string,
  context?: string,
): void;

type RuntimeStatus = "pending" | "running" | "suspended" | "completed" | "failed" | "terminated";

/** What is known of an orchestration. */
export interface Status {
  instanceId: string;
  name: string;
  runtimeStatus: RuntimeStatus;
  created: Date;
  updated: Date;
  input: unknown;
  customStatus: unknown;
  /** The result of a completed orchestration, or the failure of a failed one. */
  output: unknown;
  hasEnded: boolean;
}

/** Which orchestrations are meant. All conditions must hold; absent ones always do. */
export interface Filter {
  statuses?: RuntimeStatus[];
  idPrefix?: string;
  name?: string;
  createdFrom?: Date;
  createdTo?: Date;
  updatedFrom?: Date;
  updatedTo?: Date;
  tags?: Record<string, string>;
}

/** A part of a listing; `next` is what to give as `after` for the next page. */
export interface Page<T> {
  items: T[];
  next?: string;
}

/**
 * Starting and managing orchestrations of the same app, from activities and HTTP functions. What the
 * platform refuses is thrown as `PlatformError`.
 */
export namespace client {
  function start<I>(
    orchestrator: string | Orchestrator<I, unknown>,
    input?: I,
    options?: {
      instanceId?: string;
      tags?: Record<string, string>;
      version?: string;
      notBefore?: Date;
      /** The statuses in which one of the same id makes way; where absent, those of ended ones. */
      reuse?: RuntimeStatus[];
    },
  ): Promise<string>;
  function getStatus(instanceId: string): Promise<Status>;
  function waitForCompletion(instanceId: string, limit: Duration): Promise<Status>;
  function raiseEvent(instanceId: string, name: string, payload?: unknown): Promise<void>;
  function terminate(instanceId: string, reason?: string): Promise<void>;
  function suspend(instanceId: string, reason?: string): Promise<void>;
  function resume(instanceId: string, reason?: string): Promise<void>;
  function listInstances(
    which?: Filter,
    options?: { limit?: number; after?: string },
  ): Promise<Page<Status>>;
  function rewind(instanceId: string, reason?: string): Promise<void>;
  function restart(instanceId: string, options?: { sameId?: boolean }): Promise<string>;
  function purge(instanceId: string, options?: { recursive?: boolean }): Promise<number>;
  function purgeMatching(which: Filter, options?: { recursive?: boolean }): Promise<number>;
  function listEntities(
    name?: string,
    options?: { limit?: number; after?: string },
  ): Promise<Page<{ entity: EntityId; state: unknown; updated: Date }>>;
}

/** Key-value storage. Natively it lives in memory. */
export namespace kv {
  interface Bucket {
    get(key: string): Promise<Uint8Array | undefined>;
    set(key: string, value: Uint8Array): Promise<void>;
    delete(key: string): Promise<void>;
    exists(key: string): Promise<boolean>;
    /** All keys, in no particular order. */
    keys(): Promise<string[]>;
    /** Adds to the number under the key and gives the sum; nobody's addition is lost. */
    increment(key: string, delta?: number): Promise<number>;
    getJson<T = unknown>(key: string): Promise<T | undefined>;
    setJson(key: string, value: unknown): Promise<void>;
  }
  class KvError extends Error {
    readonly code: "no-such-store" | "access-denied" | "other";
  }
  /** Every app has the bucket `default`. */
  function open(name?: string): Promise<Bucket>;
}

/**
 * Objects in containers: bytes that are too long for key-value storage. Natively they live in memory.
 */
export namespace blob {
  interface Container {
    /** The whole object, or the bytes at these positions; nothing where it is absent. */
    get(name: string, range?: { start?: number; end?: number }): Promise<Uint8Array | undefined>;
    /** Creates the object or replaces it; when this is done, it is on disk. */
    put(name: string, bytes: Uint8Array | string): Promise<void>;
    info(name: string): Promise<{ size: number; created: Date } | undefined>;
    exists(name: string): Promise<boolean>;
    delete(name: string): Promise<void>;
    /** All names, in order. */
    names(): Promise<string[]>;
  }
  class BlobError extends Error {}
  /** Opens a container of the app, and makes it where there is none. */
  function open(name: string): Promise<Container>;
  /** Removes a container with all that is in it. */
  function remove(name: string): Promise<void>;
}

/** Configuration values of the function, read-only. */
export namespace config {
  function get(key: string): Promise<string | undefined>;
  function getAll(): Promise<Record<string, string>>;
  /** What a test configures; without effect in a component. */
  const values: Map<string, string>;
}
