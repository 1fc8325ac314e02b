//! Runs an orchestrator against its history, turn by turn.
//!
//! One loop serves replay and live execution: recorded turns are queued in front of the live one,
//! and a wait that has nothing ready takes the next received event from the queue. In a recorded
//! turn every decision is compared with the recorded one; in the live turn it is collected. A
//! parked replay holds its open tasks and nothing of the history that it has passed.

mod ask;
mod entity;
mod external;
mod queue;
mod task;
mod track;

use std::collections::BTreeMap;

use weft_id::{EntityId, ExecutionId, InstanceId};

use crate::{
    After, Event, EventKind, Failure, Limits, Message, NewTimer, Outcome, Outgoing, Payload, Start,
    Timestamp, Turn, failure_kind,
};
pub use external::{Decision, External};
use queue::TurnQueue;
pub use task::TaskHandle;
use task::Tasks;
pub(crate) use track::answered;
use track::{Known, Unanswered};

/// Why the orchestrator cannot go on. The instance fails with it at the end of the turn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("the code does not follow its history: event {at} has {has}, the code asks for {asks}")]
    NonDeterminism {
        /// The position of the event in the history, from 1.
        at: usize,
        has: String,
        asks: String,
    },
    #[error("{what} is limited to {max}, this is {found}")]
    Limit {
        what: &'static str,
        max: usize,
        found: usize,
    },
    #[error("{0}")]
    Misuse(String),
}

impl Error {
    fn into_failure(self) -> Failure {
        let kind = match &self {
            Self::NonDeterminism { .. } => failure_kind::NON_DETERMINISM,
            Self::Limit { .. } => failure_kind::LIMIT,
            Self::Misuse(_) => failure_kind::MISUSE,
        };
        Failure::permanent(kind, self.to_string())
    }
}

/// What to do after a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Run the orchestrator until it waits or returns, then take the turn.
    Run,
    /// Take the turn and drop the orchestrator: the instance was terminated.
    Stop,
}

/// The state of one execution between and during turns.
#[derive(Debug)]
pub struct Replay {
    instance: InstanceId,
    limits: Limits,
    queue: TurnQueue,
    tasks: Tasks,
    start: Option<Start>,
    /// The number that the next decision gets.
    next_id: u32,
    guids: u32,
    live: Live,
    /// Locks that the code has asked for and not released.
    locks: BTreeMap<TaskHandle, Vec<EntityId>>,
    /// What the history, the live turn included, says whether or not the code has come to it.
    known: Known,
    ending: Option<Ending>,
    /// Set by continue-as-new; it takes effect when the code returns.
    continue_with: Option<Continuation>,
    error: Option<Error>,
}

/// What the live turn has collected so far.
#[derive(Debug, Default)]
struct Live {
    tasks: Vec<crate::NewTask>,
    timers: Vec<NewTimer>,
    canceled_timers: Vec<u32>,
    messages: Vec<Outgoing>,
    custom_status: Option<Payload>,
    /// Decisions, and the bytes of their payloads.
    decisions: usize,
    bytes: usize,
}

#[derive(Debug)]
enum Ending {
    Terminated {
        reason: String,
    },
    Returned(Result<Payload, Failure>),
    /// The code could not be run to the end.
    Broken(Failure),
    ContinueAsNew(Continuation),
}

#[derive(Debug)]
struct Continuation {
    input: Payload,
    keep_events: bool,
}

impl Replay {
    /// A replay over the recorded history of the current execution, empty for a new one.
    #[must_use]
    pub fn new(instance: InstanceId, history: Vec<Event>, limits: Limits) -> Self {
        let mut known = Known::default();
        for event in &history {
            known.track(&event.kind);
        }
        Self {
            instance,
            limits,
            queue: TurnQueue::new(history),
            tasks: Tasks::default(),
            start: None,
            next_id: 0,
            guids: 0,
            live: Live::default(),
            locks: BTreeMap::new(),
            known,
            ending: None,
            continue_with: None,
            error: None,
        }
    }

    /// Whether only resume and terminate may be delivered.
    #[must_use]
    pub fn is_suspended(&self) -> bool {
        self.known.suspended.is_some()
    }

    /// Starts a turn: records `messages` as received at `now`. Messages for another execution, a
    /// second start, a second answer to the same decision and a second suspension or resumption are
    /// dropped. The caller has applied [`crate::split_at_suspension`].
    pub fn deliver(&mut self, messages: Vec<Message>, now: Timestamp) -> Next {
        let mut next = Next::Run;
        let mut events = Vec::with_capacity(messages.len());
        let mut current = self.recorded_execution();
        for message in messages {
            let foreign = |of: ExecutionId| {
                current.is_some_and(|current| current != of) && !self.known.former.contains(&of)
            };
            if message.execution().is_some_and(foreign) {
                self.give_back(message);
                continue;
            }
            if self.known.changes_nothing(&message) {
                continue;
            }
            match &message {
                Message::Start(start) => {
                    if current.is_some() {
                        continue;
                    }
                    current = Some(start.execution);
                }
                Message::Terminate { reason, recursive } => {
                    next = Next::Stop;
                    self.terminate(reason.clone(), *recursive);
                }
                Message::TaskDone { .. }
                | Message::ChildDone { .. }
                | Message::TimerFired { .. }
                | Message::Event { .. }
                | Message::Suspend { .. }
                | Message::Resume { .. }
                | Message::OperationDone { .. }
                | Message::LockGranted { .. }
                | Message::Rewind { .. }
                | Message::Move { .. }
                | Message::Operation(_)
                | Message::Lock(_)
                | Message::Unlock(_) => {}
            }
            let Some(kind) = message.into_event() else {
                continue;
            };
            if track::answered(&kind).is_some_and(|id| !self.known.unanswered.contains_key(&id)) {
                continue;
            }
            self.known.track(&kind);
            events.push(kind);
        }
        self.queue.push_live(events, now);
        next
    }

    fn terminate(&mut self, reason: String, recursive: bool) {
        if recursive {
            for unanswered in self.known.unanswered.values() {
                let Unanswered::Child(child) = unanswered else {
                    continue;
                };
                let message = Message::Terminate {
                    reason: reason.clone(),
                    recursive,
                };
                let to = child.clone();
                self.live.messages.push(Outgoing { to, message });
            }
        }
        self.ending = Some(Ending::Terminated { reason });
    }

    /// The start of the execution: what to run and with which input. `None` when the history has
    /// no start, which a store never leaves.
    pub fn begin(&mut self) -> Option<Start> {
        while self.start.is_none() && self.advance() {}
        self.start.clone()
    }

    /// Ends the execution with what the orchestrator returned; after a call of
    /// [`Self::continue_as_new`] a success continues instead.
    pub fn finish(&mut self, result: Result<Payload, Failure>) {
        if self.error.is_some() {
            return;
        }
        if let Err(error) = self.check_result_size(&result) {
            self.error = Some(error);
            return;
        }
        self.ending = Some(match (result, self.continue_with.take()) {
            (Ok(_), Some(continuation)) => Ending::ContinueAsNew(continuation),
            (result, _) => Ending::Returned(result),
        });
    }

    /// Ends the execution because its code cannot be run to the end, for instance after a trap.
    /// An error of the replay itself comes first, since it is the cause.
    pub fn fail(&mut self, failure: Failure) {
        self.ending = Some(Ending::Broken(failure));
    }

    /// The turn that the delivery began. Call it once after each delivery, when the orchestrator
    /// waits or has returned.
    pub fn take_turn(&mut self) -> Turn {
        let stopped = matches!(
            self.ending,
            Some(Ending::Terminated { .. } | Ending::Broken(_))
        );
        if !stopped
            && self.error.is_none()
            && let Err(error) = self
                .queue
                .check_all_replayed(self.ending.as_ref().map(describe))
        {
            self.error = Some(error);
        }
        if self.error.is_none()
            && self.ending.is_none()
            && self.queue.history_len() > self.limits.history_events_max
        {
            self.error = Some(Error::Limit {
                what: "the number of events of a history (use continue-as-new)",
                max: self.limits.history_events_max,
                found: self.queue.history_len(),
            });
        }
        let live = std::mem::take(&mut self.live);
        let after = self.take_after();
        let closing = match &after {
            After::Waiting | After::Suspended | After::Entity(_) => None,
            After::Ended(outcome) => Some(EventKind::ExecutionCompleted {
                outcome: outcome.clone(),
            }),
            After::ContinuedAsNew { start, .. } => Some(EventKind::ContinuedAsNew {
                input: start.input.clone(),
            }),
        };
        let mut messages = live.messages;
        match &after {
            After::Ended(_) | After::ContinuedAsNew { .. } => self.release_all(&mut messages),
            After::Waiting | After::Suspended | After::Entity(_) => {}
        }
        if let (After::Ended(outcome), Some(parent)) =
            (&after, self.start.as_ref().and_then(|s| s.parent.clone()))
        {
            messages.push(Outgoing {
                to: parent.instance,
                message: Message::ChildDone {
                    execution: parent.execution,
                    task: parent.task,
                    result: outcome.clone().into_result(),
                },
            });
        }
        Turn {
            events: self.queue.take_live(closing),
            tasks: live.tasks,
            timers: live.timers,
            canceled_timers: live.canceled_timers,
            messages,
            custom_status: live.custom_status,
            after,
        }
    }

    fn take_after(&mut self) -> After {
        let terminated = matches!(self.ending, Some(Ending::Terminated { .. }));
        if let Some(error) = self.error.take()
            && !terminated
        {
            self.ending = None;
            return After::Ended(Outcome::Failed(error.into_failure()));
        }
        match self.ending.take() {
            None if self.known.suspended.is_some() => After::Suspended,
            None => After::Waiting,
            Some(Ending::Terminated { reason }) => {
                // The parent stands in the start, which the code may not have reached yet.
                self.start = self.start.take().or_else(|| self.queue.recorded_start());
                After::Ended(Outcome::Terminated { reason })
            }
            Some(Ending::Returned(Ok(output))) => After::Ended(Outcome::Completed(output)),
            Some(Ending::Returned(Err(failure)) | Ending::Broken(failure)) => {
                self.start = self.start.take().or_else(|| self.queue.recorded_start());
                After::Ended(Outcome::Failed(failure))
            }
            Some(Ending::ContinueAsNew(continuation)) => self.continued(continuation),
        }
    }

    fn continued(&mut self, with: Continuation) -> After {
        let old = self.start.clone().expect("only running code continues");
        let unread = self.queue.unread_events();
        // A suspension that came in this very turn holds for the instance, not for one execution.
        let suspend = self.known.suspended.clone();
        let mut carried: Vec<Message> = suspend
            .map(|reason| Message::Suspend { reason })
            .into_iter()
            .collect();
        if with.keep_events {
            let events = self.tasks.take_buffered_events().into_iter().chain(unread);
            carried.extend(events.map(|(name, payload)| Message::Event { name, payload }));
        }
        let execution = next_execution(old.execution);
        After::ContinuedAsNew {
            start: Start {
                execution,
                input: with.input,
                scheduled_at: None,
                seed: None,
                ..old
            },
            carried,
        }
    }

    /// Makes the next received event visible. False when there is none and the turn is over.
    fn advance(&mut self) -> bool {
        if self.error.is_some() {
            return false;
        }
        match self.queue.next() {
            Ok(Some((event, now))) => {
                if let EventKind::ExecutionStarted(start) = &event {
                    self.start = Some(start.clone());
                }
                if let Err(error) = self.apply(event, now) {
                    self.error = Some(error);
                }
                true
            }
            Ok(None) => false,
            Err(error) => {
                self.error = Some(error);
                false
            }
        }
    }

    /// The execution's id, whether or not the code has begun.
    fn recorded_execution(&self) -> Option<ExecutionId> {
        let current = self.start.as_ref().map(|start| start.execution);
        current.or_else(|| self.queue.recorded_execution())
    }

    fn execution(&self) -> ExecutionId {
        self.start
            .as_ref()
            .expect("code runs only after the start is applied")
            .execution
    }

    /// What the code may ask for.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The instance that this is a replay of.
    #[must_use]
    pub fn instance(&self) -> &InstanceId {
        &self.instance
    }
}

fn describe(ending: &Ending) -> String {
    match ending {
        Ending::Terminated { .. } => "termination".to_owned(),
        Ending::Returned(Ok(_)) => "completion".to_owned(),
        Ending::Returned(Err(failure)) | Ending::Broken(failure) => {
            format!("failure ({})", failure.message)
        }
        Ending::ContinueAsNew(_) => "continue-as-new".to_owned(),
    }
}

/// The id of the execution that follows `old`: derived, so that the core needs no randomness, and
/// the same again when the turn has to be repeated.
fn next_execution(old: ExecutionId) -> ExecutionId {
    let namespace = uuid::Uuid::from_u128(old.as_u128());
    ExecutionId::from_u128(uuid::Uuid::new_v5(&namespace, b"continue-as-new").as_u128())
}

/// The id of a child's execution: derived, for the same reasons. `attempt` counts the children that
/// were started under the same number before.
fn child_execution(
    parent: ExecutionId,
    number: u32,
    attempt: u32,
    child: &InstanceId,
) -> ExecutionId {
    let namespace = uuid::Uuid::from_u128(parent.as_u128());
    let seed = match attempt {
        0 => format!("child {number} {child}"),
        _ => format!("child {number} {child} {attempt}"),
    };
    ExecutionId::from_u128(uuid::Uuid::new_v5(&namespace, seed.as_bytes()).as_u128())
}

#[cfg(test)]
mod entity_tests;
#[cfg(test)]
mod tests;
