//! The history: what happened to one execution, in order.
//!
//! Kinds and correlation follow the Durable Task protocol, so that its clients read the same
//! history: decisions carry the number of the action, completions carry the number of the decision
//! that they answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use weft_id::{EntityId, ExecutionId, InstanceId};

use crate::{Labels, Payload, Timestamp};

/// One entry of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    pub at: Timestamp,
    pub kind: EventKind,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// A turn began; its timestamp is the orchestrator's clock until the next one.
    OrchestratorStarted,
    ExecutionStarted(Start),
    TaskScheduled {
        id: u32,
        name: String,
        input: Payload,
        /// 1 for the first attempt of a call.
        attempt: u32,
        /// The number of the call's first attempt: the same for all attempts of one call.
        call: u32,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        labels: Option<Box<Labels>>,
    },
    TaskCompleted {
        task: u32,
        output: Payload,
    },
    TaskFailed {
        task: u32,
        failure: Failure,
    },
    SubOrchestrationCreated {
        id: u32,
        name: String,
        instance: InstanceId,
        input: Payload,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        labels: Option<Box<Labels>>,
    },
    SubOrchestrationCompleted {
        task: u32,
        output: Payload,
    },
    SubOrchestrationFailed {
        task: u32,
        failure: Failure,
    },
    TimerCreated {
        id: u32,
        fire_at: Timestamp,
    },
    TimerFired {
        timer: u32,
    },
    EventSent {
        id: u32,
        target: InstanceId,
        name: String,
        payload: Payload,
    },
    EventRaised {
        name: String,
        payload: Payload,
    },
    ExecutionSuspended {
        reason: String,
    },
    ExecutionResumed {
        reason: String,
    },
    ExecutionTerminated {
        reason: String,
    },
    ContinuedAsNew {
        input: Payload,
    },
    ExecutionCompleted {
        outcome: Outcome,
    },
    /// A message to an entity that is not answered.
    EntityOperationSignaled {
        id: u32,
        target: EntityId,
        operation: String,
        input: Payload,
        /// When it is due; at once where absent.
        at: Option<Timestamp>,
    },
    EntityOperationCalled {
        id: u32,
        target: EntityId,
        operation: String,
        input: Payload,
        /// What the code calls the request, where that is not for us to say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<String>,
    },
    EntityOperationCompleted {
        task: u32,
        output: Payload,
    },
    EntityOperationFailed {
        task: u32,
        failure: Failure,
    },
    /// A critical section over all of `set`, which is in order and free of duplicates.
    EntityLockRequested {
        id: u32,
        set: Vec<EntityId>,
        /// As above.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request: Option<String>,
    },
    EntityLockGranted {
        task: u32,
    },
    EntityUnlockSent {
        id: u32,
        target: EntityId,
        /// The number of the request for the lock.
        lock: u32,
    },
    /// A failed execution goes on from before its failure, under another id.
    ExecutionRewound {
        reason: String,
        /// The id that it had when it failed.
        former: ExecutionId,
    },
    /// From here on the code of another revision of the app has followed the history.
    ExecutionMoved {
        revision: u32,
    },
}

impl EventKind {
    /// Whether the orchestrator's code caused it, so that replay compares it with what the code
    /// asks for.
    #[must_use]
    pub fn is_decision(&self) -> bool {
        match self {
            Self::TaskScheduled { .. }
            | Self::SubOrchestrationCreated { .. }
            | Self::TimerCreated { .. }
            | Self::EventSent { .. }
            | Self::ContinuedAsNew { .. }
            | Self::EntityOperationSignaled { .. }
            | Self::EntityOperationCalled { .. }
            | Self::EntityLockRequested { .. }
            | Self::EntityUnlockSent { .. }
            | Self::ExecutionCompleted { .. } => true,
            Self::OrchestratorStarted
            | Self::ExecutionStarted(_)
            | Self::TaskCompleted { .. }
            | Self::TaskFailed { .. }
            | Self::SubOrchestrationCompleted { .. }
            | Self::SubOrchestrationFailed { .. }
            | Self::TimerFired { .. }
            | Self::EventRaised { .. }
            | Self::ExecutionSuspended { .. }
            | Self::ExecutionResumed { .. }
            | Self::EntityOperationCompleted { .. }
            | Self::EntityOperationFailed { .. }
            | Self::EntityLockGranted { .. }
            | Self::ExecutionRewound { .. }
            | Self::ExecutionMoved { .. }
            | Self::ExecutionTerminated { .. } => false,
        }
    }
}

/// What an execution starts with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    pub execution: ExecutionId,
    /// The orchestrator's name.
    pub name: String,
    pub input: Payload,
    pub parent: Option<Parent>,
    /// W3C `traceparent` of whoever started it.
    pub trace_parent: Option<String>,
    /// W3C `tracestate` of the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_state: Option<String>,
    /// What whoever started it calls it, to find it by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Which version of the orchestrator whoever started it had in mind; the code reads it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The first turn waits for this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// Of which id randomness is made, where that is not `execution`: a rewound execution has
    /// another id and must not draw other numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<ExecutionId>,
}

impl Start {
    /// A start with neither parent nor any of the optional parts.
    #[must_use]
    pub fn new(execution: ExecutionId, name: impl Into<String>, input: Payload) -> Self {
        Self {
            execution,
            name: name.into(),
            input,
            parent: None,
            trace_parent: None,
            trace_state: None,
            tags: BTreeMap::new(),
            version: None,
            scheduled_at: None,
            seed: None,
        }
    }
}

/// Who waits for a sub-orchestration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    pub instance: InstanceId,
    pub execution: ExecutionId,
    /// The number of the decision that created the child.
    pub task: u32,
    /// The orchestrator's name; histories that were written before it was kept have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Why a call or an instance failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable name to compare with; the platform's own are in [`failure_kind`].
    pub kind: String,
    pub message: String,
    /// Whether another attempt may succeed.
    pub retryable: bool,
    /// JSON text.
    pub details: Option<String>,
}

impl Failure {
    /// A failure that no retry mends.
    #[must_use]
    pub fn permanent(kind: &str, message: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            message: message.into(),
            retryable: false,
            details: None,
        }
    }

    /// The length of what it says.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.message.len() + self.details.as_ref().map_or(0, String::len)
    }

    /// A failure that another attempt may not meet.
    #[must_use]
    pub fn transient(kind: &str, message: impl Into<String>) -> Self {
        Self {
            retryable: true,
            ..Self::permanent(kind, message)
        }
    }
}

/// Kinds of failure that the platform itself reports.
pub mod failure_kind {
    /// The code did not ask for what its history has.
    pub const NON_DETERMINISM: &str = "non-determinism";
    /// A bound of [`crate::Limits`] was passed.
    pub const LIMIT: &str = "limit-exceeded";
    /// The orchestrator used a task that does not exist, or waits for nothing.
    pub const MISUSE: &str = "misuse";
    /// The instance was terminated.
    pub const TERMINATED: &str = "terminated";
    /// Nothing of that name is deployed.
    pub const NOT_FOUND: &str = "function-not-found";
    /// The guest trapped or passed a limit of the sandbox.
    pub const TRAP: &str = "trap";
    /// The code could not be run many times in a row.
    pub const POISONED: &str = "poisoned";
    /// The host failed while it ran the code.
    pub const HOST: &str = "host-failed";
    /// A child could not be created because its id is in use.
    pub const ALREADY_EXISTS: &str = "instance-already-exists";
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    Completed(Payload),
    Failed(Failure),
    Terminated { reason: String },
}

impl Outcome {
    /// What a waiting parent sees: a terminated child is a failed one.
    ///
    /// # Errors
    /// The child's own failure, or one of kind [`failure_kind::TERMINATED`].
    pub fn into_result(self) -> Result<Payload, Failure> {
        match self {
            Self::Completed(output) => Ok(output),
            Self::Failed(failure) => Err(failure),
            Self::Terminated { reason } => {
                Err(Failure::permanent(failure_kind::TERMINATED, reason))
            }
        }
    }

    #[must_use]
    pub fn status(&self) -> Status {
        match self {
            Self::Completed(_) => Status::Completed,
            Self::Failed(_) => Status::Failed,
            Self::Terminated { .. } => Status::Terminated,
        }
    }
}

/// Where an instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// Accepted, no turn yet.
    Pending,
    Running,
    Suspended,
    Completed,
    Failed,
    Terminated,
}

impl Status {
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Running,
        Self::Suspended,
        Self::Completed,
        Self::Failed,
        Self::Terminated,
    ];

    #[must_use]
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Terminated => true,
            Self::Pending | Self::Running | Self::Suspended => false,
        }
    }

    /// The name that the management API shows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Suspended => "Suspended",
            Self::Completed => "Completed",
            Self::Failed => "Failed",
            Self::Terminated => "Terminated",
        }
    }
}
