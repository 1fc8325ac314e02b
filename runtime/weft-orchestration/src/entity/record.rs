//! What an entity receives and what it keeps.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use weft_id::{EntityId, ExecutionId, InstanceId};

use crate::{Payload, Timestamp};

/// An operation to run on an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The operation's name.
    pub name: String,
    pub input: Payload,
    /// Who sent it, where that is an orchestration or an entity.
    pub caller: Option<Caller>,
    /// The number of the caller's decision that waits for the result; absent for a signal.
    pub reply: Option<u32>,
    /// Not before this time.
    pub at: Option<Timestamp>,
    /// W3C `traceparent` of the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_parent: Option<String>,
}

/// Who sends an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    pub instance: InstanceId,
    pub execution: ExecutionId,
}

/// A request to lock a set of entities, on its way from one to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRequest {
    pub owner: LockOwner,
    /// In order, without duplicates.
    pub set: Vec<EntityId>,
    /// Whose turn it is: a position in `set`.
    pub position: u32,
}

/// For whom something is locked: one decision of one execution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockOwner {
    pub instance: InstanceId,
    pub execution: ExecutionId,
    /// The number of the decision that asked for the lock.
    pub task: u32,
}

/// Something that waits for its turn at an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Waiting {
    Operation(Operation),
    Lock(LockRequest),
}

/// An entity between turns.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntityRecord {
    /// JSON text; `None` for an entity that does not exist as far as its users know.
    pub state: Option<Payload>,
    /// For whom it is locked.
    pub lock: Option<LockOwner>,
    /// In the order of arrival.
    #[serde(default)]
    pub queue: VecDeque<Waiting>,
    /// Operations that are not due yet, by the number of the timer that tells.
    #[serde(default)]
    pub delayed: BTreeMap<u32, Operation>,
    /// The number that the next timer gets: none is used twice, since a timer may be on its way
    /// when it is not waited for any more.
    #[serde(default)]
    pub next_timer: u32,
    /// The timer that wakes the entity to go on with a queue which it had to leave.
    #[serde(default)]
    pub resume_timer: Option<u32>,
}

impl EntityRecord {
    /// Whether nothing would be lost without it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state.is_none()
            && self.lock.is_none()
            && self.queue.is_empty()
            && self.delayed.is_empty()
            && self.resume_timer.is_none()
    }
}
