//! The seam to whatever runs orchestrators, activities and entities: components on a node, programs in the
//! simulation.

use std::time::Duration;

use async_trait::async_trait;
use weft_id::{ExecutionId, InstanceKey, Tenant};
use weft_orchestration::{
    Batch, BatchDone, Event, Failure, Labels, Limits, Message, Payload, Replay, Timestamp, Turn,
};
use weft_store::RevisionId;

/// Runs the code of functions.
#[async_trait]
pub trait Runner: Send + Sync {
    /// Prepares an orchestrator to run its next turn.
    ///
    /// # Errors
    /// [`OpenError::Permanent`] fails the instance, the others are tried again with growing pauses.
    async fn open(&self, open: Open) -> Result<Opened, OpenError>;

    /// Runs an activity once.
    async fn activity(&self, call: ActivityCall) -> Ran;

    /// Runs operations of an entity, one after another on the state that the one before has left.
    /// What an operation does wrong is its result; one that nobody serves fails like an activity.
    ///
    /// # Errors
    /// Nothing of the batch counts; it is tried again after a pause.
    async fn operate(&self, batch: EntityBatch) -> Result<BatchDone, TurnError>;

    /// Processor time that the tenant's code has used, where that is measured: among tenants that hold
    /// as many places, the one that has used the least is served first.
    fn used(&self, _tenant: &Tenant) -> Duration {
        Duration::ZERO
    }
}

/// What came of an attempt at an activity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ran {
    /// A failure is the activity's result like a success.
    Ended(Result<Payload, Failure>),
    /// Nobody has a result, as the node closes: whoever has the shard next runs it.
    GivenBack,
}

/// One orchestration in memory, between or in turns. Dropping it at any time is safe.
#[async_trait]
pub trait Execution: Send {
    /// Delivers the messages to the replay, runs the code until it waits or returns, and takes the
    /// turn.
    ///
    /// # Errors
    /// Nothing of this turn counts. The execution is dropped and opened again from its history
    /// after a pause.
    async fn turn(&mut self, messages: Vec<Message>, now: Timestamp) -> Result<Turn, TurnError>;

    /// The last turn is committed: what it has decided may be told. Not called where the process ends
    /// in between.
    fn committed(&mut self) {}

    /// Bytes of long payloads that it holds between turns. One that holds many is not parked.
    fn held_bytes(&self) -> usize {
        0
    }
}

/// Why a turn was not run. What the code itself does wrong is no error here: it fails the instance
/// in its replay.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TurnError {
    /// There is no room now; says nothing about the code, however often it happens.
    #[error("{0}")]
    Busy(String),
    /// The host failed over it: an instance of which this is true time after time fails.
    #[error("{0}")]
    Host(String),
}

/// What to open.
#[derive(Debug)]
pub struct Open {
    pub key: InstanceKey,
    /// The orchestrator's name.
    pub name: String,
    /// The revision that the instance is pinned to; `None` before its first turn.
    pub revision: Option<RevisionId>,
    /// Of the current execution; empty before its first turn.
    pub history: Vec<Event>,
    pub limits: Limits,
}

impl Open {
    /// What a component runs against.
    #[must_use]
    pub fn into_replay(self) -> Replay {
        Replay::new(self.key.id, self.history, self.limits)
    }
}

pub struct Opened {
    pub execution: Box<dyn Execution>,
    /// The revision that the instance runs on from now on; `None` where the runner has none.
    pub revision: Option<RevisionId>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("{}", .0.message)]
    Permanent(Failure),
    /// As [`TurnError`].
    #[error("{0}")]
    Transient(TurnError),
}

/// Operations to run on an entity.
#[derive(Debug, Clone)]
pub struct EntityBatch {
    /// The entity among the instances.
    pub key: InstanceKey,
    pub batch: Batch,
}

/// One attempt at an activity.
#[derive(Debug, Clone)]
pub struct ActivityCall {
    pub key: InstanceKey,
    pub execution: ExecutionId,
    pub name: String,
    pub input: Payload,
    /// 1 for the first attempt that the retry policy makes.
    pub attempt: u32,
    /// The number of the call's first attempt: with the execution it is the idempotency key.
    pub call: u32,
    pub labels: Option<Box<Labels>>,
    /// The revision that the calling instance is pinned to.
    pub revision: Option<RevisionId>,
}

impl ActivityCall {
    /// The same for every attempt at this call, and for no other call.
    #[must_use]
    pub fn idempotency_key(&self) -> String {
        format!("{}:{}", self.execution, self.call)
    }
}
