//! The simulated world: a clock, a queue of what will happen, and the tasks of one execution.
//!
//! Invariants, as on the platform: completions become visible in `wait_any` alone, one at a time
//! and only while nothing that is waited for is ready; what happens at the same time happens in
//! the order in which it was planned.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::replay::{Command, Recording, Visible};
use super::report::{Called, Report, Sent};
use super::script::{Callee, Script};
use super::value;
use crate::orchestration::{Engine, Task};
use crate::{Call, Failure, RetryPolicy};

/// 2026-01-01T00:00:00Z, where simulated time begins.
const START_MS: f64 = 1_767_225_600_000.0;
const INSTANCE_ID: &str = "test";

pub(super) struct Simulation(RefCell<State>);

/// What the end of an execution leads to.
pub(super) enum After {
    End,
    /// Continue-as-new with this input.
    Restart(String),
}

struct State {
    script: Script,
    /// Since the start.
    now: Duration,
    planned: BTreeMap<(Duration, u64), Planned>,
    plans: u64,
    /// Events that came and were not waited for.
    buffered: VecDeque<(String, String)>,
    waiting: BTreeMap<Task, Waiting>,
    recording: Recording,
    restart: Option<(String, bool)>,
    calls: Vec<Called>,
    statuses: Vec<serde_json::Value>,
    sent: Vec<Sent>,
}

enum Planned {
    Attempt {
        task: Task,
        attempt: u32,
    },
    Completion {
        task: Task,
        result: Result<String, Failure>,
    },
    Event {
        name: String,
        payload: String,
    },
    Signal {
        name: String,
        input: String,
    },
}

/// What an unfinished task waits for.
enum Waiting {
    Call {
        callee: Callee,
        name: String,
        input: String,
        retry: Option<RetryPolicy>,
        since: Duration,
    },
    Timer,
    Event {
        name: String,
    },
}

impl Simulation {
    pub(super) fn new(mut script: Script) -> Self {
        let events = std::mem::take(&mut script.events);
        let mut state = State {
            script,
            now: Duration::ZERO,
            planned: BTreeMap::new(),
            plans: 0,
            buffered: VecDeque::new(),
            waiting: BTreeMap::new(),
            recording: Recording::new(START_MS, INSTANCE_ID),
            restart: None,
            calls: Vec::new(),
            statuses: Vec::new(),
            sent: Vec::new(),
        };
        for (delay, name, payload) in events {
            if delay.is_zero() {
                state.buffered.push_back((name, payload));
            } else {
                state.plan(delay, Planned::Event { name, payload });
            }
        }
        Self(RefCell::new(state))
    }

    /// What this execution has asked for and got.
    pub(super) fn recording(&self) -> Recording {
        self.0.borrow().recording.clone()
    }

    /// Ends an execution and prepares the next where it continues as new.
    pub(super) fn end(&self) -> After {
        let mut state = self.0.borrow_mut();
        let Some((input, keep_events)) = state.restart.take() else {
            return After::End;
        };
        if !keep_events {
            state.buffered.clear();
        }
        state.waiting.clear();
        let future = |_: &_, planned: &mut Planned| matches!(planned, Planned::Event { .. });
        state.planned.retain(future);
        state.recording = Recording::new(state.now_ms(), INSTANCE_ID);
        After::Restart(input)
    }

    pub(super) fn report<O>(&self, result: Result<O, Failure>, restarts: u32) -> Report<O> {
        let mut state = self.0.borrow_mut();
        Report {
            result,
            calls: std::mem::take(&mut state.calls),
            statuses: std::mem::take(&mut state.statuses),
            sent: std::mem::take(&mut state.sent),
            elapsed: state.now,
            restarts,
        }
    }
}

impl State {
    fn now_ms(&self) -> f64 {
        START_MS + crate::millis(self.now)
    }

    fn plan(&mut self, at: Duration, planned: Planned) {
        self.planned.insert((at, self.plans), planned);
        self.plans += 1;
    }

    fn begin(&mut self, command: Command, waiting: Waiting) -> Task {
        let task = self.recording.begin(command);
        self.waiting.insert(task, waiting);
        task
    }

    /// Lets the next thing happen.
    ///
    /// # Panics
    /// When nothing is left to happen.
    fn advance(&mut self) {
        let Some(((at, _), planned)) = self.planned.pop_first() else {
            let waits: Vec<String> = self
                .waiting
                .values()
                .filter_map(Waiting::describe)
                .collect();
            panic!("the orchestration waits for ever, for {}", waits.join(", "));
        };
        self.now = self.now.max(at);
        match planned {
            Planned::Attempt { task, attempt } => self.attempt(task, attempt),
            Planned::Completion { task, result } => {
                self.complete(task, result, Visible::Waiting);
            }
            Planned::Event { name, payload } => match self.waiter(&name) {
                Some(task) => self.complete(task, Ok(payload), Visible::Waiting),
                None => self.buffered.push_back((name, payload)),
            },
            Planned::Signal { name, input } => self.signal(&name, &input),
        }
    }

    fn complete(&mut self, task: Task, result: Result<String, Failure>, visible: Visible) {
        // A task that was cancelled meanwhile stays open.
        if self.waiting.remove(&task).is_some() {
            let now_ms = self.now_ms();
            self.recording.complete(task, result, now_ms, visible);
        }
    }

    /// The task that has waited longest for an event of that name.
    fn waiter(&self, event: &str) -> Option<Task> {
        let mut waiting = self.waiting.iter();
        waiting
            .find(|(_, waiting)| {
                matches!(waiting, Waiting::Event { name } if name.eq_ignore_ascii_case(event))
            })
            .map(|(task, _)| *task)
    }

    fn attempt(&mut self, task: Task, attempt: u32) {
        let Some(Waiting::Call {
            callee,
            name,
            input,
            retry,
            since,
        }) = self.waiting.get(&task)
        else {
            return;
        };
        self.calls.push(Called {
            name: name.clone(),
            input: value(input),
            attempt,
            at: self.now,
        });
        let call = Call {
            instance_id: INSTANCE_ID.to_owned(),
            idempotency_key: format!("{INSTANCE_ID}:{task}"),
            attempt,
        };
        let role = self.script.role(*callee, name);
        let result = (role.does)(input, call);
        let end = self.now + role.duration;
        let delay = match (&result, retry) {
            (Err(failure), Some(retry)) => retry.delay(failure, attempt, end - *since),
            _ => None,
        };
        match delay {
            Some(delay) => {
                let attempt = attempt + 1;
                self.plan(end + delay, Planned::Attempt { task, attempt });
            }
            None => self.plan(end, Planned::Completion { task, result }),
        }
    }

    /// Runs an operation whose result nobody waits for.
    fn signal(&mut self, name: &str, input: &str) {
        let role = self.script.role(Callee::Entity, name);
        // Its failure is as nobody's as its result.
        let _ = (role.does)(input, Call::direct());
    }

    fn call(&mut self, command: Command, waiting: Waiting) -> Task {
        let task = self.begin(command, waiting);
        let now = self.now;
        self.plan(now, Planned::Attempt { task, attempt: 1 });
        task
    }
}

impl Waiting {
    fn describe(&self) -> Option<String> {
        match self {
            Self::Call { name, .. } => Some(format!("`{name}`")),
            Self::Event { name } => Some(format!("the event `{name}`")),
            Self::Timer => None,
        }
    }
}

impl RetryPolicy {
    /// How long the platform waits before the next attempt, if there is one.
    fn delay(&self, failure: &Failure, attempt: u32, elapsed: Duration) -> Option<Duration> {
        let given_up = !failure.retryable
            || attempt >= self.max_attempts
            || self.non_retryable_kinds.contains(&failure.kind);
        if given_up {
            return None;
        }
        let exponent = i32::try_from(attempt - 1).unwrap_or(i32::MAX);
        let longest = self.max_interval.unwrap_or(Duration::MAX).as_secs_f64();
        let seconds = self.first_interval.as_secs_f64() * self.coefficient.powi(exponent);
        let delay = Duration::try_from_secs_f64(seconds.min(longest)).ok()?;
        let in_time = |total: Duration| elapsed + delay <= total;
        self.total_timeout.is_none_or(in_time).then_some(delay)
    }
}

/// The name of an entity's function, and what is asked of the entity as JSON.
fn operation(entity: &str, operation: &str, input: &str) -> (String, String) {
    let name = entity.trim_start_matches('@').split('@').next();
    let input = serde_json::json!([entity, operation, value(input)]);
    (name.unwrap_or_default().to_owned(), input.to_string())
}

impl Engine for Simulation {
    fn call_activity(&self, name: &str, input: &str, retry: Option<&RetryPolicy>) -> Task {
        let mut state = self.0.borrow_mut();
        let waiting = Waiting::Call {
            callee: Callee::Activity,
            name: name.to_owned(),
            input: input.to_owned(),
            retry: retry.cloned(),
            since: state.now,
        };
        state.call(Command::activity(name, input), waiting)
    }

    fn call_sub_orchestrator(
        &self,
        name: &str,
        input: &str,
        instance_id: Option<&str>,
        retry: Option<&RetryPolicy>,
    ) -> Task {
        let mut state = self.0.borrow_mut();
        let waiting = Waiting::Call {
            callee: Callee::SubOrchestration,
            name: name.to_owned(),
            input: input.to_owned(),
            retry: retry.cloned(),
            since: state.now,
        };
        state.call(
            Command::sub_orchestration(name, input, instance_id),
            waiting,
        )
    }

    fn create_timer(&self, delay: Duration) -> Task {
        let mut state = self.0.borrow_mut();
        let task = state.begin(Command::timer(delay), Waiting::Timer);
        let due = state.now.saturating_add(delay);
        let result = Ok("null".to_owned());
        state.plan(due, Planned::Completion { task, result });
        task
    }

    fn cancel(&self, task: Task) {
        let mut state = self.0.borrow_mut();
        state.recording.act(Command::cancel(task));
        state.waiting.remove(&task);
        // A cancelled timer holds the clock no longer.
        state.planned.retain(|_, planned| {
            !matches!(planned, Planned::Completion { task: other, .. } if *other == task)
        });
    }

    fn wait_for_event(&self, name: &str) -> Task {
        let mut state = self.0.borrow_mut();
        let waiting = Waiting::Event {
            name: name.to_owned(),
        };
        let task = state.begin(Command::event(name), waiting);
        let came = state.buffered.iter();
        let position = came
            .clone()
            .position(|(other, _)| other.eq_ignore_ascii_case(name));
        if let Some((_, payload)) = position.and_then(|at| state.buffered.remove(at)) {
            state.complete(task, Ok(payload), Visible::AtOnce);
        }
        task
    }

    fn send_event(&self, instance_id: &str, name: &str, payload: &str) {
        let mut state = self.0.borrow_mut();
        state
            .recording
            .act(Command::send(instance_id, name, payload));
        state.sent.push(Sent {
            instance_id: instance_id.to_owned(),
            name: name.to_owned(),
            payload: value(payload),
        });
    }

    fn call_entity(&self, entity: &str, verb: &str, input: &str) -> Task {
        let mut state = self.0.borrow_mut();
        let command = Command::operation(entity, verb, input);
        let (name, input) = operation(entity, verb, input);
        let waiting = Waiting::Call {
            callee: Callee::Entity,
            name,
            input,
            retry: None,
            since: state.now,
        };
        state.call(command, waiting)
    }

    fn signal_entity(&self, entity: &str, verb: &str, input: &str, at_ms: Option<f64>) {
        let mut state = self.0.borrow_mut();
        state.recording.act(Command::operation(entity, verb, input));
        let (name, input) = operation(entity, verb, input);
        let delay = at_ms.map_or(0.0, |at| (at - state.now_ms()).max(0.0));
        let at = state.now + crate::duration(delay);
        match delay > 0.0 {
            true => state.plan(at, Planned::Signal { name, input }),
            false => state.signal(&name, &input),
        }
    }

    fn lock(&self, entities: &[String]) -> Task {
        let mut state = self.0.borrow_mut();
        let task = state.begin(Command::lock(entities), Waiting::Timer);
        let (now, result) = (state.now, Ok("null".to_owned()));
        state.plan(now, Planned::Completion { task, result });
        task
    }

    fn unlock(&self, lock: Task) {
        let mut state = self.0.borrow_mut();
        state.recording.act(Command::unlock(lock));
    }

    fn is_ready(&self, task: Task) -> bool {
        self.0.borrow().recording.position(task).is_some()
    }

    fn wait_any(&self, tasks: &[Task]) -> usize {
        let mut state = self.0.borrow_mut();
        loop {
            if let Some(first) = state.recording.first_of(tasks) {
                return first;
            }
            state.advance();
        }
    }

    fn result(&self, task: Task) -> Result<String, Failure> {
        self.0.borrow().recording.result(task)
    }

    fn continue_as_new(&self, input: &str, keep_events: bool) {
        let mut state = self.0.borrow_mut();
        state.recording.act(Command::continue_as_new(input));
        state.restart = Some((input.to_owned(), keep_events));
    }

    fn set_custom_status(&self, status: &str) {
        self.0.borrow_mut().statuses.push(value(status));
    }

    fn now_ms(&self) -> f64 {
        self.0.borrow().recording.now_ms()
    }

    fn new_guid(&self) -> String {
        self.0.borrow_mut().recording.new_guid()
    }

    fn is_replaying(&self) -> bool {
        false
    }

    fn instance_id(&self) -> String {
        INSTANCE_ID.to_owned()
    }
}
