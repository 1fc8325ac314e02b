//! What reaches an instance from outside its code.

use serde::{Deserialize, Serialize};
use weft_id::ExecutionId;

use crate::{EventKind, Failure, Payload, Start};

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
}

impl Message {
    /// The execution that the message is for; `None` for whichever is current.
    pub(crate) fn execution(&self) -> Option<ExecutionId> {
        match self {
            Self::TaskDone { execution, .. }
            | Self::ChildDone { execution, .. }
            | Self::TimerFired { execution, .. } => Some(*execution),
            Self::Start(_)
            | Self::Event { .. }
            | Self::Suspend { .. }
            | Self::Resume { .. }
            | Self::Terminate { .. } => None,
        }
    }

    pub(crate) fn into_event(self) -> EventKind {
        match self {
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
        }
    }

    /// Whether a suspended instance takes it.
    #[must_use]
    pub fn reaches_suspended(&self) -> bool {
        match self {
            Self::Resume { .. } | Self::Terminate { .. } => true,
            Self::Start(_)
            | Self::TaskDone { .. }
            | Self::ChildDone { .. }
            | Self::TimerFired { .. }
            | Self::Event { .. }
            | Self::Suspend { .. } => false,
        }
    }
}

/// Which of `messages` the next turn takes, as a mask of the same length, so that suspension stops
/// everything but resume and terminate and what stays keeps its order.
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
    }
}
