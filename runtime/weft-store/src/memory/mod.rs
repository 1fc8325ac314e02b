//! The store in memory: for tests, for simulation and for a node that keeps no files.
//!
//! One mutex guards everything, so each operation is atomic. Nothing here reads a clock or a
//! source of randomness, and everything is kept in order: the same calls give the same answers.

mod apps;
mod audit;
mod blobs;
mod entities;
mod instances;
mod keys;
mod kv;
mod payloads;
mod rewind;
mod tenants;
mod vault;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use tokio::sync::broadcast;
use weft_id::{AppId, ExecutionId, InstanceKey, Tenant};
use weft_orchestration::{
    Entity, EntityRecord, Event, Message, NewTask, NewTimer, Outcome, Payload, Start, Status,
    Timestamp,
};

use crate::{
    AuditEntry, AuditSeq, Digest, Endings, INLINE_BYTES_MAX, Instance, KeyId, KeyRecord,
    MessageSeq, NodeId, Revision, START_TIMER, Sealed, SealedKind, Shard, TaskSeq, Terms, Wakeup,
};

/// More than a receiver leaves unread unless it is stuck; one that lags reads `ready` again.
const WAKEUPS_MAX: usize = 4096;

/// Everything that a node keeps, gone with the value.
#[derive(Debug)]
pub struct MemoryStore {
    state: Mutex<State>,
    inline_bytes_max: usize,
    wakeups: broadcast::Sender<Wakeup>,
    endings: Endings,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    #[must_use]
    pub fn new() -> Self {
        Self::keeping_apart(INLINE_BYTES_MAX)
    }

    /// Keeps texts of more than `inline_bytes_max` apart.
    #[must_use]
    pub fn keeping_apart(inline_bytes_max: usize) -> Self {
        Self {
            state: Mutex::default(),
            inline_bytes_max,
            wakeups: broadcast::Sender::new(WAKEUPS_MAX),
            endings: Endings::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of the lock panics")
    }

    /// Runs a write and wakes whom it reached. The news goes out under the lock, so that its order
    /// is that of the writes.
    fn write<T>(&self, write: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = write(&mut state);
        for wakeup in std::mem::take(&mut state.woken) {
            // Without receivers nobody runs instances, and nobody needs the news.
            let _ = self.wakeups.send(wakeup);
        }
        for (key, outcome) in std::mem::take(&mut state.ended) {
            self.endings.tell(&key, outcome);
        }
        result
    }
}

#[derive(Debug, Default)]
struct State {
    holds: BTreeMap<Shard, Hold>,
    instances: BTreeMap<InstanceKey, Record>,
    tasks: BTreeMap<(Shard, TaskSeq), Task>,
    timers: BTreeSet<Due>,
    ready: BTreeSet<(Shard, InstanceKey)>,
    /// Numbers of messages rise at the back of the inboxes and fall at the front.
    messages_back: i64,
    messages_front: i64,
    tasks_last: i64,
    /// Whom the current write has reached.
    woken: Vec<Wakeup>,
    /// Whom the current write has ended.
    ended: Vec<(InstanceKey, Outcome)>,
    large: payloads::Large,
    apps: BTreeMap<AppId, Vec<Revision>>,
    components: BTreeMap<Digest, Vec<u8>>,
    keys: BTreeMap<KeyId, KeyRecord>,
    tenants: BTreeMap<Tenant, Terms>,
    audit: BTreeMap<AuditSeq, AuditEntry>,
    audit_last: i64,
    pairs: BTreeMap<(AppId, String), BTreeMap<String, Vec<u8>>>,
    objects: blobs::Objects,
    sealed: BTreeMap<(AppId, SealedKind, String), Sealed>,
}

/// Who has a shard. The epoch outlives its holder.
#[derive(Debug)]
struct Hold {
    epoch: u64,
    node: Option<NodeId>,
    until: Timestamp,
}

#[derive(Debug)]
struct Record {
    instance: Instance,
    /// The events of each turn.
    history: Vec<Vec<Event>>,
    inbox: BTreeMap<MessageSeq, Message>,
    tasks: BTreeMap<(ExecutionId, u32), TaskSeq>,
    timers: BTreeMap<u32, Timestamp>,
    entity: EntityRecord,
}

impl Record {
    fn new(key: InstanceKey, start: Start, now: Timestamp) -> Self {
        Self {
            instance: Instance::created(key, start, now),
            history: Vec::new(),
            inbox: BTreeMap::new(),
            tasks: BTreeMap::new(),
            timers: BTreeMap::new(),
            entity: EntityRecord::default(),
        }
    }

    /// An entity that nobody has spoken to before.
    fn of_entity(key: InstanceKey, name: &str, now: Timestamp) -> Self {
        let start = Start::new(Entity::EXECUTION, name, Payload::null());
        let mut record = Self::new(key, start, now);
        record.instance.status = Status::Running;
        record
    }

    fn is_ready(&self) -> bool {
        match self.instance.status {
            Status::Pending | Status::Running => !self.inbox.is_empty(),
            Status::Suspended => self.inbox.values().any(Message::reaches_suspended),
            Status::Completed | Status::Failed | Status::Terminated => false,
        }
    }
}

#[derive(Debug)]
struct Task {
    key: InstanceKey,
    task: NewTask,
}

/// A timer, ordered by when it fires within its shard.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    shard: Shard,
    fire_at: Timestamp,
    key: InstanceKey,
    id: u32,
}

impl State {
    fn open(&mut self, key: &InstanceKey) -> Option<&mut Record> {
        let record = self.instances.get_mut(key)?;
        (!record.instance.status.is_terminal()).then_some(record)
    }

    /// Creates an instance that does not exist.
    fn insert(&mut self, key: &InstanceKey, start: Start, now: Timestamp) {
        let record = Record::new(key.clone(), start.clone(), now);
        self.instances.insert(key.clone(), record);
        if let Some(fire_at) = start.scheduled_at {
            let execution = start.execution;
            let id = START_TIMER;
            self.add_timer(
                key,
                &NewTimer {
                    execution,
                    id,
                    fire_at,
                },
            );
        }
        if let Some(seq) = self.append(key, Message::Start(start.clone()), now) {
            let wakeup = Wakeup::of_created(key.clone(), start, seq, now);
            self.woken.push(wakeup);
        }
    }

    /// Puts a message into the inbox of an open instance and wakes its worker; what has nobody to
    /// take it is dropped. Whether there was somebody.
    fn put(&mut self, key: &InstanceKey, message: Message, now: Timestamp) -> bool {
        let taken = self.append(key, message, now).is_some();
        if taken {
            self.woken.push(Wakeup::of(key.clone()));
        }
        taken
    }

    fn append(
        &mut self,
        key: &InstanceKey,
        message: Message,
        now: Timestamp,
    ) -> Option<MessageSeq> {
        self.messages_back += 1;
        let seq = MessageSeq(self.messages_back);
        let entity = key.id.entity();
        if message.is_for_entity() != entity.is_some() {
            return None;
        }
        if let (Some(entity), Message::Operation(_) | Message::Lock(_)) = (entity, &message) {
            let new = || Record::of_entity(key.clone(), entity.name(), now);
            self.instances.entry(key.clone()).or_insert_with(new);
        }
        let record = self.open(key)?;
        record.inbox.insert(seq, message);
        record.instance.updated_at = now;
        self.refresh(key);
        Some(seq)
    }

    /// Removes an instance with all that belongs to it.
    fn remove(&mut self, key: &InstanceKey) {
        self.clear_timers(key);
        if let Some(record) = self.instances.remove(key) {
            for seq in record.tasks.values() {
                self.tasks.remove(&(Shard::of(key), *seq));
            }
        }
        self.refresh(key);
    }

    fn clear_timers(&mut self, key: &InstanceKey) {
        if let Some(record) = self.instances.get_mut(key) {
            for (id, fire_at) in std::mem::take(&mut record.timers) {
                self.timers.remove(&due(key, id, fire_at));
            }
        }
    }

    /// Makes `ready` agree with the instance after any change of its inbox or status.
    fn refresh(&mut self, key: &InstanceKey) {
        let entry = (Shard::of(key), key.clone());
        if self.instances.get(key).is_some_and(Record::is_ready) {
            self.ready.insert(entry);
        } else {
            self.ready.remove(&entry);
        }
    }
}

fn due(key: &InstanceKey, id: u32, fire_at: Timestamp) -> Due {
    Due {
        shard: Shard::of(key),
        fire_at,
        key: key.clone(),
        id,
    }
}
