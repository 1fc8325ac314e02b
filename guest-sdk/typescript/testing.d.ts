/** Runs functions natively, without a node and without waiting. */

import { Activity, Call, Duration, Entity, EntityId, Failure, Orchestrator } from "weft-sdk";

/** What a run has shown. */
export interface Report<O> {
  /** What the orchestrator returned. */
  result?: O;
  /** What it failed with, if it failed. */
  failure?: Failure;
  /** The activities and children that ran, every attempt of them, in the order of their beginning. */
  calls: { name: string; input: unknown; attempt: number; atMs: number }[];
  /** The names of what ran. */
  names: string[];
  /** The custom statuses that were shown. */
  statuses: unknown[];
  /** The events that were sent to others. */
  sent: { instanceId: string; name: string; payload: unknown }[];
  /** How long it took on the simulated clock. */
  elapsedMs: number;
  /** How often it continued as new. */
  restarts: number;
}

/**
 * An orchestration under test. After the run it is run once more from what was recorded, as the
 * platform does after a crash.
 */
export class Orchestration<I, O> {
  constructor(orchestrator: Orchestrator<I, O>, input?: I);
  /** What the activity does, and how long each attempt takes; the activity itself if absent. */
  activity<A, B>(
    activity: Activity<A, B>,
    does?: (input: A, call: Call) => B | Promise<B>,
    options?: { taking?: Duration },
  ): this;
  activity(
    activity: string,
    // eslint-disable-next-line @typescript-eslint/no-explicit-any
    does: (input: any, call: Call) => unknown,
    options?: { taking?: Duration },
  ): this;
  /** What the child orchestration of that name does. */
  subOrchestration(
    // eslint-disable-next-line @typescript-eslint/no-explicit-any
    orchestrator: string | Orchestrator<any, any>,
    // eslint-disable-next-line @typescript-eslint/no-explicit-any
    does: (input: any) => unknown,
  ): this;
  /** Operations on this entity run the real code, each at once. */
  entity(entity: Entity<unknown>): this;
  /** An event that is there from the start, or comes that long after it. */
  event(name: string, payload?: unknown, options?: { after?: Duration }): this;
  run(): Promise<Report<O>>;
}

/** An entity whose operations run natively. */
export class EntityUnderTest<S> {
  constructor(entity: Entity<S>, key?: string);
  readonly state: S | undefined;
  /** What operations have sent: the target, the operation or "start", and the input. */
  readonly sent: [string, string, unknown][];
  /** Throws a `Failure`; the state is then as before. */
  operate<O = unknown>(operation: string, input?: unknown): O;
}

/** The orchestrator is not deterministic: its replay does something else than its run. */
export class Diverged extends Error {}

/** The orchestration waits for what never comes. */
export class WaitsForEver extends Error {}

/** Empties storage and configuration, as before each test. */
export function clear(): void;
