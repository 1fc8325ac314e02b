//! Orchestrations whose code runs in a process of its own, which keeps a replay of its own: it gets
//! the history with what is new and answers with everything that it decides.
//!
//! Numbers of decisions are the worker's. A number may be used again once its decision was answered
//! (some SDKs retry under the same one), so a decision is not compared with the history: the worker
//! does that, and fails the orchestration by itself.

use std::collections::BTreeMap;

use weft_id::{EntityId, ExecutionId, InstanceId};

use super::entity::unlocks;
use super::track::{self, Known, Unanswered};
use super::{Error, Next, child_execution, next_execution};
use crate::{
    After, Caller, Event, EventKind, Failure, Labels, Limits, LockOwner, LockRequest, Message,
    NewTask, NewTimer, Operation, Outcome, Outgoing, Parent, Payload, Start, Timestamp, Turn,
};

/// What a worker decides. `id` is the number of the decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    Task {
        id: u32,
        name: String,
        input: Payload,
        labels: Labels,
    },
    Child {
        id: u32,
        name: String,
        /// `{parent}:{id}` where absent.
        instance: Option<InstanceId>,
        input: Payload,
        labels: Labels,
    },
    Timer {
        id: u32,
        fire_at: Timestamp,
    },
    SendEvent {
        id: u32,
        target: InstanceId,
        name: String,
        payload: Payload,
    },
    Terminate {
        target: InstanceId,
        reason: String,
        recursive: bool,
    },
    Signal {
        id: u32,
        target: EntityId,
        operation: String,
        input: Payload,
        at: Option<Timestamp>,
    },
    Call {
        id: u32,
        target: EntityId,
        operation: String,
        input: Payload,
        /// What the worker calls the request.
        request: String,
    },
    Lock {
        id: u32,
        set: Vec<EntityId>,
        request: String,
    },
    Unlock {
        id: u32,
        target: EntityId,
        /// That of the lock.
        request: String,
    },
    Complete(Outcome),
    ContinueAsNew {
        input: Payload,
        version: Option<String>,
        /// Events that are kept, with their payloads.
        carried: Vec<(String, Payload)>,
    },
}

/// One execution between and during turns.
#[derive(Debug)]
pub struct External {
    instance: InstanceId,
    limits: Limits,
    /// What was committed.
    past: Vec<Event>,
    start: Option<Start>,
    known: Known,
    /// What the worker calls its locks.
    locks: BTreeMap<String, u32>,
    turn: InTurn,
}

#[derive(Debug, Default)]
struct InTurn {
    now: Timestamp,
    received: Vec<EventKind>,
    decided: Vec<EventKind>,
    tasks: Vec<NewTask>,
    timers: Vec<NewTimer>,
    messages: Vec<Outgoing>,
    custom_status: Option<Payload>,
    ending: Option<Ending>,
}

#[derive(Debug)]
enum Ending {
    Outcome(Outcome),
    Continue {
        start: Box<Start>,
        carried: Vec<Message>,
    },
}

impl External {
    /// Over the recorded history of the current execution, empty for a new one.
    #[must_use]
    pub fn new(instance: InstanceId, history: Vec<Event>, limits: Limits) -> Self {
        let mut external = Self {
            instance,
            limits,
            past: Vec::new(),
            start: None,
            known: Known::default(),
            locks: BTreeMap::new(),
            turn: InTurn::default(),
        };
        for event in &history {
            external.track(&event.kind);
        }
        external.past = history;
        external
    }

    fn track(&mut self, event: &EventKind) {
        self.known.track(event);
        match event {
            EventKind::ExecutionStarted(start) => self.start = Some(start.clone()),
            EventKind::EntityLockRequested {
                id,
                request: Some(request),
                ..
            } => {
                self.locks.insert(request.clone(), *id);
            }
            _ => {}
        }
    }

    /// The start, once it has been delivered.
    #[must_use]
    pub fn start(&self) -> Option<&Start> {
        self.start.as_ref()
    }

    /// What was committed before this turn.
    #[must_use]
    pub fn past(&self) -> &[Event] {
        &self.past
    }

    /// What this turn brings, as it will be recorded.
    #[must_use]
    pub fn news(&self) -> Vec<Event> {
        let at = self.turn.now;
        std::iter::once(&EventKind::OrchestratorStarted)
            .chain(&self.turn.received)
            .map(|kind| Event {
                at,
                kind: kind.clone(),
            })
            .collect()
    }

    /// Starts a turn, as [`crate::Replay::deliver`] does. [`Next::Stop`] says that the worker is
    /// not asked: the instance was terminated or rests.
    pub fn deliver(&mut self, messages: Vec<Message>, now: Timestamp) -> Next {
        self.turn = InTurn {
            now,
            ..InTurn::default()
        };
        for message in messages {
            let current = self.start.as_ref().map(|start| start.execution);
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
                Message::Start(_) if current.is_some() => continue,
                Message::Terminate { reason, recursive } => {
                    self.terminate(reason.clone(), *recursive);
                }
                _ => {}
            }
            let Some(kind) = message.into_event() else {
                continue;
            };
            if track::answered(&kind).is_some_and(|id| !self.known.unanswered.contains_key(&id)) {
                continue;
            }
            self.track(&kind);
            self.turn.received.push(kind);
        }
        match self.turn.ending.is_some() || self.known.suspended.is_some() {
            true => Next::Stop,
            false => Next::Run,
        }
    }

    fn give_back(&mut self, message: Message) {
        if let Message::LockGranted {
            execution,
            task,
            set,
        } = message
        {
            let owner = LockOwner {
                instance: self.instance.clone(),
                execution,
                task,
            };
            self.turn.messages.extend(unlocks(&owner, set));
        }
    }

    fn terminate(&mut self, reason: String, recursive: bool) {
        if recursive {
            for unanswered in self.known.unanswered.values() {
                let Unanswered::Child(child) = unanswered else {
                    continue;
                };
                self.turn.messages.push(Outgoing {
                    to: child.clone(),
                    message: Message::Terminate {
                        reason: reason.clone(),
                        recursive,
                    },
                });
            }
        }
        self.turn.ending = Some(Ending::Outcome(Outcome::Terminated { reason }));
    }

    pub fn set_custom_status(&mut self, status: Payload) {
        self.turn.custom_status = Some(status);
    }

    /// Takes what the worker has decided, in order. What follows an end is carried out as well.
    ///
    /// # Errors
    /// What cannot be carried out; the instance is to fail with it.
    pub fn decide(&mut self, decisions: Vec<Decision>) -> Result<(), Failure> {
        for decision in decisions {
            self.take(decision).map_err(Error::into_failure)?;
        }
        if let Some(status) = &self.turn.custom_status {
            let max = self.limits.custom_status_bytes_max;
            check("the custom status's length in bytes", max, status.len())
                .map_err(Error::into_failure)?;
        }
        Ok(())
    }

    /// Ends the execution because its code cannot be run.
    pub fn fail(&mut self, failure: Failure) {
        self.turn.ending = Some(Ending::Outcome(Outcome::Failed(failure)));
    }

    fn take(&mut self, decision: Decision) -> Result<(), Error> {
        let Some(start) = self.start.clone() else {
            return Err(Error::Misuse("a decision before the start".to_owned()));
        };
        let execution = start.execution;
        match decision {
            Decision::Task {
                id,
                name,
                input,
                labels,
            } => {
                self.check_call(&name, &input)?;
                let before = self.attempts(id);
                let task = NewTask {
                    execution,
                    id,
                    name: name.clone(),
                    input: input.clone(),
                    attempt: before + 1,
                    call: id,
                    labels: labels.clone().kept(),
                };
                self.record(EventKind::TaskScheduled {
                    id,
                    name,
                    input,
                    attempt: task.attempt,
                    call: id,
                    labels: labels.kept(),
                })?;
                self.turn.tasks.push(task);
            }
            Decision::Child {
                id,
                name,
                instance,
                input,
                labels,
            } => {
                self.check_call(&name, &input)?;
                crate::check_start(&name, &input)
                    .map_err(|reserved| Error::Misuse(reserved.to_string()))?;
                let child = match instance.or_else(|| self.instance.child(id)) {
                    Some(child) if !child.is_entity() => child,
                    Some(_) => return Err(Error::Misuse("an entity is no child".to_owned())),
                    None => return Err(Error::Misuse("the child's id is too long".to_owned())),
                };
                // Another attempt under the same number is another execution.
                let attempt = self.attempts(id);
                self.record(EventKind::SubOrchestrationCreated {
                    id,
                    name: name.clone(),
                    instance: child.clone(),
                    input: input.clone(),
                    labels: labels.clone().kept(),
                })?;
                let (trace_parent, trace_state) = match labels.trace_parent {
                    None => (start.trace_parent, start.trace_state),
                    own => (own, labels.trace_state),
                };
                let message = Message::Start(Start {
                    parent: Some(Parent {
                        instance: self.instance.clone(),
                        execution,
                        task: id,
                        name: Some(start.name),
                    }),
                    trace_parent,
                    trace_state,
                    version: labels.version,
                    tags: labels.tags,
                    ..Start::new(child_execution(execution, id, attempt, &child), name, input)
                });
                self.send(child, message);
            }
            Decision::Timer { id, fire_at } => {
                self.record(EventKind::TimerCreated { id, fire_at })?;
                self.turn.timers.push(NewTimer {
                    execution,
                    id,
                    fire_at,
                });
            }
            Decision::SendEvent {
                id,
                target,
                name,
                payload,
            } => {
                self.check_call(&name, &payload)?;
                self.record(EventKind::EventSent {
                    id,
                    target: target.clone(),
                    name: name.clone(),
                    payload: payload.clone(),
                })?;
                self.send(target, Message::Event { name, payload });
            }
            Decision::Terminate {
                target,
                reason,
                recursive,
            } => self.send(target, Message::Terminate { reason, recursive }),
            Decision::Signal {
                id,
                target,
                operation,
                input,
                at,
            } => {
                self.check_call(&operation, &input)?;
                self.record(EventKind::EntityOperationSignaled {
                    id,
                    target: target.clone(),
                    operation: operation.clone(),
                    input: input.clone(),
                    at,
                })?;
                self.operation(&start, target, operation, input, None, at);
            }
            Decision::Call {
                id,
                target,
                operation,
                input,
                request,
            } => {
                self.check_call(&operation, &input)?;
                self.record(EventKind::EntityOperationCalled {
                    id,
                    target: target.clone(),
                    operation: operation.clone(),
                    input: input.clone(),
                    request: Some(request),
                })?;
                self.operation(&start, target, operation, input, Some(id), None);
            }
            Decision::Lock {
                id,
                mut set,
                request,
            } => {
                set.sort_unstable();
                set.dedup();
                let max = self.limits.locked_entities_max;
                check("the number of entities of a lock", max, set.len())?;
                let Some(first) = set.first().cloned() else {
                    let text = "a lock needs at least one entity";
                    return Err(Error::Misuse(text.to_owned()));
                };
                self.record(EventKind::EntityLockRequested {
                    id,
                    set: set.clone(),
                    request: Some(request),
                })?;
                let owner = self.owner(execution, id);
                let message = Message::Lock(LockRequest {
                    owner,
                    set,
                    position: 0,
                });
                self.send(first.instance(), message);
            }
            Decision::Unlock {
                id,
                target,
                request,
            } => {
                let Some(lock) = self.locks.get(&request).copied() else {
                    let text = format!("nothing was locked as {request}");
                    return Err(Error::Misuse(text));
                };
                self.record(EventKind::EntityUnlockSent {
                    id,
                    target: target.clone(),
                    lock,
                })?;
                let message = Message::Unlock(self.owner(execution, lock));
                self.send(target.instance(), message);
            }
            Decision::Complete(outcome) => {
                if let Outcome::Completed(output) = &outcome {
                    let max = self.limits.payload_bytes_max;
                    check("a payload's length in bytes", max, output.len())?;
                }
                self.turn.ending = Some(Ending::Outcome(outcome));
            }
            Decision::ContinueAsNew {
                input,
                version,
                carried,
            } => {
                let max = self.limits.payload_bytes_max;
                check("a payload's length in bytes", max, input.len())?;
                let carried = carried.into_iter();
                self.turn.ending = Some(Ending::Continue {
                    carried: carried
                        .map(|(name, payload)| Message::Event { name, payload })
                        .collect(),
                    start: Box::new(Start {
                        execution: next_execution(execution),
                        input,
                        version: version.or(start.version.clone()),
                        scheduled_at: None,
                        seed: None,
                        ..start
                    }),
                });
            }
        }
        Ok(())
    }

    fn operation(
        &mut self,
        start: &Start,
        target: EntityId,
        name: String,
        input: Payload,
        reply: Option<u32>,
        at: Option<Timestamp>,
    ) {
        let message = Message::Operation(Operation {
            name,
            input,
            caller: Some(Caller {
                instance: self.instance.clone(),
                execution: start.execution,
            }),
            reply,
            at,
            trace_parent: start.trace_parent.clone(),
        });
        self.send(target.instance(), message);
    }

    fn owner(&self, execution: ExecutionId, task: u32) -> LockOwner {
        LockOwner {
            instance: self.instance.clone(),
            execution,
            task,
        }
    }

    fn send(&mut self, to: InstanceId, message: Message) {
        self.turn.messages.push(Outgoing { to, message });
    }

    fn check_call(&self, name: &str, input: &Payload) -> Result<(), Error> {
        if name.is_empty() {
            return Err(Error::Misuse("a name is empty".to_owned()));
        }
        let max = self.limits.name_bytes_max;
        check("a name's length in bytes", max, name.len())?;
        let max = self.limits.payload_bytes_max;
        check("a payload's length in bytes", max, input.len())
    }

    /// How often a number was used for a task or a child.
    fn attempts(&self, number: u32) -> u32 {
        let past = self.past.iter().map(|event| &event.kind);
        let uses = past.chain(&self.turn.decided).filter(|kind| match kind {
            EventKind::TaskScheduled { id, .. } | EventKind::SubOrchestrationCreated { id, .. } => {
                *id == number
            }
            _ => false,
        });
        u32::try_from(uses.count()).unwrap_or(u32::MAX)
    }

    /// # Errors
    /// The number is that of a decision that waits for its answer, or there are too many of these.
    fn record(&mut self, kind: EventKind) -> Result<(), Error> {
        let waiting = self.known.unanswered.len();
        check(
            "the number of open tasks",
            self.limits.open_tasks_max,
            waiting,
        )?;
        let asks = match &kind {
            EventKind::TaskScheduled { id, .. }
            | EventKind::SubOrchestrationCreated { id, .. }
            | EventKind::TimerCreated { id, .. }
            | EventKind::EntityOperationCalled { id, .. }
            | EventKind::EntityLockRequested { id, .. } => Some(*id),
            _ => None,
        };
        if let Some(id) = asks.filter(|id| self.known.unanswered.contains_key(id)) {
            let text = format!("the number {id} is that of something that is not done yet");
            return Err(Error::Misuse(text));
        }
        self.track(&kind);
        self.turn.decided.push(kind);
        Ok(())
    }

    /// The turn that the delivery began.
    pub fn take_turn(&mut self) -> Turn {
        let turn = std::mem::take(&mut self.turn);
        let mut messages = turn.messages;
        let mut ending = turn.ending;
        let recorded = self.past.len() + 1 + turn.received.len() + turn.decided.len();
        if ending.is_none() && recorded > self.limits.history_events_max {
            let failure = Error::Limit {
                what: "the number of events of a history (use continue-as-new)",
                max: self.limits.history_events_max,
                found: recorded,
            };
            ending = Some(Ending::Outcome(Outcome::Failed(failure.into_failure())));
        }
        let (after, closing) = match ending {
            None if self.known.suspended.is_some() => (After::Suspended, None),
            None => (After::Waiting, None),
            Some(Ending::Outcome(outcome)) => {
                let parent = self.start.as_ref().and_then(|start| start.parent.clone());
                if let Some(parent) = parent {
                    messages.push(Outgoing {
                        to: parent.instance,
                        message: Message::ChildDone {
                            execution: parent.execution,
                            task: parent.task,
                            result: outcome.clone().into_result(),
                        },
                    });
                }
                let closing = EventKind::ExecutionCompleted {
                    outcome: outcome.clone(),
                };
                (After::Ended(outcome), Some(closing))
            }
            Some(Ending::Continue { start, mut carried }) => {
                // A suspension holds for the instance, not for one execution.
                let suspended = self.known.suspended.clone();
                carried.splice(0..0, suspended.map(|reason| Message::Suspend { reason }));
                let closing = EventKind::ContinuedAsNew {
                    input: start.input.clone(),
                };
                let start = *start;
                (After::ContinuedAsNew { start, carried }, Some(closing))
            }
        };
        if let (Some(_), Some(start)) = (&closing, &self.start) {
            for (task, set) in std::mem::take(&mut self.known.locks) {
                let owner = LockOwner {
                    instance: self.instance.clone(),
                    execution: start.execution,
                    task,
                };
                messages.extend(unlocks(&owner, set));
            }
        }
        let at = turn.now;
        let events: Vec<_> = std::iter::once(EventKind::OrchestratorStarted)
            .chain(turn.received)
            .chain(turn.decided)
            .chain(closing)
            .map(|kind| Event { at, kind })
            .collect();
        self.past.extend(events.iter().cloned());
        Turn {
            events,
            tasks: turn.tasks,
            timers: turn.timers,
            canceled_timers: Vec::new(),
            messages,
            custom_status: turn.custom_status,
            after,
        }
    }
}

fn check(what: &'static str, max: usize, found: usize) -> Result<(), Error> {
    match found > max {
        true => Err(Error::Limit { what, max, found }),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests;
