//! From a firing to its runs: conditions, concurrency, the history of the trigger.

use std::sync::Arc;

use weft_orchestration::{Failure, Payload, RetryPolicy, Timestamp};

use crate::run::RunStart;
use crate::trigger::{Fate, Fired};
use crate::value::Value;

use super::plan::Fault;
use super::state::{Entry, Pending};
use super::{OPEN_RUNS, START, Told, Verdict, Watch, What, moment};

/// Runs that one execution starts before its history is cut.
pub(super) const STARTS_MAX: usize = 1_000;
/// The input of a run.
const START_BYTES_MAX: usize = 4 << 20;
/// What is said about a run beside its input, where it is started.
const AROUND_BYTES: usize = 1_024;
/// What the name of a run takes among those that are open.
const RUN_BYTES: usize = 35;
/// Before it is asked again which runs are open.
const OPEN_AGAIN_MS: u64 = 5_000;

/// A run that the node has no room for is started as soon as it has.
fn until_started() -> RetryPolicy {
    RetryPolicy {
        max_attempts: u32::MAX,
        first_interval_ms: 1_000,
        coefficient: 2.0,
        max_interval_ms: Some(60_000),
        total_timeout_ms: None,
        non_retryable_kinds: Vec::new(),
    }
}

/// The code of a firing for which the limit of runs leaves no room.
pub const TOO_MANY_RUNS: &str = "MaximumWaitingRunsExceeded";
/// The code of a poll that was put off for the same reason.
const NO_ROOM: &str = "MaximumConcurrentRunsReached";
const SUCCEEDED: &str = "Succeeded";
const SKIPPED: &str = "Skipped";
const FAILED: &str = "Failed";

/// Runs of a firing that are started next.
#[derive(Debug)]
pub(super) struct Ready {
    /// How many come before them.
    from: usize,
    runs: Vec<RunStart>,
}

impl Ready {
    fn run(&self, index: usize) -> Option<RunStart> {
        self.runs.get(index.checked_sub(self.from)?).cloned()
    }
}

fn too_large() -> Fault {
    Fault {
        code: "TriggerOutputsTooLarge",
        message: "The outputs of the trigger are larger than a run may begin with.".to_owned(),
    }
}

/// What a firing takes in the state.
fn written(pending: &Pending) -> usize {
    serde_json::to_string(pending).map_or(usize::MAX, |text| text.len()) + 64
}

impl Watch {
    /// The trigger has fired.
    pub(super) fn fire(&mut self, inputs: Option<Value>, told: Told, scheduled: Option<Timestamp>) {
        let named = told.name.is_some();
        let pending = Pending {
            inputs,
            outputs: told.outputs,
            client_tracking_id: told.client_tracking_id,
            scheduled,
            at: self.now,
            seed: self.next_seed(),
            first_run: told.name.clone(),
            awaited: told.awaited,
            name: told.name.unwrap_or_else(|| self.replay.new_guid()),
            started: 0,
            runs: 0,
            bytes: 0,
        };
        let entry = Entry {
            name: pending.name.clone(),
            scheduled_time: scheduled,
            start_time: self.now,
            end_time: self.now,
            ..Entry::default()
        };
        let Some(plan) = &self.plan else {
            // Its definition is at fault, which the history tells already.
            let entry = Entry {
                status: FAILED.to_owned(),
                code: "InvalidTemplate".to_owned(),
                ..entry
            };
            return self.decide(entry, named);
        };
        let over = |code: &str, status: &str, message: String| Entry {
            status: status.to_owned(),
            code: code.to_owned(),
            message: Some(message),
            ..entry.clone()
        };
        let fired = self.fired(&pending);
        let fate = plan.firing.fire(&self.program, &self.settings, &fired);
        let entry = match fate {
            Fate::Skipped { code, message } => over(code, SKIPPED, message),
            Fate::Failed { code, message } => over(code, FAILED, message),
            Fate::Runs(mut runs) => {
                let largest = runs
                    .iter()
                    .map(|run| run.to_value().to_string().len())
                    .max();
                let bytes = written(&pending);
                let waiting = self.state.waiting() + self.state.running.len() + runs.len();
                let most = plan.runs_max.map(|runs| match plan.single {
                    true => runs,
                    false => runs.saturating_add(plan.waiting_max),
                });
                if largest.is_some_and(|bytes| bytes > self.start_bytes_max()) {
                    let Fault { code, message } = too_large();
                    over(code, FAILED, message)
                } else if bytes > self.room() {
                    let message = format!(
                        "The firings that wait take {} bytes with this one, which is more than the \
                         trigger may keep.",
                        self.state.bytes() + bytes
                    );
                    over(TOO_MANY_RUNS, SKIPPED, message)
                } else if most.is_some_and(|most| waiting > most) {
                    let message = format!(
                        "{} runs are open and {} wait, which is all that the trigger allows.",
                        self.state.running.len(),
                        self.state.waiting()
                    );
                    over(TOO_MANY_RUNS, SKIPPED, message)
                } else {
                    let count = runs.len();
                    runs.truncate(STARTS_MAX);
                    let ready = Ready { from: 0, runs };
                    self.ready.insert(pending.name.clone(), ready);
                    self.state.pending.push_back(Pending {
                        runs: count,
                        bytes,
                        ..pending
                    });
                    Entry {
                        status: SUCCEEDED.to_owned(),
                        code: "OK".to_owned(),
                        fired: true,
                        runs: count,
                        ..entry
                    }
                }
            }
        };
        self.decide(entry, named);
        self.start_runs();
    }

    /// Keeps what has come of a firing; of one that has a `name` of its own, for whoever gave it.
    fn decide(&mut self, entry: Entry, named: bool) {
        if named {
            self.decided.push(entry.clone());
        }
        self.state.record(entry);
    }

    /// Bytes that the input of a run may have on this node.
    fn start_bytes_max(&self) -> usize {
        let bytes = self.replay.limits().payload_bytes_max;
        bytes.min(START_BYTES_MAX).saturating_sub(AROUND_BYTES)
    }

    /// Bytes that a firing may add to the state, which has to fit into a payload also when the history
    /// of the trigger is full and all of its runs are open.
    fn room(&self) -> usize {
        let bytes = self.replay.limits().payload_bytes_max;
        let runs_max = self.plan.as_ref().and_then(|plan| plan.runs_max);
        let open = runs_max.unwrap_or_default().min(bytes / 8 / RUN_BYTES) * RUN_BYTES;
        let kept = bytes / 4 + open;
        bytes
            .saturating_sub(kept)
            .saturating_sub(self.state.bytes())
    }

    /// The trigger could not fire.
    pub(super) fn fault(&mut self, fault: &Fault, started: Timestamp) {
        let name = self.replay.new_guid();
        self.end_without_firing(
            name,
            FAILED,
            fault.code,
            Some(fault.message.clone()),
            started,
        );
    }

    /// Whoever has told of the firing knows what comes of it.
    pub(super) fn judged(&mut self, name: Option<String>, verdict: &Verdict) {
        let name = name.unwrap_or_else(|| self.replay.new_guid());
        let status = if verdict.failed { FAILED } else { SKIPPED };
        let message = Some(verdict.message.clone());
        self.end_without_firing(name, status, &verdict.code, message, self.now);
    }

    /// It was asked whether the trigger fires, and it does not.
    pub(super) fn passed(&mut self, code: &str, started: Timestamp) {
        let name = self.replay.new_guid();
        self.end_without_firing(name, SKIPPED, code, None, started);
    }

    /// A moment has passed without a firing.
    pub(super) fn missed(&mut self, code: &str, message: String) {
        // Ids of runs are drawn as before.
        let name = format!("missed-{}", self.now.as_millis());
        self.end_without_firing(name, SKIPPED, code, Some(message), self.now);
    }

    /// There is no room for a run, so that nothing is asked for. As long as nothing else comes between,
    /// that is one entry.
    pub(super) fn held_up(&mut self) {
        let now = self.now;
        let last = self.state.entries.back_mut();
        if let Some(last) = last.filter(|last| last.code == NO_ROOM) {
            last.end_time = now;
            return;
        }
        let open = self.state.running.len();
        let message = format!("{open} runs are open, which is all that the trigger allows.");
        self.missed(NO_ROOM, message);
    }

    fn end_without_firing(
        &mut self,
        name: String,
        status: &str,
        code: &str,
        message: Option<String>,
        started: Timestamp,
    ) {
        self.state.record(Entry {
            name,
            status: status.to_owned(),
            code: code.to_owned(),
            message,
            start_time: started,
            end_time: self.now,
            ..Entry::default()
        });
    }

    /// Whether a firing would be passed over.
    pub(super) fn has_no_room(&self) -> bool {
        let Some(most) = self.plan.as_ref().and_then(|plan| plan.runs_max) else {
            return false;
        };
        self.state.running.len() + self.state.waiting() >= most
    }

    fn next_seed(&mut self) -> u64 {
        self.state.firings += 1;
        let seed = self.replay.seed();
        let low = u64::try_from(seed & u128::from(u64::MAX)).unwrap_or_default();
        low ^ self.state.firings.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    fn fired(&self, pending: &Pending) -> Fired {
        Fired {
            inputs: pending.inputs.clone(),
            outputs: pending.outputs.clone(),
            client_tracking_id: pending.client_tracking_id.clone(),
            base_url: self.state.base_url.clone(),
            scheduled: pending.scheduled.map(moment),
            now: moment(pending.at),
            seed: pending.seed,
        }
    }

    /// The next runs of the first firing that is pending, evaluated again after a cut, after a restart
    /// and for every portion. It was accepted and stays so, also where the definition has changed since:
    /// conditions are not asked again, and of the items that `splitOn` gives by now, those after the
    /// ones that are started are started, up to the number that was decided. Where it gives none of
    /// them, one run begins with all that the trigger has put out, and that is the last one.
    fn evaluate_again(&mut self) {
        let Some(first) = self.state.pending.front() else {
            return;
        };
        let from = first.started;
        let wanted = from..first.runs.min(from + STARTS_MAX);
        let fired = self.fired(first);
        let plan = self.plan.as_ref();
        let mut runs = plan.map_or_else(Vec::new, |plan| {
            let (program, settings) = (&self.program, &self.settings);
            let wanted = wanted.clone();
            plan.firing
                .accepted_items(program, settings, &fired, wanted)
        });
        let fewer = runs.len() < wanted.len();
        if runs.is_empty() {
            runs.push(fired.whole(&self.state.trigger));
        }
        if let Some(first) = self.state.pending.front_mut() {
            if fewer {
                first.runs = from + runs.len();
            }
            self.ready.insert(first.name.clone(), Ready { from, runs });
        }
    }

    /// Starts runs of what has fired, in order, as many as may be open; any number where the trigger is
    /// gone, as nobody stays to wait.
    pub(super) fn start_runs(&mut self) {
        let bytes = self.replay.limits().payload_bytes_max;
        let plan = self.plan.as_ref().filter(|_| !self.state.ending);
        let most = plan.and_then(|plan| plan.runs_max);
        let most = most.map(|most| most.min(bytes / 8 / RUN_BYTES));
        while let Some(first) = self.state.pending.front() {
            let (name, index) = (first.name.clone(), first.started);
            if index >= first.runs {
                self.ready.remove(&name);
                self.state.pending.pop_front();
                continue;
            }
            if most.is_some_and(|most| self.state.running.len() >= most) {
                return;
            }
            if self.starts >= STARTS_MAX {
                // The next execution goes on.
                return;
            }
            let id = first.first_run.clone().filter(|_| index == 0);
            let awaited = first.awaited;
            let ready = |watch: &Self| watch.ready.get(&name).and_then(|ready| ready.run(index));
            let run = ready(self).or_else(|| {
                self.evaluate_again();
                ready(self)
            });
            let Some(run) = run else { return };
            self.starts += 1;
            if let Some(pending) = self.state.pending.front_mut() {
                pending.started += 1;
            }
            let id = id.unwrap_or_else(|| self.replay.new_guid().replace('-', ""));
            self.start(&name, id, RunStart { awaited, ..run }, most.is_some());
        }
    }

    fn start(&mut self, entry: &str, id: String, run: RunStart, counted: bool) {
        let Ok(instance) = id.parse() else { return };
        let input = run.to_value();
        let written = input.to_string();
        if written.len() > self.start_bytes_max() + AROUND_BYTES / 2 {
            // It was none so large when it was accepted: the definition or the node has changed.
            return self.fault(&too_large(), self.now);
        }
        let workflow = self.settings.workflow.clone();
        if let Some(entry) = self
            .state
            .entries
            .iter_mut()
            .rev()
            .find(|e| e.name == entry)
            && entry.run.is_none()
        {
            entry.run = Some(id.clone());
        }
        if counted {
            self.state.running.push(id.clone());
        }
        if self.state.stateless {
            let members = [
                ("workflow", Value::from(workflow)),
                ("run", Value::from(id.as_str())),
                ("input", input),
            ];
            let members = members.into_iter().collect();
            let started = What::Started(id);
            return self.call_with(START, &members, started, Some(until_started()));
        }
        let input = Payload::from(written);
        let child = self
            .replay
            .call_sub_orchestration(&workflow, input, Some(instance), None);
        if let (Ok(task), true) = (child, counted) {
            self.wait_for(task, What::Run(id));
        }
    }

    /// Runs of which this execution does not hear when they end are asked for, again and again.
    pub(super) fn ask_which_runs(&mut self) {
        if self.asking
            || self
                .plan
                .as_ref()
                .is_none_or(|plan| plan.runs_max.is_none())
        {
            return;
        }
        let told = |run: &String| {
            let mut waiters = self.waiters.values();
            // One whose start is tried again is not there yet, which is no end of it.
            waiters.any(|what| matches!(what, What::Run(of) | What::Started(of) if of == run))
        };
        let untold: Vec<Value> = self
            .state
            .running
            .iter()
            .filter(|run| !told(run))
            .map(|run| Value::from(run.as_str()))
            .collect();
        if untold.is_empty() {
            return;
        }
        self.asking = true;
        let members = [
            ("workflow", Value::from(self.settings.workflow.as_str())),
            ("runs", Value::from(untold)),
        ];
        self.call(OPEN_RUNS, &members.into_iter().collect(), What::OpenRuns);
    }

    /// The answer: `{"ended": [...]}`.
    pub(super) fn heard_which_runs(&mut self, result: Result<Value, Failure>) {
        if let Ok(answer) = result
            && let Some(ended) = answer.get("ended").and_then(Value::as_array)
        {
            let ended: Vec<String> = ended.iter().map(Value::to_text).collect();
            self.state.running.retain(|run| !ended.contains(run));
        }
        self.start_runs();
        self.sleep(OPEN_AGAIN_MS, What::AskRunsAgain);
    }

    pub(super) fn program(&self) -> Arc<crate::program::Program> {
        Arc::clone(&self.program)
    }
}
