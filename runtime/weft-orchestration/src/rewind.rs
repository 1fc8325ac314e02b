//! Takes a failed execution back to before its failure.
//!
//! What was done stays done. From the history go the completion and the failures that have led to
//! it; whatever then waits without an answer is asked for again. A failure counts as one of them
//! where the code decided nothing after it, or where it is the very failure of the execution and the
//! code answered it with no decision. Where there is none, since the code answered every failure,
//! the execution is taken back to before the last one, and decides anew from there.
//!
//! The rebuilt history has another execution id, so that nothing which is still under way for the
//! old one is taken for the new one's; answers of children, which know the old id, are taken by
//! way of [`EventKind::ExecutionRewound`].

use std::collections::{BTreeMap, BTreeSet};

use weft_id::{ExecutionId, InstanceId};

use crate::{
    Caller, Event, EventKind, Failure, Message, NewTask, NewTimer, Operation, Outcome, Outgoing,
    Parent, Start,
};

/// What to write in place of a failed execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewound {
    pub execution: ExecutionId,
    /// The events of each turn.
    pub history: Vec<Vec<Event>>,
    /// Calls of activities that have no result, to be made again.
    pub tasks: Vec<NewTask>,
    pub timers: Vec<NewTimer>,
    /// Operations of entities that have not answered, whose answers may have come while nobody took
    /// them.
    pub operations: Vec<Outgoing>,
    /// Children that have not answered.
    pub children: Vec<OpenChild>,
    /// The inbox from now on, in order; the first one starts the new turn.
    pub messages: Vec<Message>,
}

/// A child whose answer the rewound parent waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenChild {
    pub instance: InstanceId,
    /// What starts the child where it is gone; names its parent.
    pub start: Start,
}

/// An instance that has the id of an open child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub parent: Option<Parent>,
    /// Set where it has ended.
    pub outcome: Option<Outcome>,
}

/// How a rewound parent gets the answer of a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// It will come.
    Wait,
    /// It has come while the parent could not take it, and is given again, as this message.
    Answer(Message),
    /// The child is rewound as well; where it cannot be, the parent gets this message.
    Rewind { otherwise: Message },
    /// The child is started again, by this message to it.
    Start(Message),
}

impl OpenChild {
    /// What is to be done about it, by what was found under its id.
    #[must_use]
    pub fn remedy(&self, found: Option<Found>) -> Remedy {
        let start = || Remedy::Start(Message::Start(self.start.clone()));
        let parent = self.start.parent.as_ref().expect("a child has a parent");
        // Another instance may have the id by now.
        let is_child = |found: &Found| {
            let of = found.parent.as_ref();
            of.is_some_and(|of| of.instance == parent.instance && of.task == parent.task)
        };
        let Some(found) = found.filter(is_child) else {
            return start();
        };
        let answer = |outcome: Outcome| Message::ChildDone {
            execution: parent.execution,
            task: parent.task,
            result: outcome.into_result(),
        };
        match found.outcome {
            None => Remedy::Wait,
            Some(Outcome::Terminated { .. }) => start(),
            Some(outcome @ Outcome::Completed(_)) => Remedy::Answer(answer(outcome)),
            Some(outcome @ Outcome::Failed(_)) => Remedy::Rewind {
                otherwise: answer(outcome),
            },
        }
    }
}

/// Why an execution cannot be rewound.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RewindError {
    #[error("it failed in a critical section, whose locks are released: restart it instead")]
    CriticalSection,
    #[error("it has no history")]
    Empty,
}

/// Rebuilds the history of a failed execution of `instance` under the id `execution`. `inbox` is what
/// has arrived and was not taken any more; [`Rewound::messages`] takes its place.
///
/// # Errors
/// [`RewindError`]; the execution stays as it is.
pub fn rewind(
    instance: &InstanceId,
    history: Vec<Event>,
    inbox: Vec<Message>,
    execution: ExecutionId,
    reason: String,
) -> Result<Rewound, RewindError> {
    let mut turns = into_turns(history);
    let former = rename(&mut turns, execution).ok_or(RewindError::Empty)?;
    let cause = remove_completion(&mut turns);
    let mut messages = vec![Message::Rewind { reason, former }];
    if !remove_fatal_failures(&mut turns, cause.as_ref()) {
        messages.extend(take_back(&mut turns, execution));
    }
    messages.extend(inbox.into_iter().filter(still_counts));
    if has_locks(&turns) {
        return Err(RewindError::CriticalSection);
    }
    Ok(ask_again(instance, execution, turns, messages))
}

fn into_turns(history: Vec<Event>) -> Vec<Vec<Event>> {
    let mut turns: Vec<Vec<Event>> = Vec::new();
    for event in history {
        if matches!(event.kind, EventKind::OrchestratorStarted) || turns.is_empty() {
            turns.push(Vec::new());
        }
        turns.last_mut().expect("one was pushed").push(event);
    }
    turns
}

/// Gives the start the new id and returns the old one.
fn rename(turns: &mut [Vec<Event>], execution: ExecutionId) -> Option<ExecutionId> {
    turns
        .iter_mut()
        .flatten()
        .find_map(|event| match &mut event.kind {
            EventKind::ExecutionStarted(start) => {
                let former = std::mem::replace(&mut start.execution, execution);
                start.seed.get_or_insert(former);
                Some(former)
            }
            _ => None,
        })
}

/// Returns what the execution has failed with.
fn remove_completion(turns: &mut [Vec<Event>]) -> Option<Failure> {
    let last = turns.last_mut()?;
    let ends = |event: &Event| matches!(event.kind, EventKind::ExecutionCompleted { .. });
    let end = last.remove(last.iter().position(ends)?);
    match end.kind {
        EventKind::ExecutionCompleted {
            outcome: Outcome::Failed(failure),
        } => Some(failure),
        _ => None,
    }
}

/// The failure that an event brings.
fn failed(event: &EventKind) -> Option<&Failure> {
    match event {
        EventKind::TaskFailed { failure, .. }
        | EventKind::SubOrchestrationFailed { failure, .. } => Some(failure),
        _ => None,
    }
}

fn has_failure(turn: &[Event]) -> bool {
    turn.iter().any(|event| failed(&event.kind).is_some())
}

/// Removes the failures that have led to the end; whether there were any.
fn remove_fatal_failures(turns: &mut [Vec<Event>], cause: Option<&Failure>) -> bool {
    let decides = |turn: &[Event]| turn.iter().any(|event| event.kind.is_decision());
    let last_decision = turns.iter().rposition(|turn| decides(turn));
    let mut removed = false;
    for (number, turn) in turns.iter_mut().enumerate() {
        if decides(turn) {
            continue;
        }
        let is_last = last_decision.is_none_or(|last| number > last);
        let fatal = |failure: &Failure| is_last || cause == Some(failure);
        let before = turn.len();
        turn.retain(|event| !failed(&event.kind).is_some_and(fatal));
        removed |= turn.len() < before;
    }
    removed
}

/// Cuts the history off before the last turn with a failure and returns what was received since,
/// without the failures. With no failure at all it is the code that failed: it stays as it is, and
/// runs again to its end.
fn take_back(turns: &mut Vec<Vec<Event>>, execution: ExecutionId) -> Vec<Message> {
    let Some(at) = turns.iter().rposition(|turn| has_failure(turn)) else {
        return Vec::new();
    };
    let cut = turns.split_off(at);
    let received = cut.into_iter().flatten();
    let received = received.filter(|event| failed(&event.kind).is_none());
    received
        .filter_map(|event| Message::of_event(event.kind, execution))
        .collect()
}

/// Whether something that arrived after the failure is for the rewound execution as well. Failures
/// are what the rewind takes back, and a termination was meant for the one that has ended.
fn still_counts(message: &Message) -> bool {
    match message {
        Message::TaskDone { result, .. } | Message::ChildDone { result, .. } => result.is_ok(),
        Message::Terminate { .. } | Message::Start(_) => false,
        Message::TimerFired { .. }
        | Message::Event { .. }
        | Message::Suspend { .. }
        | Message::Resume { .. }
        | Message::OperationDone { .. }
        | Message::LockGranted { .. }
        | Message::Rewind { .. }
        | Message::Move { .. }
        | Message::Operation(_)
        | Message::Lock(_)
        | Message::Unlock(_) => true,
    }
}

fn has_locks(turns: &[Vec<Event>]) -> bool {
    let mut open = BTreeMap::new();
    for event in turns.iter().flatten() {
        match &event.kind {
            EventKind::EntityLockRequested { id, set, .. } => {
                open.insert(*id, set.len());
            }
            EventKind::EntityUnlockSent { lock, .. } => {
                if let Some(left) = open.get_mut(lock) {
                    *left -= 1;
                }
            }
            _ => {}
        }
    }
    open.values().any(|left| *left > 0)
}

/// Asks again for all that the rebuilt history has no answer to.
fn ask_again(
    instance: &InstanceId,
    execution: ExecutionId,
    turns: Vec<Vec<Event>>,
    messages: Vec<Message>,
) -> Rewound {
    let answered: BTreeSet<u32> = turns
        .iter()
        .flatten()
        .filter_map(|event| crate::replay::answered(&event.kind))
        .chain(messages.iter().filter_map(Message::answers))
        .collect();
    let mut rewound = Rewound {
        execution,
        history: Vec::new(),
        tasks: Vec::new(),
        timers: Vec::new(),
        operations: Vec::new(),
        children: Vec::new(),
        messages,
    };
    let start = turns.iter().flatten().find_map(|event| match &event.kind {
        EventKind::ExecutionStarted(start) => Some(start.clone()),
        _ => None,
    });
    let trace_parent = start.as_ref().and_then(|start| start.trace_parent.clone());
    let trace_state = start.as_ref().and_then(|start| start.trace_state.clone());
    let name_of_parent = start.map(|start| start.name);
    for event in turns.iter().flatten() {
        match event.kind.clone() {
            EventKind::TaskScheduled {
                id,
                name,
                input,
                attempt,
                call,
                labels,
            } if !answered.contains(&id) => rewound.tasks.push(NewTask {
                execution,
                id,
                name,
                input,
                attempt,
                call,
                labels,
            }),
            EventKind::TimerCreated { id, fire_at } if !answered.contains(&id) => {
                rewound.timers.push(NewTimer {
                    execution,
                    id,
                    fire_at,
                });
            }
            EventKind::SubOrchestrationCreated {
                id,
                name,
                instance: child,
                input,
                labels,
            } if !answered.contains(&id) => {
                let parent = Parent {
                    instance: instance.clone(),
                    execution,
                    task: id,
                    name: name_of_parent.clone(),
                };
                let labels = labels.map(|labels| *labels).unwrap_or_default();
                let (trace_parent, trace_state) = match labels.trace_parent {
                    None => (trace_parent.clone(), trace_state.clone()),
                    own => (own, labels.trace_state),
                };
                rewound.children.push(OpenChild {
                    start: Start {
                        parent: Some(parent),
                        trace_parent,
                        trace_state,
                        version: labels.version,
                        tags: labels.tags,
                        ..Start::new(child_execution(execution, id), name, input)
                    },
                    instance: child,
                });
            }
            EventKind::EntityOperationCalled {
                id,
                target,
                operation,
                input,
                ..
            } if !answered.contains(&id) => rewound.operations.push(Outgoing {
                to: target.instance(),
                message: Message::Operation(Operation {
                    name: operation,
                    input,
                    caller: Some(Caller {
                        instance: instance.clone(),
                        execution,
                    }),
                    reply: Some(id),
                    at: None,
                    trace_parent: trace_parent.clone(),
                }),
            }),
            _ => {}
        }
    }
    rewound.history = turns;
    rewound
}

fn child_execution(parent: ExecutionId, task: u32) -> ExecutionId {
    let namespace = uuid::Uuid::from_u128(parent.as_u128());
    let name = format!("child {task} after a rewind");
    ExecutionId::from_u128(uuid::Uuid::new_v5(&namespace, name.as_bytes()).as_u128())
}

#[cfg(test)]
mod tests;
