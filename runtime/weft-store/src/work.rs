//! Running orchestrations: what a worker reads once and commits turn by turn.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::broadcast;
use weft_id::{ExecutionId, InstanceKey};
use weft_orchestration::{
    EntityRecord, Event, Failure, Labels, Message, Payload, Start, Timestamp, Turn,
};

use crate::{Error, Instance, Lease, NodeId, RevisionId, Shard};

/// The worker's side.
///
/// A worker that owns a shard reads from the store when it takes the shard over and when it is
/// woken; what its own commits create (tasks, timers) it already has.
#[async_trait]
pub trait Work: Send + Sync {
    /// Takes every shard that nobody holds at `now` (or that `node` holds already) until `until`,
    /// up to `most` shards in all; renews all that it holds, expired or not, as long as no other
    /// node took them. Returns all leases of `node`. A renewed
    /// lease keeps its epoch, a new one gets a higher epoch than any before.
    async fn lease_shards(
        &self,
        node: NodeId,
        most: u16,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Lease>, Error>;

    /// Gives shards back, so that another node need not wait. Leases lost meanwhile are ignored.
    async fn release_shards(&self, node: NodeId, leases: &[Lease]) -> Result<(), Error>;

    /// News of inboxes that got messages, after their commit. A receiver that lags must read
    /// [`Self::ready`] again.
    fn wakeups(&self) -> broadcast::Receiver<Wakeup>;

    /// Open instances of the shard that have messages which they may take now (a suspended one
    /// only takes resume and terminate), in the order of their keys, after `after`.
    async fn ready(
        &self,
        shard: Shard,
        after: Option<&InstanceKey>,
        limit: u32,
    ) -> Result<Vec<InstanceKey>, Error>;

    /// Activities of the shard that have not been finished, by number, after `after`.
    async fn pending_tasks(
        &self,
        shard: Shard,
        after: Option<TaskSeq>,
        limit: u32,
    ) -> Result<Vec<PendingTask>, Error>;

    /// The earliest timers of the shard, by time, without those of suspended instances, which take
    /// none: any number of them must not stand in the way of the others.
    async fn pending_timers(&self, shard: Shard, limit: u32) -> Result<Vec<PendingTimer>, Error>;

    /// An open instance with its history and inbox; `None` when it is absent or has ended.
    async fn load(&self, key: &InstanceKey) -> Result<Option<Loaded>, Error>;

    /// The inbox of an open instance, in order.
    async fn inbox(&self, key: &InstanceKey) -> Result<Vec<(MessageSeq, Message)>, Error>;

    /// Commits one turn in one transaction, durably: checks the lease and the turn's number,
    /// appends the events, removes what was consumed, creates tasks and timers, delivers messages
    /// to other instances of the app (see [`weft_orchestration::Outgoing`]), sets status, outcome
    /// and revision. An ended instance loses timers and, unless it has failed, its inbox; its tasks
    /// still run. A continued
    /// one loses history and timers, and gets the start and the carried messages in front of its
    /// inbox. An entity of which nothing is left is removed, unless its inbox holds more.
    ///
    /// # Errors
    /// [`Error::LeaseLost`] for a lease that was released or taken over, for another turn number or
    /// execution, and for an instance that has ended or is gone; nothing is written then.
    async fn commit_turn(&self, lease: Lease, commit: TurnCommit) -> Result<(), Error>;

    /// Removes a finished activity and, in the same transaction, puts its result into the inbox of
    /// the instance, where that is still in the same execution; wakes it. For results that no turn
    /// consumes directly. Finishing a task twice has no effect.
    ///
    /// # Errors
    /// [`Error::LeaseLost`].
    async fn finish_task(
        &self,
        lease: Lease,
        key: &InstanceKey,
        execution: ExecutionId,
        task: u32,
        result: Result<Payload, Failure>,
        now: Timestamp,
    ) -> Result<(), Error>;
}

/// The timer of an instance that is to begin later; no decision of an orchestrator has this number.
pub const START_TIMER: u32 = u32::MAX;

/// News of a new instance carries no longer input than this.
const CREATED_BYTES_MAX: usize = 16 << 10;

/// An inbox got messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wakeup {
    pub key: InstanceKey,
    /// Where the instance has just been created: what [`Work::load`] gave at that moment, so that
    /// its first turn needs no read. Out of date as soon as other news of the instance has come.
    pub created: Option<Arc<Loaded>>,
}

impl Wakeup {
    /// News that says no more than where to look.
    #[must_use]
    pub fn of(key: InstanceKey) -> Self {
        Self { key, created: None }
    }

    /// News of an instance that was created with its start at this place of its inbox.
    #[must_use]
    pub fn of_created(key: InstanceKey, start: Start, seq: MessageSeq, now: Timestamp) -> Self {
        // Whoever is told keeps it until the first turn, and any number may wait for theirs.
        if start.input.len() > CREATED_BYTES_MAX {
            return Self::of(key);
        }
        let loaded = Loaded {
            instance: Instance::created(key.clone(), start.clone(), now),
            history: Vec::new(),
            inbox: vec![(seq, Message::Start(start))],
            entity: EntityRecord::default(),
        };
        Self {
            key,
            created: Some(Arc::new(loaded)),
        }
    }
}

/// The position of a message in the order of all inboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageSeq(pub i64);

/// The position of a task in the order of all tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskSeq(pub i64);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingTask {
    pub seq: TaskSeq,
    pub key: InstanceKey,
    pub execution: ExecutionId,
    pub id: u32,
    pub name: String,
    pub input: Payload,
    pub attempt: u32,
    /// The number of the call's first attempt.
    pub call: u32,
    pub labels: Option<Box<Labels>>,
    /// The revision of the app that the instance runs on.
    pub revision: Option<RevisionId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingTimer {
    pub key: InstanceKey,
    pub execution: ExecutionId,
    pub id: u32,
    pub fire_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    pub instance: Instance,
    pub history: Vec<Event>,
    pub inbox: Vec<(MessageSeq, Message)>,
    /// What an entity keeps; an orchestration has the empty one.
    pub entity: EntityRecord,
}

/// One turn with what it consumed.
#[derive(Debug, Clone)]
pub struct TurnCommit {
    pub key: InstanceKey,
    /// The execution that the turn ran in.
    pub execution: ExecutionId,
    /// The number of turns that the execution had before this one.
    pub turn_number: u64,
    pub consumed: Consumed,
    pub turn: Turn,
    /// Pins the instance where given; what was pinned stays otherwise, also when it continues as
    /// new.
    pub revision: Option<RevisionId>,
    pub now: Timestamp,
}

/// What a turn received: gone with its commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Consumed {
    pub messages: Vec<MessageSeq>,
    /// Activities of this execution whose results went into the turn directly.
    pub tasks: Vec<u32>,
    /// Timers of this execution that fired into the turn directly.
    pub timers: Vec<u32>,
}
