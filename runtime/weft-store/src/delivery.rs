//! What becomes of a message that a turn sends to another instance: the one decision that every
//! store has to take in the middle of a commit.

use weft_orchestration::{Failure, Message, Outgoing, Start, Status, failure_kind};

use weft_id::InstanceId;

/// What a store does with an [`Outgoing`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Creates the child, in place of an ended instance of that id where there is one.
    Create { id: InstanceId, start: Start },
    /// Appends to the inbox of the instance, where that is open.
    Put { to: InstanceId, message: Message },
    /// Nobody is there to receive it.
    Drop,
}

impl Delivery {
    /// Decides by the status of the target, `None` where there is no such instance.
    #[must_use]
    pub fn of(outgoing: Outgoing, target: Option<Status>) -> Self {
        let Outgoing { to, message } = outgoing;
        let open = target.is_some_and(|status| !status.is_terminal());
        match message {
            Message::Start(start) if !open => Self::Create { id: to, start },
            Message::Start(start) => Self::refuse(&to, &start),
            message @ (Message::TaskDone { .. }
            | Message::ChildDone { .. }
            | Message::TimerFired { .. }
            | Message::Event { .. }
            | Message::Suspend { .. }
            | Message::Resume { .. }
            | Message::Terminate { .. }) => {
                if open {
                    Self::Put { to, message }
                } else {
                    Self::Drop
                }
            }
        }
    }

    fn refuse(id: &InstanceId, start: &Start) -> Self {
        let Some(parent) = &start.parent else {
            return Self::Drop;
        };
        let text = format!("an open instance has the id {id}");
        Self::Put {
            to: parent.instance.clone(),
            message: Message::ChildDone {
                execution: parent.execution,
                task: parent.task,
                result: Err(Failure::permanent(failure_kind::ALREADY_EXISTS, text)),
            },
        }
    }
}
