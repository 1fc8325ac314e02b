//! What reaches an instance from outside its code.

use serde::{Deserialize, Serialize};
use weft_id::{EntityId, ExecutionId};

use crate::{EventKind, Failure, LockOwner, LockRequest, Operation, Payload, Start};

/// A message in an instance's inbox. Messages that name an execution are dropped when that is not
/// the current one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message {
    Start(Start),
    TaskDone {
        execution: ExecutionId,
        task: u32,
        result: Result<Payload, Failure>,
    },
    ChildDone {
        execution: ExecutionId,
        task: u32,
        result: Result<Payload, Failure>,
    },
    TimerFired {
        execution: ExecutionId,
        timer: u32,
    },
    Event {
        name: String,
        payload: Payload,
    },
    Suspend {
        reason: String,
    },
    Resume {
        reason: String,
    },
    Terminate {
        reason: String,
        /// Whether open children are terminated as well.
        recursive: bool,
    },
    /// The answer of an entity to a call.
    OperationDone {
        execution: ExecutionId,
        task: u32,
        result: Result<Payload, Failure>,
    },
    /// All entities of `set` are locked for the receiver, who has to release them, also where it
    /// does not know of the lock any more.
    LockGranted {
        execution: ExecutionId,
        task: u32,
        set: Vec<EntityId>,
    },
    /// A failed execution goes on.
    Rewind {
        reason: String,
        former: ExecutionId,
    },
    /// From here on another revision of the app has the code.
    Move {
        revision: u32,
    },
    /// To an entity, as the two that follow.
    Operation(Operation),
    Lock(LockRequest),
    Unlock(LockOwner),
}

impl Message {
    /// The execution that the message is for; `None` for whichever is current.
    pub(crate) fn execution(&self) -> Option<ExecutionId> {
        match self {
            Self::TaskDone { execution, .. }
            | Self::ChildDone { execution, .. }
            | Self::TimerFired { execution, .. }
            | Self::OperationDone { execution, .. }
            | Self::LockGranted { execution, .. } => Some(*execution),
            Self::Start(_)
            | Self::Event { .. }
            | Self::Suspend { .. }
            | Self::Resume { .. }
            | Self::Terminate { .. }
            | Self::Rewind { .. }
            | Self::Move { .. }
            | Self::Operation(_)
            | Self::Lock(_)
            | Self::Unlock(_) => None,
        }
    }

    /// The number of the decision that it answers.
    pub(crate) fn answers(&self) -> Option<u32> {
        match self {
            Self::TaskDone { task, .. }
            | Self::ChildDone { task, .. }
            | Self::OperationDone { task, .. }
            | Self::LockGranted { task, .. }
            | Self::TimerFired { timer: task, .. } => Some(*task),
            Self::Start(_)
            | Self::Event { .. }
            | Self::Suspend { .. }
            | Self::Resume { .. }
            | Self::Terminate { .. }
            | Self::Rewind { .. }
            | Self::Move { .. }
            | Self::Operation(_)
            | Self::Lock(_)
            | Self::Unlock(_) => None,
        }
    }

    /// `None` for what only an entity takes.
    pub(crate) fn into_event(self) -> Option<EventKind> {
        Some(match self {
            Self::Start(start) => EventKind::ExecutionStarted(start),
            Self::TaskDone { task, result, .. } => match result {
                Ok(output) => EventKind::TaskCompleted { task, output },
                Err(failure) => EventKind::TaskFailed { task, failure },
            },
            Self::ChildDone { task, result, .. } => match result {
                Ok(output) => EventKind::SubOrchestrationCompleted { task, output },
                Err(failure) => EventKind::SubOrchestrationFailed { task, failure },
            },
            Self::TimerFired { timer, .. } => EventKind::TimerFired { timer },
            Self::Event { name, payload } => EventKind::EventRaised { name, payload },
            Self::Suspend { reason } => EventKind::ExecutionSuspended { reason },
            Self::Resume { reason } => EventKind::ExecutionResumed { reason },
            Self::Terminate { reason, .. } => EventKind::ExecutionTerminated { reason },
            Self::OperationDone { task, result, .. } => match result {
                Ok(output) => EventKind::EntityOperationCompleted { task, output },
                Err(failure) => EventKind::EntityOperationFailed { task, failure },
            },
            Self::LockGranted { task, .. } => EventKind::EntityLockGranted { task },
            Self::Rewind { reason, former } => EventKind::ExecutionRewound { reason, former },
            Self::Move { revision } => EventKind::ExecutionMoved { revision },
            Self::Operation(_) | Self::Lock(_) | Self::Unlock(_) => return None,
        })
    }

    /// The message that an event was received as, for the execution `execution`; `None` for what
    /// was decided, for a start and for what ends an execution.
    pub(crate) fn of_event(event: EventKind, execution: ExecutionId) -> Option<Self> {
        let task_done = |task, result| Self::TaskDone {
            execution,
            task,
            result,
        };
        let child_done = |task, result| Self::ChildDone {
            execution,
            task,
            result,
        };
        let operation_done = |task, result| Self::OperationDone {
            execution,
            task,
            result,
        };
        Some(match event {
            EventKind::TaskCompleted { task, output } => task_done(task, Ok(output)),
            EventKind::TaskFailed { task, failure } => task_done(task, Err(failure)),
            EventKind::SubOrchestrationCompleted { task, output } => child_done(task, Ok(output)),
            EventKind::SubOrchestrationFailed { task, failure } => child_done(task, Err(failure)),
            EventKind::EntityOperationCompleted { task, output } => {
                operation_done(task, Ok(output))
            }
            EventKind::EntityOperationFailed { task, failure } => {
                operation_done(task, Err(failure))
            }
            EventKind::TimerFired { timer } => Self::TimerFired { execution, timer },
            EventKind::EventRaised { name, payload } => Self::Event { name, payload },
            EventKind::ExecutionSuspended { reason } => Self::Suspend { reason },
            EventKind::ExecutionResumed { reason } => Self::Resume { reason },
            EventKind::ExecutionRewound { reason, former } => Self::Rewind { reason, former },
            EventKind::ExecutionMoved { revision } => Self::Move { revision },
            EventKind::OrchestratorStarted
            | EventKind::ExecutionStarted(_)
            | EventKind::ExecutionTerminated { .. }
            | EventKind::TaskScheduled { .. }
            | EventKind::SubOrchestrationCreated { .. }
            | EventKind::TimerCreated { .. }
            | EventKind::EventSent { .. }
            | EventKind::ContinuedAsNew { .. }
            | EventKind::ExecutionCompleted { .. }
            | EventKind::EntityOperationSignaled { .. }
            | EventKind::EntityOperationCalled { .. }
            | EventKind::EntityLockRequested { .. }
            | EventKind::EntityLockGranted { .. }
            | EventKind::EntityUnlockSent { .. } => return None,
        })
    }

    /// Whether it is for an entity, which it creates where there is none.
    #[must_use]
    pub fn is_for_entity(&self) -> bool {
        match self {
            Self::Operation(_) | Self::Lock(_) | Self::Unlock(_) => true,
            Self::Start(_)
            | Self::TaskDone { .. }
            | Self::ChildDone { .. }
            | Self::TimerFired { .. }
            | Self::Event { .. }
            | Self::Suspend { .. }
            | Self::Resume { .. }
            | Self::Terminate { .. }
            | Self::OperationDone { .. }
            | Self::LockGranted { .. }
            | Self::Rewind { .. }
            | Self::Move { .. } => false,
        }
    }

    /// Whether a suspended instance takes it.
    #[must_use]
    pub fn reaches_suspended(&self) -> bool {
        match self {
            // One that is suspended already stays so.
            Self::Suspend { .. }
            | Self::Resume { .. }
            | Self::Terminate { .. }
            | Self::Move { .. } => true,
            Self::Start(_)
            | Self::TaskDone { .. }
            | Self::ChildDone { .. }
            | Self::TimerFired { .. }
            | Self::Event { .. }
            | Self::OperationDone { .. }
            | Self::LockGranted { .. }
            | Self::Rewind { .. }
            | Self::Operation(_)
            | Self::Lock(_)
            | Self::Unlock(_) => false,
        }
    }
}

/// Which of `messages` the next turn takes, as a mask of the same length, so that suspension stops
/// everything but suspend, resume and terminate and what stays keeps its order.
#[must_use]
pub fn split_at_suspension<'a>(
    suspended: bool,
    messages: impl IntoIterator<Item = &'a Message>,
) -> Vec<bool> {
    let mut suspended = suspended;
    // What follows something that was held back waits as well, so that order is kept.
    let mut held = false;
    messages
        .into_iter()
        .map(|message| {
            let taken = message.reaches_suspended() || !(suspended || held);
            held |= !taken;
            match message {
                Message::Suspend { .. } if taken => suspended = true,
                Message::Resume { .. } => suspended = false,
                Message::Suspend { .. }
                | Message::Start(_)
                | Message::TaskDone { .. }
                | Message::ChildDone { .. }
                | Message::TimerFired { .. }
                | Message::Event { .. }
                | Message::OperationDone { .. }
                | Message::LockGranted { .. }
                | Message::Rewind { .. }
                | Message::Move { .. }
                | Message::Operation(_)
                | Message::Lock(_)
                | Message::Unlock(_)
                | Message::Terminate { .. } => {}
            }
            taken
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str) -> Message {
        Message::Event {
            name: name.into(),
            payload: Payload::null(),
        }
    }

    fn control(resume: bool) -> Message {
        let reason = String::new();
        if resume {
            Message::Resume { reason }
        } else {
            Message::Suspend { reason }
        }
    }

    #[test]
    fn suspension_holds_back_everything_but_resume_and_terminate() {
        let batch = [event("a"), control(false), event("b"), event("c")];
        assert_eq!(
            split_at_suspension(false, &batch),
            [true, true, false, false]
        );
        let batch = [event("b"), control(true), event("c")];
        assert_eq!(split_at_suspension(true, &batch), [false, true, false]);
        // Suspending twice is suspending once.
        let batch = [control(false), event("b"), control(false), control(true)];
        assert_eq!(
            split_at_suspension(false, &batch),
            [true, false, true, true]
        );
    }
}
