//! The world of a scenario: instances that exchange messages, timers, and a clock that jumps to what
//! comes next.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet};
use std::sync::Arc;

use weft_id::{ExecutionId, InstanceId};
use weft_orchestration::{
    After, Event, Failure, Limits, Message, NewTimer, Outcome, Outgoing, Payload, Replay, Start,
    Timestamp, failure_kind,
};
use weft_workflow::run::{Run, RunView};
use weft_workflow::value::Value;

use crate::Local;
use crate::batch::Watched;
use crate::case::Case;
use crate::deployed::Deployed;
use crate::mock::Mocks;

/// When every scenario begins: 2026-01-05T09:00:00Z, a Monday.
pub(crate) const BEGIN_MS: u64 = 1_767_603_600_000;
/// More than that is taken for a scenario that does not end.
const STEPS_MAX: u64 = 2_000_000;
const VIRTUAL_MAX_MS: u64 = 400 * 24 * 3_600_000;

pub(crate) struct World {
    /// Since the beginning.
    pub(crate) now_ms: u64,
    pub(crate) deployed: BTreeMap<String, Deployed>,
    pub(crate) runs: Vec<Running>,
    pub(crate) mocks: Mocks,
    /// What went wrong beside what is expected.
    pub(crate) faults: Vec<String>,
    pub(crate) files: Value,
    pub(crate) local: Option<Arc<Local>>,
    /// The trigger, where its messages are gathered.
    pub(crate) watched: Option<Watched>,
    by_id: HashMap<InstanceId, usize>,
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    due: HashMap<u64, Due>,
    numbers: u64,
}

/// A run and what has become of it.
pub(crate) struct Running {
    pub(crate) id: InstanceId,
    pub(crate) workflow: String,
    pub(crate) started_ms: u64,
    pub(crate) ended: Option<(Outcome, u64)>,
    /// What it has handed over as its answer, and when.
    pub(crate) responded: Option<(u64, Value)>,
    pub(crate) history: Vec<Event>,
    run: Run,
    execution: ExecutionId,
    canceled: HashSet<u32>,
}

/// The result of a task, unless it is longer than what a node takes into a history.
fn bounded(result: Result<Payload, Failure>) -> Result<Payload, Failure> {
    let limits = Limits::default();
    let (what, found, max) = match &result {
        Ok(output) => ("output", output.len(), limits.payload_bytes_max),
        Err(failure) => ("failure", failure.bytes(), limits.failure_bytes_max),
    };
    if found <= max {
        return result;
    }
    let text = format!("the {what}'s length in bytes is limited to {max}, it is {found}");
    Err(Failure::permanent(failure_kind::LIMIT, text))
}

/// What happens at its time.
enum Due {
    Deliver(InstanceId, Box<Message>),
    /// A message to a run that has begun by then; its timer may be canceled.
    Timer(InstanceId, NewTimer),
    Callback {
        url: String,
        callback: Value,
    },
}

impl World {
    pub(crate) fn new(
        case: &Case,
        deployed: BTreeMap<String, Deployed>,
        local: Option<Arc<Local>>,
    ) -> Self {
        Self {
            now_ms: 0,
            deployed,
            runs: Vec::new(),
            mocks: Mocks::new(&case.mocks, case.mock_default.clone()),
            faults: Vec::new(),
            files: case.files.clone(),
            local,
            watched: None,
            by_id: HashMap::new(),
            queue: BinaryHeap::new(),
            due: HashMap::new(),
            numbers: 0,
        }
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn later(&mut self, after_ms: u64, due: Due) {
        let number = self.number();
        self.queue.push(Reverse((self.now_ms + after_ms, number)));
        self.due.insert(number, due);
    }

    /// Starts a run at once.
    pub(crate) fn start(&mut self, workflow: &str, input: &Value) -> InstanceId {
        let number = self.number();
        let id: InstanceId = format!("run-{number}").parse().expect("letters and digits");
        let execution = ExecutionId::from_u128(u128::from(number));
        let start = Start::new(execution, workflow, Payload::from(input.to_string()));
        self.later(0, Due::Deliver(id.clone(), Box::new(Message::Start(start))));
        self.create(&id, workflow, execution);
        id
    }

    fn create(&mut self, id: &InstanceId, workflow: &str, execution: ExecutionId) {
        let Some((name, deployed)) = self
            .deployed
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(workflow))
        else {
            return;
        };
        let replay = Replay::new(id.clone(), Vec::new(), Limits::default());
        let run = Run::new(
            Arc::clone(&deployed.program),
            Arc::clone(&deployed.settings),
            replay,
        );
        self.by_id.insert(id.clone(), self.runs.len());
        self.runs.push(Running {
            id: id.clone(),
            workflow: name.clone(),
            started_ms: self.now_ms,
            ended: None,
            responded: None,
            history: Vec::new(),
            run,
            execution,
            canceled: HashSet::new(),
        });
    }

    pub(crate) fn running(&self, id: &InstanceId) -> Option<&Running> {
        self.runs.get(*self.by_id.get(id)?)
    }

    pub(crate) fn running_mut(&mut self, id: &InstanceId) -> Option<&mut Running> {
        self.runs.get_mut(*self.by_id.get(id)?)
    }

    /// Answers a task of a run, after a while.
    pub(crate) fn answer(
        &mut self,
        id: &InstanceId,
        task: u32,
        after_ms: u64,
        result: Result<Payload, Failure>,
    ) {
        let Some(running) = self.running(id) else {
            return;
        };
        let message = Message::TaskDone {
            execution: running.execution,
            task,
            result: bounded(result),
        };
        self.later(after_ms, Due::Deliver(id.clone(), Box::new(message)));
    }

    pub(crate) fn call_back(&mut self, after_ms: u64, url: String, callback: Value) {
        self.later(after_ms, Due::Callback { url, callback });
    }

    pub(crate) fn send(&mut self, id: InstanceId, message: Message) {
        self.send_later(0, id, message);
    }

    pub(crate) fn send_later(&mut self, after_ms: u64, id: InstanceId, message: Message) {
        self.later(after_ms, Due::Deliver(id, Box::new(message)));
    }

    pub(crate) fn set_timer(&mut self, id: &InstanceId, timer: NewTimer, now: Timestamp) {
        let wait = timer.fire_at.as_millis().saturating_sub(now.as_millis());
        self.later(wait, Due::Timer(id.clone(), timer));
    }

    /// Whether a timer is still to be heard of.
    fn waits_for(&self, id: &InstanceId, timer: &NewTimer) -> bool {
        match &self.watched {
            // When nothing else is to come, a recurrence goes on for ever.
            Some(watched) if watched.is(id) => {
                let goes_on = !self.queue.is_empty() || watched.awaits_time();
                goes_on && watched.waits_for(timer)
            }
            _ => self.running(id).is_some_and(|running| {
                running.ended.is_none() && !running.canceled.contains(&timer.id)
            }),
        }
    }

    /// Lets everything happen that comes of what was started.
    pub(crate) fn run_to_the_end(&mut self) {
        let mut steps = 0;
        while let Some(Reverse((at, number))) = self.queue.pop() {
            let Some(due) = self.due.remove(&number) else {
                continue;
            };
            steps += 1;
            if steps > STEPS_MAX || at > VIRTUAL_MAX_MS {
                self.faults.push("the scenario does not end".to_owned());
                return;
            }
            match due {
                Due::Deliver(id, message) => {
                    self.now_ms = at;
                    self.deliver(id, *message);
                }
                Due::Timer(id, timer) => {
                    if self.waits_for(&id, &timer) {
                        self.now_ms = at;
                        let message = Message::TimerFired {
                            execution: timer.execution,
                            timer: timer.id,
                        };
                        self.deliver(id, message);
                    }
                }
                Due::Callback { url, callback } => {
                    self.now_ms = at;
                    crate::trigger::call_back(self, &url, &callback);
                }
            }
        }
        let waiting: Vec<String> = self
            .runs
            .iter()
            .filter(|running| running.ended.is_none())
            .map(|running| format!("a run of {} waits for ever", running.workflow))
            .collect();
        self.faults.extend(waiting);
    }

    fn deliver(&mut self, id: InstanceId, message: Message) {
        if self.watched.as_ref().is_some_and(|watched| watched.is(&id)) {
            let now = Timestamp::from_millis(BEGIN_MS + self.now_ms);
            return self.deliver_to_watched(message, now);
        }
        if let Message::Start(start) = &message
            && self.running(&id).is_none()
        {
            self.create(&id, &start.name, start.execution);
            if self.running(&id).is_none() {
                return self.no_such_child(start);
            }
        }
        let now = Timestamp::from_millis(BEGIN_MS + self.now_ms);
        let now_ms = self.now_ms;
        let Some(running) = self.running_mut(&id) else {
            return;
        };
        if running.ended.is_some() {
            return;
        }
        let turn = running.run.turn(vec![message], now);
        running.history.extend(turn.events);
        running.canceled.extend(turn.canceled_timers);
        if let After::Ended(outcome) = turn.after {
            running.ended = Some((outcome, now_ms));
        }
        for timer in turn.timers {
            self.set_timer(&id, timer, now);
        }
        for task in turn.tasks {
            self.carry_out(&id, &task);
        }
        for Outgoing { to, message } in turn.messages {
            self.send(to, message);
        }
    }

    fn no_such_child(&mut self, start: &Start) {
        let Some(parent) = &start.parent else {
            return;
        };
        let why = format!("nothing of the name {} is deployed", start.name);
        let message = Message::ChildDone {
            execution: parent.execution,
            task: parent.task,
            result: Err(Failure::permanent(failure_kind::NOT_FOUND, why)),
        };
        self.send(parent.instance.clone(), message);
    }

    /// The run as its history shows it. A run that has ended is replayed from its history, which
    /// has to show the same.
    pub(crate) fn view(&self, running: &Running) -> Result<RunView, String> {
        let ended = running.ended.as_ref();
        let outcome = ended.map(|(outcome, at)| (outcome, Timestamp::from_millis(BEGIN_MS + at)));
        let view = running.run.view(outcome);
        if ended.is_none() {
            return Ok(view);
        }
        let replayed = self.replayed(running).view(outcome);
        match replayed == view {
            true => Ok(view),
            false => Err(format!(
                "a replay of the run of {} comes out differently",
                running.workflow
            )),
        }
    }

    /// The run, made of its history alone.
    pub(crate) fn replayed(&self, running: &Running) -> Run {
        let deployed = &self.deployed[&running.workflow];
        Run::over(
            Arc::clone(&deployed.program),
            Arc::clone(&deployed.settings),
            running.id.clone(),
            running.history.clone(),
            Limits::default(),
        )
    }

    /// The repetitions of an action in a run.
    pub(crate) fn repetitions(
        running: &Running,
        action: &str,
    ) -> Option<Vec<weft_workflow::run::RepetitionView>> {
        running.run.repetitions(action, running.ended.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_bounded_as_on_a_node() {
        let max = Limits::default().payload_bytes_max;
        let longest = Payload::from("x".repeat(max));
        assert_eq!(bounded(Ok(longest.clone())), Ok(longest));
        let failure = bounded(Ok(Payload::from("x".repeat(max + 1)))).unwrap_err();
        assert_eq!(failure.kind, failure_kind::LIMIT);
    }
}
