/** What one execution asked for and got, and running it again from that. */

import { Failure } from "../failure.js";

export const INSTANCE_ID = "test";

/** The orchestrator is not deterministic: its replay does something else than its run. */
export class Diverged extends Error {
  constructor(message) {
    super(message);
    this.name = "Diverged";
  }
}

export class Recording {
  commands = [];
  tasks = 0;
  completions = [];
  guids = 0;

  constructor(startMs) {
    this.startMs = startMs;
  }

  begin(command) {
    this.commands.push(command);
    this.tasks += 1;
    return this.tasks;
  }

  find(task) {
    return this.completions.find((done) => done.task === task);
  }

  /** The position of the one that was done first, or -1. */
  firstOf(tasks) {
    const first = this.completions.find((done) => tasks.includes(done.task));
    return first === undefined ? -1 : tasks.indexOf(first.task);
  }

  nowMs() {
    return this.completions.at(-1)?.atMs ?? this.startMs;
  }

  newGuid() {
    this.guids += 1;
    const part = (value, length) => value.toString(16).padStart(length, "0").slice(-length);
    return `${part(this.guids, 8)}-0000-4000-8000-${part(this.startMs, 12)}`;
  }
}

/** The part of an engine that is the same in a run and its replay. */
export class Recorder {
  callActivity(name, input, retry) {
    return this.begin(`the activity ${name} with ${input}`, { kind: "activity", name, input, retry });
  }

  callSubOrchestrator(name, input, instanceId, retry) {
    const command = `the child ${name} (${instanceId ?? "unnamed"}) with ${input}`;
    return this.begin(command, { kind: "child", name, input, retry });
  }

  createTimer(delayMs) {
    return this.begin(`a timer of ${delayMs} ms`, { kind: "timer", delayMs });
  }

  cancel(task) {
    this.act(`the end of task ${task}`, { kind: "cancel", task });
  }

  waitForEvent(name) {
    return this.begin(`the event ${name}`, { kind: "event", name });
  }

  sendEvent(target, name, input) {
    this.act(`the event ${name} to ${target} with ${input}`, { kind: "send", target, name, input });
  }

  callEntity(name, operation, input) {
    const command = `${operation} of ${name} with ${input}`;
    return this.begin(command, { kind: "entity", name, operation, input });
  }

  signalEntity(name, operation, input, atMs) {
    const command = `the signal ${operation} to ${name} with ${input}`;
    this.act(command, { kind: "signal", name, operation, input, atMs });
  }

  lock(entities) {
    return this.begin(`a lock over ${entities.join(", ")}`, { kind: "timer", delayMs: 0 });
  }

  unlock(lock) {
    this.act(`the release of lock ${lock}`, { kind: "unlock" });
  }

  continueAsNew(input, keepEvents) {
    this.act(`a new execution with ${input}`, { kind: "restart", input, keepEvents });
  }

  isReady(task) {
    return this.recording.find(task) !== undefined;
  }

  result(task) {
    const { result } = this.recording.find(task);
    if (result instanceof Failure) throw result;
    return result;
  }

  nowMs() {
    return this.recording.nowMs();
  }

  newGuid() {
    return this.recording.newGuid();
  }

  instanceId() {
    return INSTANCE_ID;
  }
}

/** Answers from a recording, and checks that the same is asked for. */
export class Replay extends Recorder {
  #recorded;

  constructor(recorded) {
    super();
    this.#recorded = recorded;
    this.recording = new Recording(recorded.startMs);
    this.diverged = null;
  }

  checkEnd() {
    const left = this.#recorded.commands[this.recording.commands.length];
    if (left !== undefined) throw new Diverged(`the replay did not ask for ${left}`);
  }

  begin(command) {
    this.#check(command);
    const task = this.recording.begin(command);
    const following = this.#following();
    if (following?.atOnce && following.task === task) this.recording.completions.push(following);
    return task;
  }

  act(command) {
    this.#check(command);
    this.recording.commands.push(command);
  }

  waitAny(tasks) {
    for (;;) {
      const first = this.recording.firstOf(tasks);
      if (first >= 0) return first;
      const following = this.#following();
      if (following === undefined) throw this.#fail("the replay waits for more than the run did");
      this.recording.completions.push(following);
    }
  }

  /** Shown again in vain, as on the platform. */
  setCustomStatus() {}

  isReplaying() {
    return this.#following() !== undefined;
  }

  #following() {
    return this.#recorded.completions[this.recording.completions.length];
  }

  #check(command) {
    const recorded = this.#recorded.commands[this.recording.commands.length];
    if (recorded !== command) {
      throw this.#fail(`the run asked for ${recorded ?? "nothing more"}, its replay for ${command}`);
    }
  }

  #fail(message) {
    this.diverged ??= new Diverged(message);
    return this.diverged;
  }
}
