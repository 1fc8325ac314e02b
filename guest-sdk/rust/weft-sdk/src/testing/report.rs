//! What a run has shown.

use std::time::Duration;

use serde_json::Value;

use crate::Failure;

/// What became of an orchestration under test.
#[derive(Debug)]
pub struct Report<O> {
    /// What the orchestrator returned.
    pub result: Result<O, Failure>,
    /// The activities and children that ran, every attempt of them, in the order in which they
    /// began.
    pub calls: Vec<Called>,
    /// The custom statuses that were shown.
    pub statuses: Vec<Value>,
    /// The events that were sent to others.
    pub sent: Vec<Sent>,
    /// How long it took on the simulated clock.
    pub elapsed: Duration,
    /// How often it continued as new.
    pub restarts: u32,
}

impl<O> Report<O> {
    /// The names of what ran.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        self.calls.iter().map(|call| call.name.as_str()).collect()
    }
}

/// One attempt at a call.
#[derive(Debug, Clone, PartialEq)]
pub struct Called {
    /// What was called.
    pub name: String,
    /// With what.
    pub input: Value,
    /// 1 for the first attempt.
    pub attempt: u32,
    /// When it began, counted from the start of the orchestration.
    pub at: Duration,
}

/// An event that the orchestrator sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Sent {
    /// To whom.
    pub instance_id: String,
    /// The event's name.
    pub name: String,
    /// What it carried.
    pub payload: Value,
}
