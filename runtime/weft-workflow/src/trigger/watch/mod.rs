//! A trigger that is watched: the interpreter of its orchestration.
//!
//! Every trigger that fires of its own accord is an orchestration that lasts as long as the trigger
//! is deployed. It is driven by a [`Replay`] like every other: a moment to come is a durable timer, a
//! poll is an activity, a callback is an event, and a run is started as a child, in the very
//! transaction that records why. So a crash neither loses a firing nor makes a second one of it.
//! Invariants:
//! - the same program, state and history give the same turn;
//! - what has fired stays in the state until all of its runs are started, also where the trigger is
//!   gone in the meantime, and so does what a batch has gathered, which is released then;
//! - the history is cut after a bounded number of steps, with all that matters in the state;
//! - which revision is active is looked up after one was told of, so that the last one wins whatever
//!   order they are told in.

mod batch;
mod clock;
mod exchange;
mod fire;
mod plan;
mod poll;
mod state;
mod webhook;

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_orchestration::{
    Failure, Message, Next, Payload, Replay, RetryPolicy, TaskHandle, Timestamp, Turn,
};

use crate::expression::Deferred;
use crate::program::Program;
use crate::run::Settings;
use crate::value::Value;

use exchange::Exchange;
use fire::Ready;
use plan::{Fault, Kind, Plan};

pub use fire::TOO_MANY_RUNS;
pub use plan::{CallbackUrl, fingerprint, is_watched, watch_id};
pub use state::{Entry, WatchState};

/// The name of the orchestrator.
pub const WATCH: &str = "workflow/trigger";
/// Asks which revision is active, `{workflow, trigger}`, and what it has of the trigger: `{revision,
/// fingerprint, baseUrl, accessKey, stateless}`; without a fingerprint where it has none to be watched.
pub const LOOK: &str = "workflow/look";
/// Asks which of `{workflow, runs}` have ended: `{ended}`, ids of runs.
pub const OPEN_RUNS: &str = "workflow/open-runs";
/// Starts a run that is kept in memory only: `{workflow, run, input}`.
pub const START: &str = "workflow/start";
/// The event that tells of another active revision.
pub const LOOK_EVENT: &str = "trigger:look";
/// The event that something has fired: a [`Told`].
pub const FIRE_EVENT: &str = "trigger:fire";

/// After as many steps the history is cut.
const STEPS_MAX: usize = 64;
/// Before an activity that failed is called again.
const AGAIN_MS: u64 = 5_000;
/// A state larger than this stays in the history, which has room for some time.
const STATE_BYTES_LARGE: usize = 3 << 20;
/// Of such a state, the history is cut after as many steps.
const STEPS_MAX_LARGE: usize = 100 * STEPS_MAX;
/// After as many bytes of events and answers the history is cut, whatever the size of the state; later
/// where the node takes payloads of which that is less than a quarter.
const TAKEN_BYTES_MAX: usize = 16 << 20;

/// A trigger that is watched, between and during turns.
#[derive(Debug)]
pub struct Watch {
    program: Arc<Program>,
    settings: Arc<Settings>,
    replay: Replay,
    begun: bool,
    state: WatchState,
    plan: Option<Plan>,
    now: Timestamp,
    waiters: BTreeMap<TaskHandle, What>,
    open: Vec<TaskHandle>,
    /// What a request that takes more than one exchange is at.
    exchange: Option<Exchange>,
    /// What of the inputs is left for whoever carries a request.
    deferred: Deferred,
    /// The next runs of firings that are not wholly started, as long as they are in memory.
    ready: BTreeMap<String, Ready>,
    steps: usize,
    /// Bytes of events and answers that this execution has taken in: they stay in its history.
    taken: usize,
    /// Runs that this execution has started.
    starts: usize,
    look: Look,
    /// What has come of firings that have a name of their own, since somebody has asked.
    decided: Vec<Entry>,
    /// Whether somebody has been asked which runs are open.
    asking: bool,
    ended: Option<Result<(), Failure>>,
}

/// What is known of the active revision.
#[derive(Debug, Default)]
struct Look {
    asked: bool,
    /// There was news while the question was under way.
    again: bool,
    /// The next revision, to be taken over by the next execution.
    found: Option<Found>,
}

#[derive(Debug, Clone)]
struct Found {
    revision: u32,
    base_url: String,
    access_key: String,
    stateless: bool,
    /// `None` where the trigger is no more.
    fingerprint: Option<String>,
}

/// Who waits for a task.
#[derive(Debug, Clone, PartialEq)]
enum What {
    Clock,
    Looked,
    LookAgain,
    LookEvent,
    FireEvent,
    Answer,
    SendAgain,
    SubscribeAgain,
    Run(String),
    OpenRuns,
    AskRunsAgain,
    /// The run of that id is in memory; until then nobody else knows of it.
    Started(String),
}

/// What the payload of [`FIRE_EVENT`] says.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    /// `{headers, body, ...}`; of a Batch trigger the body is `{batchName, partitionName, messageId,
    /// content}`.
    pub outputs: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_tracking_id: Option<String>,
    /// What the firing is called in the history, and the first run that it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether somebody waits for the Response of the run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub awaited: bool,
    /// Nothing is to be started, as whoever tells has found: it is for the history.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

impl Told {
    /// A firing of which nobody knows beforehand.
    pub(super) fn of(outputs: Value) -> Self {
        Self {
            outputs,
            ..Self::default()
        }
    }
}

/// Why a firing starts nothing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Verdict {
    /// Whether that is a fault, and not what the definition asks for.
    pub failed: bool,
    pub code: String,
    pub message: String,
}

impl Watch {
    /// A watch over what was recorded of it. `program` and `settings` are those of the revision that
    /// its state names.
    #[must_use]
    pub fn new(program: Arc<Program>, settings: Arc<Settings>, replay: Replay) -> Self {
        Self {
            program,
            settings,
            replay,
            begun: false,
            state: WatchState::default(),
            plan: None,
            now: Timestamp::default(),
            waiters: BTreeMap::new(),
            open: Vec::new(),
            exchange: None,
            deferred: Deferred::new(),
            ready: BTreeMap::new(),
            steps: 0,
            taken: 0,
            starts: 0,
            look: Look::default(),
            decided: Vec::new(),
            asking: false,
            ended: None,
        }
    }

    /// One that nobody asked for: it fails with its first turn.
    #[must_use]
    pub fn refused(replay: Replay, failure: Failure) -> Self {
        let nothing = Value::Object(crate::value::Object::new());
        let program = Program::compile(&nothing).expect("there is nothing to be wrong");
        Self {
            ended: Some(Err(failure)),
            ..Self::new(Arc::new(program), Arc::default(), replay)
        }
    }

    /// What is remembered, the history of the trigger among it.
    #[must_use]
    pub fn state(&self) -> &WatchState {
        &self.state
    }

    /// What has come of firings whose names whoever told of them has given, since this was called
    /// last. It holds once the turn is committed.
    pub fn take_decided(&mut self) -> Vec<Entry> {
        std::mem::take(&mut self.decided)
    }

    /// Delivers messages, runs until everything waits, and takes the turn.
    pub fn turn(&mut self, messages: Vec<Message>, now: Timestamp) -> Turn {
        match self.replay.deliver(messages, now) {
            Next::Stop => {}
            Next::Run => self.advance(),
        }
        self.replay.take_turn()
    }

    fn advance(&mut self) {
        if !self.begun {
            let Some(start) = self.replay.begin() else {
                return;
            };
            self.begun = true;
            self.now = self.replay.now();
            match WatchState::read(start.input.text().unwrap_or("null")) {
                Ok(_) if self.ended.is_some() => {}
                Ok(state) => self.begin(state),
                Err(error) => {
                    let message = format!("the state of the trigger cannot be read: {error}");
                    self.ended = Some(Err(Failure::permanent("InvalidInput", message)));
                }
            }
        }
        loop {
            if let Some(end) = &self.ended {
                let end = end.clone().map(|()| Payload::null());
                self.replay.finish(end);
                return;
            }
            if self.cut() {
                return;
            }
            match self.replay.wait_any(&self.open) {
                Ok(Some(index)) => {
                    let task = self.open.swap_remove(index);
                    self.now = self.replay.now();
                    self.steps += 1;
                    self.wake(task);
                }
                Ok(None) | Err(_) => return,
            }
        }
    }

    fn begin(&mut self, state: WatchState) {
        self.state = state;
        let (program, settings) = (Arc::clone(&self.program), Arc::clone(&self.settings));
        let name = self.state.trigger.clone();
        self.wait_for_event(LOOK_EVENT, What::LookEvent);
        self.wait_for_event(FIRE_EVENT, What::FireEvent);
        let url = CallbackUrl {
            base: &self.state.base_url,
            access_key: &self.state.access_key,
        };
        let Some(fingerprint) = fingerprint(&program, &settings, &name, &url) else {
            // Another revision, or none: whoever looks finds out.
            return self.ask_which_revision();
        };
        let anew = self.state.fingerprint != fingerprint;
        if anew {
            self.state.reset();
            self.state.fingerprint = fingerprint;
        }
        let trigger = plan::find(&program, &name);
        let planned =
            trigger.map(|trigger| Plan::of(trigger, &program, &settings, moment(self.now)));
        match planned {
            Some(Ok(plan)) => self.plan = Some(plan),
            Some(Err(fault)) => {
                if anew {
                    self.fault(&fault, self.now);
                }
                if !self.state.ending {
                    return;
                }
            }
            None => return,
        }
        if self.state.ending {
            self.release_all();
            return self.start_runs();
        }
        if self.state.activated.is_none() {
            self.state.activated = Some(self.now);
            self.activate();
        }
        self.set_clock();
        self.subscribe();
        if anew {
            self.release_orphans();
        }
        self.start_runs();
        self.ask_which_runs();
    }

    /// A task that somebody waited for is done.
    fn wake(&mut self, task: TaskHandle) {
        let Some(what) = self.waiters.remove(&task) else {
            return;
        };
        let result = match self.replay.result(task) {
            Ok(Some(result)) => result,
            Ok(None) | Err(_) => return,
        };
        self.taken += result.as_ref().map_or(0, Payload::len);
        let result = result.map(|payload| {
            let text = payload.text().unwrap_or("null");
            serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
        });
        match what {
            What::Clock => self.due(),
            What::LookEvent => {
                self.wait_for_event(LOOK_EVENT, What::LookEvent);
                self.ask_which_revision();
            }
            What::LookAgain => self.ask_which_revision(),
            What::Looked => self.looked(result),
            What::FireEvent => {
                self.wait_for_event(FIRE_EVENT, What::FireEvent);
                self.told(result.unwrap_or_default());
            }
            What::Answer => self.answered(result),
            What::SendAgain => self.send(),
            What::SubscribeAgain => self.subscribe(),
            What::Run(run) => {
                self.state.running.retain(|running| *running != run);
                self.start_runs();
            }
            What::Started(_) => self.ask_which_runs(),
            What::OpenRuns => self.heard_which_runs(result),
            What::AskRunsAgain => {
                self.asking = false;
                self.ask_which_runs();
            }
        }
    }

    /// Something outside has fired the trigger.
    fn told(&mut self, told: Value) {
        let read: Result<Told, _> = serde_json::from_str(&told.to_string());
        let told = match read {
            Ok(told) => told,
            Err(error) => {
                let fault = Fault {
                    code: "InvalidInput",
                    message: format!("What was sent to the trigger cannot be read: {error}"),
                };
                return self.fault(&fault, self.now);
            }
        };
        match self.plan.as_ref().map(|plan| &plan.kind) {
            Some(Kind::Batch(_)) => self.message(&told),
            _ => match &told.verdict {
                Some(verdict) => self.judged(told.name.clone(), verdict),
                None => {
                    let plan = self.plan.as_ref();
                    let own = plan.filter(|plan| matches!(plan.kind, Kind::Told));
                    let inputs = own.and_then(|plan| plan.inputs.as_literal().cloned());
                    self.fire(inputs.filter(|inputs| !inputs.is_null()), told, None);
                }
            },
        }
    }

    fn ask_which_revision(&mut self) {
        if self.look.asked {
            self.look.again = true;
            return;
        }
        self.look.asked = true;
        let members = [
            ("workflow", Value::from(self.state.workflow.as_str())),
            ("trigger", Value::from(self.state.trigger.as_str())),
        ];
        self.call(LOOK, &members.into_iter().collect(), What::Looked);
    }

    fn looked(&mut self, result: Result<Value, Failure>) {
        self.look.asked = false;
        if std::mem::take(&mut self.look.again) {
            return self.ask_which_revision();
        }
        let text = |value: &Value, name: &str| value.get(name)?.as_str().map(str::to_owned);
        let found = result.ok().and_then(|found| {
            let revision = found.get("revision")?.as_i64()?;
            Some(Found {
                revision: u32::try_from(revision).ok()?,
                base_url: text(&found, "baseUrl")?,
                access_key: text(&found, "accessKey").unwrap_or_default(),
                stateless: found.get("stateless").and_then(Value::as_bool) == Some(true),
                fingerprint: text(&found, "fingerprint"),
            })
        });
        let Some(found) = found else {
            return self.sleep(AGAIN_MS, What::LookAgain);
        };
        let was_ending = std::mem::replace(&mut self.state.ending, found.fingerprint.is_none());
        if was_ending && !self.state.ending {
            // It is back, and begins anew as one that was never there.
            self.state.fingerprint.clear();
        }
        let same = found.fingerprint.as_ref() == Some(&self.state.fingerprint);
        let unmoved = found.revision == self.state.revision
            && found.base_url == self.state.base_url
            && found.access_key == self.state.access_key;
        if unmoved && same {
            self.look.found = None;
            return;
        }
        self.look.found = Some(found);
        if !same {
            self.unsubscribe();
        }
        if self.state.ending {
            self.release_all();
            self.start_runs();
        }
    }

    /// Ends the execution where that is due and nothing is under way that another would not find:
    /// with the next revision of the trigger, or with a short history. Whether it has.
    fn cut(&mut self) -> bool {
        let busy = self.exchanging() || self.look.asked || self.starting();
        if busy {
            return false;
        }
        if self.state.ending && self.state.pending.is_empty() {
            if self.has_news() {
                return false;
            }
            self.ended = Some(Ok(()));
            return self.cut_at_end();
        }
        // While the trigger is gone, the revision stays the one that has it.
        let found = self.look.found.take();
        match found.filter(|found| found.fingerprint.is_some()) {
            // Another revision is taken over at once, however large the state.
            Some(found) => {
                self.state.revision = found.revision;
                self.state.base_url = found.base_url;
                self.state.access_key = found.access_key;
                self.state.stateless = found.stateless;
            }
            None if !self.is_long() => return false,
            None => {}
        }
        let state = self.state.to_text();
        // A failure stays in the replay and ends the turn.
        let _ = self.replay.continue_as_new(Payload::from(state), true);
        self.replay.finish(Ok(Payload::null()));
        true
    }

    /// Whether the history is to be cut. Where runs wait for the next execution to start them, the
    /// size of the state is no reason to go on: nobody else may come to wake this one.
    fn is_long(&self) -> bool {
        let steps_max = match self.state.bytes() > STATE_BYTES_LARGE {
            true => STEPS_MAX_LARGE,
            false => STEPS_MAX,
        };
        let taken_max = TAKEN_BYTES_MAX.max(self.replay.limits().payload_bytes_max / 4);
        self.steps >= steps_max || self.starts >= fire::STARTS_MAX || self.taken >= taken_max
    }

    fn cut_at_end(&mut self) -> bool {
        self.replay.finish(Ok(Payload::null()));
        true
    }

    /// Whether an event has arrived that is still to be taken in: nobody else would.
    fn has_news(&mut self) -> bool {
        let of_event = |what: &What| matches!(what, What::LookEvent | What::FireEvent);
        let events = self.waiters.iter().filter(|(_, what)| of_event(what));
        let events: Vec<TaskHandle> = events.map(|(task, _)| *task).collect();
        !events.is_empty() && matches!(self.replay.wait_any(&events), Ok(Some(_)))
    }

    /// Whether runs in memory are being started.
    fn starting(&self) -> bool {
        let mut waiters = self.waiters.values();
        waiters.any(|what| matches!(what, What::Started(_)))
    }

    fn wait_for(&mut self, task: TaskHandle, what: What) {
        self.waiters.insert(task, what);
        self.open.push(task);
    }

    fn wait_for_event(&mut self, name: &str, what: What) {
        if let Ok(task) = self.replay.wait_for_event(name) {
            self.wait_for(task, what);
        }
    }

    fn sleep(&mut self, millis: u64, what: What) {
        if let Ok(task) = self.replay.create_timer(millis) {
            self.wait_for(task, what);
        }
    }

    fn call(&mut self, name: &str, input: &Value, what: What) {
        self.call_with(name, input, what, None);
    }

    fn call_with(&mut self, name: &str, input: &Value, what: What, retry: Option<RetryPolicy>) {
        let input = Payload::from(input.to_string());
        if let Ok(task) = self.replay.call_activity(name, input, retry) {
            self.wait_for(task, what);
        }
    }
}

/// A recorded point in time as expressions and recurrences have it.
fn moment(at: Timestamp) -> jiff::Timestamp {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX)
}

/// The first recorded point that is not before an instant.
fn recorded(at: jiff::Timestamp) -> Timestamp {
    let millis = (at.as_nanosecond() + 999_999).div_euclid(1_000_000);
    Timestamp::from_millis(u64::try_from(millis).unwrap_or(0))
}

#[cfg(test)]
mod bounds_tests;
#[cfg(test)]
mod tests;
