//! What becomes of a message that a turn sends to another instance: the one decision that every
//! store has to take in the middle of a commit.

use weft_id::{EntityId, InstanceId};
use weft_orchestration::{Failure, LockOwner, Message, Outgoing, Start, Status, failure_kind};

/// What a store does with an [`Outgoing`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Creates the child, in place of an ended instance of that id where there is one.
    Create { id: InstanceId, start: Start },
    /// Appends to the inbox of the instance, where that is open; one for an entity creates it.
    Put { to: InstanceId, message: Message },
    /// Releases entities from a lock that was granted to nobody.
    Release {
        set: Vec<EntityId>,
        owner: LockOwner,
    },
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
            Message::Start(start) if !open && !to.is_entity() => Self::Create { id: to, start },
            Message::Start(start) => Self::refuse(&to, &start),
            Message::LockGranted {
                execution,
                task,
                set,
            } if !open => Self::Release {
                set,
                owner: LockOwner {
                    instance: to,
                    execution,
                    task,
                },
            },
            message @ (Message::Operation(_) | Message::Lock(_)) => Self::Put { to, message },
            message @ (Message::TaskDone { .. }
            | Message::ChildDone { .. }
            | Message::TimerFired { .. }
            | Message::Event { .. }
            | Message::Suspend { .. }
            | Message::Resume { .. }
            | Message::Terminate { .. }
            | Message::OperationDone { .. }
            | Message::LockGranted { .. }
            | Message::Rewind { .. }
            | Message::Move { .. }
            | Message::Unlock(_)) => {
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
