//! Managing orchestration instances.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use weft_id::{AppId, ExecutionId, InstanceKey};
use weft_orchestration::{Event, Message, Outcome, Parent, Payload, Start, Status, Timestamp};

use crate::{Ending, Error, RevisionId};

/// The management side. Every write is durable when it returns.
#[async_trait]
pub trait Instances: Send + Sync {
    /// Creates an instance with its start in the inbox, in one transaction, and wakes its worker.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] where the id is in use and `reuse` does not name its status.
    /// A replaced instance is gone with all that belongs to it.
    async fn create(&self, new: NewInstance) -> Result<(), Error>;

    /// Puts a message into the inbox of an open instance and wakes its worker. An operation creates
    /// the entity that it is for; entities take nothing else, and orchestrations no operations.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Ended`].
    async fn send(&self, key: &InstanceKey, message: Message, now: Timestamp) -> Result<(), Error>;

    async fn instance(&self, key: &InstanceKey) -> Result<Option<Instance>, Error>;

    /// Where to learn without asking again that this process has committed the end of an instance.
    /// Ends that others commit, and removals, are not told.
    fn ending(&self, key: &InstanceKey) -> Ending;

    /// The history of the current execution: at most `limit` turns' events, from the turn number
    /// `from_turn` on (0 is the first). Empty past the end and for an unknown instance.
    async fn history(
        &self,
        key: &InstanceKey,
        from_turn: u64,
        limit: u64,
    ) -> Result<Recorded, Error>;

    /// Takes a failed instance back to before its failure ([`weft_orchestration::rewind`]) under the
    /// id `execution`, with every failed child whose answer it waits for, in one transaction. With a
    /// `revision` that one has its code from then on; the children stay on theirs.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::StillOpen`] for an open one; [`Error::Ended`] for one that has
    /// ended otherwise; [`Error::NotRewindable`].
    async fn rewind(
        &self,
        key: &InstanceKey,
        execution: ExecutionId,
        reason: String,
        revision: Option<RevisionId>,
        now: Timestamp,
    ) -> Result<(), Error>;

    /// Orchestrations of an app, newest first (by creation, then by id, both descending), in stable
    /// pages.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a page token that no page gave.
    async fn instances(
        &self,
        app: &AppId,
        filter: &Filter,
        page: &PageRequest,
    ) -> Result<Page, Error>;

    /// Removes an ended instance with all that belongs to it and, where that is asked for, with its
    /// family. Members go before those that they are found by: what a crash leaves, another call
    /// finds.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::StillOpen`].
    async fn purge(&self, key: &InstanceKey, family: Family) -> Result<Purged, Error>;

    /// Removes at most `limit` ended instances that match, with their families where that is asked
    /// for; call again while any were removed. Other writers come in between.
    async fn purge_matching(
        &self,
        app: &AppId,
        filter: &Filter,
        family: Family,
        limit: u32,
    ) -> Result<Purged, Error>;
}

/// What [`Instances::create`] takes.
#[derive(Debug, Clone)]
pub struct NewInstance {
    pub key: InstanceKey,
    pub start: Start,
    pub reuse: IdReuse,
    pub now: Timestamp,
}

/// Which statuses of an existing instance allow replacing it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IdReuse(BTreeSet<Status>);

impl IdReuse {
    /// An id that is in use stays in use.
    #[must_use]
    pub fn never() -> Self {
        Self::default()
    }

    /// An ended instance makes way.
    #[must_use]
    pub fn ended() -> Self {
        Self(
            Status::ALL
                .into_iter()
                .filter(|s| s.is_terminal())
                .collect(),
        )
    }

    /// Exactly these make way. `None` for open ones without terminated ones: replacing an open
    /// instance terminates it.
    #[must_use]
    pub fn of(statuses: impl IntoIterator<Item = Status>) -> Option<Self> {
        let statuses: BTreeSet<_> = statuses.into_iter().collect();
        let open = statuses.iter().any(|status| !status.is_terminal());
        (!open || statuses.contains(&Status::Terminated)).then_some(Self(statuses))
    }

    #[must_use]
    pub fn allows(&self, status: Status) -> bool {
        self.0.contains(&status)
    }
}

/// An instance as management sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    pub key: InstanceKey,
    pub execution: ExecutionId,
    /// The orchestrator's name.
    pub name: String,
    pub status: Status,
    pub input: Payload,
    /// Set when the instance has ended.
    pub outcome: Option<Outcome>,
    pub custom_status: Option<Payload>,
    pub parent: Option<Parent>,
    pub tags: BTreeMap<String, String>,
    /// Which version of the orchestrator whoever started it had in mind.
    pub version: Option<String>,
    /// Before this time it does not begin.
    pub scheduled_at: Option<Timestamp>,
    /// The revision of the app that it runs on; set by its first turn.
    pub revision: Option<RevisionId>,
    pub created_at: Timestamp,
    /// When the last turn was committed or the last message arrived.
    pub updated_at: Timestamp,
    /// The number of turns of the current execution.
    pub turns: u64,
    /// The number of events of the current execution's history.
    pub history_len: u64,
}

impl Instance {
    /// As it is when it has just been created.
    #[must_use]
    pub fn created(key: InstanceKey, start: Start, now: Timestamp) -> Self {
        Self {
            key,
            execution: start.execution,
            name: start.name,
            status: Status::Pending,
            input: start.input,
            outcome: None,
            custom_status: None,
            parent: start.parent,
            tags: start.tags,
            version: start.version,
            scheduled_at: start.scheduled_at,
            revision: None,
            created_at: now,
            updated_at: now,
            turns: 0,
            history_len: 0,
        }
    }
}

/// A piece of history.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recorded {
    pub events: Vec<Event>,
    /// The number of turns that the events make up.
    pub turns: u64,
}

/// All conditions must hold; empty ones always do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub statuses: Vec<Status>,
    pub id_prefix: Option<String>,
    pub name: Option<String>,
    /// Inclusive.
    pub created_from: Option<Timestamp>,
    /// Exclusive.
    pub created_to: Option<Timestamp>,
    /// Inclusive; when an ended instance ended, or what last happened to an open one.
    pub updated_from: Option<Timestamp>,
    /// Exclusive.
    pub updated_to: Option<Timestamp>,
    /// Each with its value.
    pub tags: BTreeMap<String, String>,
}

impl Filter {
    /// Whether an instance fulfils every condition; stores with indexes must agree with this.
    #[must_use]
    pub fn matches(&self, instance: &Instance) -> bool {
        let id = instance.key.id.as_str();
        (self.statuses.is_empty() || self.statuses.contains(&instance.status))
            && self.id_prefix.as_ref().is_none_or(|p| id.starts_with(p))
            && self.name.as_ref().is_none_or(|n| *n == instance.name)
            && self
                .created_from
                .is_none_or(|from| instance.created_at >= from)
            && self.created_to.is_none_or(|to| instance.created_at < to)
            && self
                .updated_from
                .is_none_or(|from| instance.updated_at >= from)
            && self.updated_to.is_none_or(|to| instance.updated_at < to)
            && self
                .tags
                .iter()
                .all(|(tag, value)| instance.tags.get(tag) == Some(value))
    }
}

/// Which part of a listing is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// At most this many, from 1.
    pub limit: u32,
    /// [`Page::next`] of the page before; opaque to callers.
    pub after: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    pub instances: Vec<Instance>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<String>,
}

/// What becomes of the children of an instance that is purged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Family {
    #[default]
    Stays,
    /// Ended children go too, and theirs; open ones stay with all that they have started.
    Goes,
}

/// How much a purge removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    pub instances: u64,
}
