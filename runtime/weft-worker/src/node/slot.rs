//! What the worker holds of one instance.

use std::sync::Arc;

use weft_id::ExecutionId;
use weft_store::Loaded;

use crate::turn::{Arrival, Live};

/// Exists while the instance is parked, running or has something to do.
#[derive(Default)]
pub(super) struct Slot {
    pub(super) live: Option<Live>,
    pub(super) arrivals: Vec<Arrival>,
    /// Whether the inbox may hold something unread.
    pub(super) dirty: bool,
    /// What is known of an instance that was created a moment ago; gone with any other news.
    pub(super) created: Option<Arc<Loaded>>,
    pub(super) state: State,
    /// What the running turn has taken of the arrivals.
    pub(super) taken: Vec<Taken>,
    /// The epoch of the shard's lease when the running turn began.
    pub(super) epoch: u64,
    /// Whether a turn since the last commit may have taken effect without being known here.
    pub(super) unsure: bool,
    /// Failures to run its code, in a row.
    pub(super) failures: u32,
    /// Turns in a row that were not committed, for whatever reason: the pause grows with them.
    pub(super) retries: u32,
}

/// An arrival that is told apart from a second delivery of the same until its turn is over.
pub(super) enum Taken {
    Task(ExecutionId, u32),
    Timer(ExecutionId, u32),
}

impl From<&Arrival> for Taken {
    fn from(arrival: &Arrival) -> Self {
        match arrival {
            Arrival::Task {
                execution, task, ..
            } => Self::Task(*execution, *task),
            Arrival::Timer { execution, timer } => Self::Timer(*execution, *timer),
        }
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum State {
    #[default]
    Resting,
    /// In the queue.
    Queued,
    Running,
    /// Waits out a pause after a failure.
    Paused,
}

impl Slot {
    pub(super) fn has_work(&self) -> bool {
        self.dirty || !self.arrivals.is_empty()
    }

    /// Whether nothing would be lost without the slot.
    pub(super) fn is_empty(&self) -> bool {
        self.live.is_none() && !self.has_work() && self.state == State::Resting
    }
}
