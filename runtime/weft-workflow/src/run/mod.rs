//! One run of a workflow: the interpreter.
//!
//! Owns the order of actions, their statuses and what each of them asks for. A run is driven by the
//! same [`Replay`] as every orchestration, so that its history is the durable one: a request is an
//! activity, a wait is a timer, a webhook waits for an event, a nested workflow is a child. Nothing
//! here does anything itself. Invariants:
//! - the same program and history give the same turn (the order of everything that starts is that of
//!   the definition, time and randomness are the replay's);
//! - an action ends once, and those after it are judged when all before them have ended;
//! - a turn ends after a bounded number of actions, however long the run is.

mod action;
mod callback;
mod control;
mod deferred;
mod http;
pub(crate) mod location;
mod request;
mod resubmit;
mod scope;
mod settings;
mod start;
mod state;
mod status;
mod view;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use weft_orchestration::{Failure, Message, Next, Payload, Replay, TaskHandle, Timestamp, Turn};

use crate::expression::{Budget, Deferred, Template};
use crate::program::{Action, ActionId, GraphRef, Program};
use crate::value::{Object, Value};

pub(crate) use callback::encode;
pub use callback::{Callback, CallbackKey};
pub(crate) use deferred::{below, into_payload};
pub(crate) use http::status_name;
pub use resubmit::NotResubmittable;
pub use settings::{Callee, Settings};
pub use start::{Kept, RunEnd, RunStart};
pub use status::{Status, UnknownStatus};
pub use view::{ActionView, RepetitionView, RetryView, RunView};

use scope::Place;
use state::{End, Frame, FrameId, Iteration, Progress, Slot, Variables, error};

/// Actions between two waits of a run. A run that does more yields, so that others come to theirs
/// and what was done is committed.
const STEPS_PER_TURN: u64 = 20_000;
/// The same for what expressions cost.
const EXPRESSION_STEPS_PER_TURN: u64 = 20_000_000;

/// A run between and during turns.
#[derive(Debug)]
pub struct Run {
    program: Arc<Program>,
    settings: Arc<Settings>,
    replay: Replay,
    begun: bool,
    start: RunStart,
    /// The trigger's object.
    trigger: Value,
    /// By name in lower case.
    parameters: BTreeMap<String, Value>,
    /// Parameters that hold secrets: the expression that each stands for.
    deferred_parameters: BTreeMap<String, String>,
    variables: Variables,
    frames: Vec<Frame>,
    jobs: VecDeque<Job>,
    /// Tasks whose end somebody waits for, and who.
    waiters: HashMap<TaskHandle, Waiter>,
    seed: u64,
    now: Timestamp,
    started: Timestamp,
    /// Actions begun so far, and how many until the next yield.
    steps: u64,
    yield_at: u64,
    expression_steps: u64,
    expression_yield_at: u64,
    /// Actions that have ended so far.
    ends: u64,
    /// The number of responses that nested workflows were asked for.
    calls: u64,
    responded: bool,
    ended: Option<RunEnd>,
}

/// What is to be done next.
#[derive(Debug, Clone, Copy)]
enum Job {
    Begin(FrameId, ActionId),
    FrameDone(FrameId),
}

/// Who waits for a task.
#[derive(Debug, Clone, Copy)]
struct Waiter {
    frame: FrameId,
    action: ActionId,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// The answer to a request.
    Answer,
    /// The pause before the next attempt or poll.
    Again,
    /// A Wait.
    Delay,
    /// `limit.timeout`.
    Timeout,
    /// A webhook's callback.
    Callback,
    /// The Response of a nested workflow, or its end.
    ChildResponse,
    ChildEnd,
    /// The result of an activity, orchestration or entity.
    Function,
    /// A Response has been handed over.
    Responded,
    /// The time of an Until is up.
    UntilTimeout,
    Yield,
}

impl Run {
    /// A run over what was recorded of it.
    #[must_use]
    pub fn new(program: Arc<Program>, settings: Arc<Settings>, replay: Replay) -> Self {
        Self {
            program,
            settings,
            replay,
            begun: false,
            start: RunStart::default(),
            trigger: Value::Null,
            parameters: BTreeMap::new(),
            deferred_parameters: BTreeMap::new(),
            variables: Variables::new(),
            frames: Vec::new(),
            jobs: VecDeque::new(),
            waiters: HashMap::new(),
            seed: 0,
            now: Timestamp::default(),
            started: Timestamp::default(),
            steps: 0,
            yield_at: STEPS_PER_TURN,
            expression_steps: 0,
            expression_yield_at: EXPRESSION_STEPS_PER_TURN,
            ends: 0,
            calls: 0,
            responded: false,
            ended: None,
        }
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
            self.begin(start.input.text().unwrap_or("null"));
        }
        loop {
            self.work();
            if let Some(end) = &self.ended {
                let result = result_of(end);
                self.replay.finish(result);
                return;
            }
            if self.waiters.is_empty() {
                // Nothing can come any more: a fault of ours, which must not look like a wait.
                let message = "the run waits for nothing";
                self.end(RunEnd::failed("InternalError", message));
                continue;
            }
            let Some(task) = self.next_awaited() else {
                return;
            };
            self.now = self.replay.now();
            self.wake(task);
        }
    }

    /// The next task that is done and that somebody waits for; `None` where the turn is over.
    fn next_awaited(&mut self) -> Option<TaskHandle> {
        loop {
            // An error stays in the replay and ends the run with this turn.
            let task = self.replay.wait_next().ok()??;
            if self.waiters.contains_key(&task) {
                return Some(task);
            }
        }
    }

    fn begin(&mut self, input: &str) {
        self.now = self.replay.now();
        self.started = self.now;
        let seed = self.replay.seed();
        self.seed = u64::try_from(seed >> 64).unwrap_or_default()
            ^ u64::try_from(seed & u128::from(u64::MAX)).unwrap_or_default();
        match RunStart::read(input) {
            Ok(start) => self.start = start,
            Err(fault) => {
                let message = format!("the input of the run is no JSON: {fault}");
                return self.end(RunEnd::failed("InvalidInput", &message));
            }
        }
        self.trigger = self.whole_trigger();
        let root = self.frame_of(GraphRef::Root, None, None);
        if let Err(fault) = self.read_parameters(root) {
            return self.end(RunEnd::failed(fault.code, &fault.message));
        }
        self.keep(root);
        self.enqueue_roots(root);
    }

    /// The trigger's object with what every one has.
    fn whole_trigger(&self) -> Value {
        let mut trigger = match &self.start.trigger {
            Value::Object(object) => object.clone(),
            _ => Object::new(),
        };
        let first = self
            .program
            .triggers()
            .first()
            .map(|first| first.name.clone());
        let time = Value::from(moment(self.now).to_string());
        let defaults = [
            ("name", first.map(Value::from)),
            ("status", Some(Value::from("Succeeded"))),
            ("startTime", Some(time.clone())),
            ("endTime", Some(time)),
            (
                "originHistoryName",
                Some(Value::from(self.replay.instance().to_string())),
            ),
            ("clientTrackingId", Some(Value::from(self.tracking_id()))),
        ];
        for (name, value) in defaults {
            if let (Some(value), None) = (value, trigger.get(name)) {
                trigger.insert(name, value);
            }
        }
        Value::Object(trigger)
    }

    fn tracking_id(&self) -> String {
        match &self.start.client_tracking_id {
            Some(id) => id.clone(),
            None => self.replay.instance().to_string(),
        }
    }

    fn read_parameters(&mut self, root: FrameId) -> Result<(), crate::expression::EvalError> {
        self.parameters = self.settings.parameters();
        let program = Arc::clone(&self.program);
        for parameter in program.parameters() {
            let name = parameter.name.to_lowercase();
            if let (None, Some(default)) = (self.parameters.get(&name), &parameter.default) {
                self.read_parameter(name, default, root)?;
            }
        }
        // Given values may refer to app settings.
        for (name, template) in self.settings.parameter_templates() {
            self.read_parameter(name, &template, root)?;
        }
        Ok(())
    }

    /// A text that holds a secret stays an expression; a larger value that holds one is not there.
    fn read_parameter(
        &mut self,
        name: String,
        template: &Template,
        root: FrameId,
    ) -> Result<(), crate::expression::EvalError> {
        let (value, deferred) = self.evaluate_deferring(template, root, None)?;
        match deferred.first() {
            None => {
                self.parameters.insert(name, value);
            }
            Some((pointer, rest)) if pointer.is_empty() => {
                let rest = rest.trim_start_matches('@').to_owned();
                self.deferred_parameters.insert(name, rest);
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// What the run that this one repeats in part has done already.
    fn keep(&mut self, root: FrameId) {
        let Some(kept) = self.start.kept.clone() else {
            return;
        };
        for (name, variable) in &kept.variables {
            self.restore_variable(name, variable);
        }
        self.restore(root, &kept.actions);
    }

    /// A new frame whose actions all wait.
    fn frame_of(
        &mut self,
        graph: GraphRef,
        parent: Option<FrameId>,
        iteration: Option<Iteration>,
    ) -> FrameId {
        let slots: Vec<Slot> = self
            .program
            .graph(graph)
            .iter()
            .map(|id| Slot {
                pending: self.program.action(*id).run_after.len(),
                ..Slot::default()
            })
            .collect();
        let id = FrameId(self.frames.len());
        self.frames.push(Frame {
            graph,
            parent,
            iteration,
            open: slots.len(),
            slots,
        });
        id
    }

    /// Sets off what waits for nothing, in the order of the definition.
    fn enqueue_roots(&mut self, id: FrameId) {
        let frame = &self.frames[id.0];
        let actions = self.program.graph(frame.graph);
        let ready = actions
            .iter()
            .zip(&frame.slots)
            .filter(|(_, slot)| slot.pending == 0 && slot.record.status == Status::Waiting);
        self.jobs
            .extend(ready.map(|(action, _)| Job::Begin(id, *action)));
        if frame.open == 0 {
            self.jobs.push_back(Job::FrameDone(id));
        }
    }

    /// Does what there is to do, up to where the run yields.
    fn work(&mut self) {
        while self.ended.is_none() {
            if self.steps >= self.yield_at || self.expression_steps >= self.expression_yield_at {
                return self.pause();
            }
            let Some(job) = self.jobs.pop_front() else {
                return;
            };
            match job {
                Job::Begin(frame, action) => {
                    self.steps += 1;
                    self.begin_action(frame, action);
                }
                Job::FrameDone(frame) => self.frame_done(frame),
            }
        }
    }

    /// Lets the turn end: a timer that is due at once brings the run back.
    fn pause(&mut self) {
        self.yield_at = self.steps + STEPS_PER_TURN;
        self.expression_yield_at = self.expression_steps + EXPRESSION_STEPS_PER_TURN;
        let waiter = Waiter {
            frame: FrameId(0),
            action: ActionId(0),
            what: What::Yield,
        };
        if let Ok(task) = self.replay.create_timer(0) {
            self.waiters.insert(task, waiter);
        }
    }

    fn begin_action(&mut self, frame: FrameId, id: ActionId) {
        let program = Arc::clone(&self.program);
        let action = program.action(id);
        let position = action.position;
        self.frames[frame.0].slots[position].record.started = Some(self.now);
        if let Some(end) = self.unmet(frame, action) {
            return self.end_action(frame, id, end);
        }
        self.frames[frame.0].slots[position].record.status = Status::Running;
        if let Some(end) = self.run_action(frame, id) {
            self.end_action(frame, id, end);
        } else {
            self.watch_time(frame, id);
        }
    }

    /// Why an action is skipped, where it is.
    fn unmet(&self, frame: FrameId, action: &Action) -> Option<End> {
        let slots = &self.frames[frame.0].slots;
        let graph = self.program.graph(self.frames[frame.0].graph);
        action.run_after.iter().find_map(|after| {
            let found = slots[after.position].record.status;
            if after.statuses.contains(&found) {
                return None;
            }
            let expected: Vec<_> = after.statuses.iter().map(|s| s.as_str()).collect();
            let before = &self.program.action(graph[after.position]).name;
            Some(End::skipped(
                "ActionConditionFailed",
                format!(
                    "The execution of template action '{}' is skipped: the 'runAfter' condition \
                     for action '{before}' is not satisfied. Expected status values '{}' and \
                     actual value '{found}'.",
                    action.name,
                    expected.join(", "),
                ),
            ))
        })
    }

    /// Starts the clock of `limit.timeout`.
    fn watch_time(&mut self, frame: FrameId, id: ActionId) {
        let program = Arc::clone(&self.program);
        let Some(timeout) = &program.action(id).timeout else {
            return;
        };
        if matches!(program.action(id).kind, crate::program::Kind::Until { .. }) {
            return;
        }
        match self.evaluate(timeout, frame, Some(id)) {
            Ok(Value::Null) => {}
            Ok(text) => match crate::program::duration_ms(&text.to_text()) {
                Some(millis) => self.sleep(frame, id, millis, What::Timeout),
                None => {
                    let message = format!("The timeout '{}' is no duration.", text.to_text());
                    self.end_action(frame, id, End::failed("InvalidTemplate", message));
                }
            },
            Err(fault) => self.end_action(frame, id, fault.into()),
        }
    }

    /// Records the end of an action and sets off what runs after it.
    fn end_action(&mut self, frame: FrameId, id: ActionId, end: End) {
        let program = Arc::clone(&self.program);
        let action = program.action(id);
        let slot = &mut self.frames[frame.0].slots[action.position];
        if slot.record.status.is_terminal() {
            return;
        }
        slot.record.status = end.status;
        slot.record.code = end.code;
        slot.record.error = end.error;
        if end.outputs.is_some() {
            slot.record.outputs = end.outputs;
        }
        slot.record.ended = Some(self.now);
        self.ends += 1;
        slot.record.order = self.ends;
        slot.progress = Progress::None;
        let tasks = std::mem::take(&mut slot.tasks);
        for task in tasks {
            self.forget(task);
        }
        if end.status != Status::Skipped
            && let Some(tracked) = &action.tracked
        {
            // What cannot be evaluated is not tracked; the action has ended as it has.
            if let Ok(value) = self.evaluate(tracked, frame, Some(id)) {
                self.frames[frame.0].slots[action.position].record.tracked = Some(value);
            }
        }
        let here = &mut self.frames[frame.0];
        here.open -= 1;
        let graph = program.graph(here.graph);
        for &next in &action.successors {
            here.slots[next].pending -= 1;
            if here.slots[next].pending == 0 && here.slots[next].record.status == Status::Waiting {
                self.jobs.push_back(Job::Begin(frame, graph[next]));
            }
        }
        if here.open == 0 {
            self.jobs.push_back(Job::FrameDone(frame));
        }
    }

    /// Waits for nothing of a task any more.
    fn forget(&mut self, task: TaskHandle) {
        if self.waiters.remove(&task).is_some() {
            self.replay.cancel(task);
        }
    }

    /// Lets an action wait for a task.
    fn wait_for(&mut self, task: TaskHandle, frame: FrameId, action: ActionId, what: What) {
        let waiter = Waiter {
            frame,
            action,
            what,
        };
        self.waiters.insert(task, waiter);
        let position = self.program.action(action).position;
        self.frames[frame.0].slots[position].tasks.push(task);
    }

    fn sleep(&mut self, frame: FrameId, action: ActionId, millis: u64, what: What) {
        if let Ok(task) = self.replay.create_timer(millis) {
            self.wait_for(task, frame, action, what);
        }
    }

    /// Calls an activity and waits for its end.
    fn call(&mut self, frame: FrameId, action: ActionId, name: &str, input: &Value, what: What) {
        let input = Payload::from(input.to_string());
        if let Ok(task) = self.replay.call_activity(name, input, None) {
            self.wait_for(task, frame, action, what);
        }
    }

    /// A task that somebody waited for is done.
    fn wake(&mut self, task: TaskHandle) {
        let Some(waiter) = self.waiters.remove(&task) else {
            return;
        };
        let result = match self.replay.result(task) {
            Ok(Some(result)) => result,
            Ok(None) | Err(_) => return,
        };
        let Waiter {
            frame,
            action,
            what,
        } = waiter;
        if what == What::Yield {
            return;
        }
        let position = self.program.action(action).position;
        self.frames[frame.0].slots[position]
            .tasks
            .retain(|other| *other != task);
        let result = result.map(|payload| {
            // Whoever drives a run fills in what a store keeps apart.
            let text = payload.text().unwrap_or("null");
            serde_json::from_str(text).unwrap_or_else(|_| text.into())
        });
        self.resume_action(frame, action, what, result);
    }

    /// Ends the run.
    fn end(&mut self, end: RunEnd) {
        self.jobs.clear();
        self.ended = Some(end);
    }

    /// The value of a template at a place.
    fn evaluate(
        &mut self,
        template: &Template,
        frame: FrameId,
        action: Option<ActionId>,
    ) -> Result<Value, crate::expression::EvalError> {
        if let Some(value) = template.as_literal() {
            return Ok(value.clone());
        }
        let mut budget = Budget::default();
        let value = template.evaluate(&Place::new(self, frame, action), &mut budget);
        self.expression_steps += budget.spent().0;
        value
    }

    /// The same, with what is left for whoever carries out the action.
    fn evaluate_deferring(
        &mut self,
        template: &Template,
        frame: FrameId,
        action: Option<ActionId>,
    ) -> Result<(Value, Deferred), crate::expression::EvalError> {
        if let Some(value) = template.as_literal() {
            return Ok((value.clone(), Deferred::new()));
        }
        let mut budget = Budget::default();
        let place = Place::new(self, frame, action);
        let value = template.evaluate_deferring(&place, &mut budget);
        self.expression_steps += budget.spent().0;
        value
    }

    fn frame(&self, id: FrameId) -> &Frame {
        &self.frames[id.0]
    }

    fn slot_mut(&mut self, frame: FrameId, action: ActionId) -> &mut Slot {
        let position = self.program.action(action).position;
        &mut self.frames[frame.0].slots[position]
    }
}

fn result_of(end: &RunEnd) -> Result<Payload, Failure> {
    let text = end.to_value().to_string();
    if end.status == Status::Succeeded {
        return Ok(Payload::from(text));
    }
    let code = end
        .code
        .clone()
        .unwrap_or_else(|| end.status.as_str().to_owned());
    let message = end.error.as_ref().and_then(|error| error.get("message"));
    let message = message.map_or_else(|| format!("the run is {}", end.status), Value::to_text);
    Err(Failure {
        kind: code,
        message,
        retryable: false,
        details: Some(text),
    })
}

/// A recorded point in time as expressions write it.
fn moment(at: Timestamp) -> jiff::Timestamp {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX)
}

/// The beginning of a text, for messages.
pub(crate) fn short(text: &str) -> String {
    const SHOWN_MAX: usize = 200;
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// The failure of an activity as an error of the history.
fn error_of(failure: &Failure) -> Value {
    error(&failure.kind, failure.message.clone())
}

#[cfg(test)]
mod tests;
