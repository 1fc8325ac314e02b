//! What a turn leaves to be done: committed by the store in one transaction, or not at all.

use weft_id::{ExecutionId, InstanceId};

use crate::{EntityRecord, Event, Labels, Message, Outcome, Payload, Start, Timestamp};

/// The effects of one turn, as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Appended to the history in this order.
    pub events: Vec<Event>,
    /// Activities to run.
    pub tasks: Vec<NewTask>,
    pub timers: Vec<NewTimer>,
    /// Numbers of timers of this execution that must not fire.
    pub canceled_timers: Vec<u32>,
    /// Messages to other instances of the same app, in order.
    pub messages: Vec<Outgoing>,
    /// The custom status, where the turn has set one.
    pub custom_status: Option<Payload>,
    pub after: After,
}

/// What the instance does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum After {
    Waiting,
    Suspended,
    Ended(Outcome),
    /// The history is cleared; the next turn receives the start and then the carried messages,
    /// before anything that is in the inbox.
    ContinuedAsNew {
        start: Start,
        carried: Vec<Message>,
    },
    /// An entity waits for its next messages, with this to be kept. One of which nothing is left
    /// ([`EntityRecord::is_empty`]) is removed, unless its inbox holds more.
    Entity(EntityRecord),
}

/// An activity to run at least once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTask {
    pub execution: ExecutionId,
    pub id: u32,
    pub name: String,
    pub input: Payload,
    /// 1 for the first attempt of a call.
    pub attempt: u32,
    /// The number of the call's first attempt; with the execution it makes an idempotency key.
    pub call: u32,
    pub labels: Option<Box<Labels>>,
}

/// A timer to fire once, at `fire_at` or as soon after as possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTimer {
    pub execution: ExecutionId,
    pub id: u32,
    pub fire_at: Timestamp,
}

/// A message to another instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub to: InstanceId,
    /// A `Start` creates the child, in place of an ended instance of that id where there is one;
    /// where an open one has the id, the parent receives a `ChildDone` of kind
    /// `instance-already-exists`. An operation and a request for a lock create the entity. A grant
    /// of a lock for which nobody is there is answered by releasing it. Every other message to an
    /// absent or ended instance is dropped.
    pub message: Message,
}
