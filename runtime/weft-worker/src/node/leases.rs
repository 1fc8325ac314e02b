//! Taking shards, renewing and losing them, and reading what a new shard has to do.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;
use weft_id::InstanceKey;
use weft_orchestration::Timestamp;
use weft_store::{Error as StoreError, Lease, Shard};

use super::Loop;
use super::slot::State;
use crate::timers::Timers;

/// How many rows are read at one time.
const READ_LIMIT: u32 = 1_000;

impl Loop {
    /// Renews the leases and takes shards that are free. Without an answer from the store the
    /// leases run out by themselves: their commits fail once another node has the shard.
    pub(super) async fn renew(&mut self) {
        let ttl = self.shared.config.lease_ttl;
        self.renew_at = Instant::now() + ttl / 3;
        if self.draining {
            return;
        }
        let now = self.shared.clock.now();
        let until = now.plus_millis(u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX));
        let most = self.shared.config.shards_max;
        let leased = self.shared.store.lease_shards(self.node, most, now, until);
        match leased.await {
            Ok(leases) => self.leased(leases).await,
            Err(error @ StoreError::Broken { .. }) => self.broken(error.to_string()),
            Err(error) => {
                tracing::warn!(%error, "leases not renewed");
                self.renew_at = Instant::now() + Duration::from_millis(200).min(ttl / 3);
            }
        }
    }

    async fn leased(&mut self, leases: Vec<Lease>) {
        let new: BTreeMap<Shard, Lease> = leases.into_iter().map(|l| (l.shard, l)).collect();
        let old = std::mem::replace(&mut self.leases, new);
        for (shard, lease) in &old {
            if self
                .leases
                .get(shard)
                .is_none_or(|l| l.epoch != lease.epoch)
            {
                self.forget(*shard);
            }
        }
        let taken: Vec<Shard> = self
            .leases
            .values()
            .filter(|lease| old.get(&lease.shard).is_none_or(|o| o.epoch != lease.epoch))
            .map(|lease| lease.shard)
            .collect();
        for shard in taken {
            self.timers
                .insert(shard, Timers::new(self.shared.config.timers_loaded_max));
            self.activities_overflow.insert(shard, None);
            self.load_ready(shard).await;
        }
    }

    /// Drops what is held of a shard that another node has now. Turns that still run fail to
    /// commit.
    pub(super) fn forget(&mut self, shard: Shard) {
        self.count_lost();
        self.leases.remove(&shard);
        self.timers.remove(&shard);
        self.activities_overflow.remove(&shard);
        self.firing.retain(|(key, ..)| Shard::of(key) != shard);
        self.activities.retain(|task| Shard::of(&task.key) != shard);
        self.activities_known
            .retain(|(key, ..)| Shard::of(key) != shard);
        let gone: Vec<InstanceKey> = self
            .slots
            .keys()
            .filter(|key| Shard::of(key) == shard)
            .cloned()
            .collect();
        for key in gone {
            self.parked.pop(&key);
            let slot = self.slots.get_mut(&key).expect("listed just now");
            slot.live = None;
            slot.arrivals.clear();
            slot.dirty = false;
            if slot.state == State::Resting {
                self.slots.remove(&key);
            }
        }
    }

    /// The shard of a failed commit is not ours any more: take stock anew.
    pub(super) fn lease_lost(&mut self, key: &InstanceKey) {
        tracing::warn!(instance = %key, "lease lost");
        self.forget(Shard::of(key));
        self.renew_at = Instant::now();
    }

    /// Queues every instance of a shard that has messages.
    pub(super) async fn load_ready(&mut self, shard: Shard) {
        let mut after: Option<InstanceKey> = None;
        loop {
            let ready = self.shared.store.ready(shard, after.as_ref(), READ_LIMIT);
            match ready.await {
                Ok(keys) => {
                    let last = keys.len() < READ_LIMIT as usize;
                    after = keys.last().cloned();
                    for key in keys {
                        self.wake(key);
                    }
                    if last {
                        return;
                    }
                }
                Err(error) => return self.read_failed(shard, &error),
            }
        }
    }

    pub(super) async fn load_timers(&mut self) {
        if Instant::now() < self.timers_quiet_until {
            return;
        }
        let wanting: Vec<Shard> = self
            .timers
            .iter()
            .filter(|(_, timers)| timers.wants_load())
            .map(|(shard, _)| *shard)
            .collect();
        for shard in wanting {
            let limit = self.shared.config.timers_loaded_max;
            match self.shared.store.pending_timers(shard, limit).await {
                Ok(earliest) => {
                    let timers = self.timers.get_mut(&shard).expect("listed just now");
                    timers.load(earliest);
                    for (key, execution, id) in &self.firing {
                        timers.remove_fired(key, *execution, *id);
                    }
                    if timers.wants_load() {
                        self.timers_quiet_until = Instant::now() + Duration::from_millis(100);
                    }
                }
                Err(error) => return self.read_failed(shard, &error),
            }
        }
    }

    /// Reads activities of the store into the queue, as far as there is room.
    pub(super) async fn load_activities(&mut self) {
        let low = self.shared.config.activities_queued_max / 2;
        while self.activities.len() <= low {
            let Some((shard, after)) = self.activities_overflow.pop_first() else {
                return;
            };
            let read = self.shared.store.pending_tasks(shard, after, READ_LIMIT);
            match read.await {
                Ok(tasks) => {
                    if tasks.len() == READ_LIMIT as usize {
                        let last = tasks.last().map(|task| task.seq);
                        self.activities_overflow.insert(shard, last);
                    }
                    for task in tasks {
                        self.queue_activity(task);
                    }
                }
                Err(error) => {
                    self.activities_overflow.insert(shard, after);
                    return self.read_failed(shard, &error);
                }
            }
        }
    }

    /// Gives the shard up, so that the next renewal reads it from the start.
    fn read_failed(&mut self, shard: Shard, error: &StoreError) {
        match error {
            StoreError::Broken { .. } => self.broken(error.to_string()),
            StoreError::NotFound
            | StoreError::AlreadyExists { .. }
            | StoreError::Ended { .. }
            | StoreError::StillOpen { .. }
            | StoreError::LeaseLost
            | StoreError::Conflict
            | StoreError::TooLarge(_)
            | StoreError::Full
            | StoreError::Unavailable { .. } => {
                tracing::warn!(shard = shard.index(), %error, "shard not read");
                self.forget(shard);
                self.renew_at = self
                    .renew_at
                    .min(Instant::now() + Duration::from_millis(200));
            }
        }
    }

    pub(super) async fn release(&mut self) {
        let leases: Vec<Lease> = self.leases.values().copied().collect();
        if let Err(error) = self.shared.store.release_shards(self.node, &leases).await {
            tracing::warn!(%error, "shards not given back, their leases run out by themselves");
        }
    }

    pub(super) fn fire_timers(&mut self) {
        if self.draining {
            return;
        }
        let now: Timestamp = self.shared.clock.now();
        let mut due = Vec::new();
        for timers in self.timers.values_mut() {
            due.extend(std::iter::from_fn(|| timers.pop_due(now)));
        }
        for timer in due {
            self.fire(timer);
        }
    }
}
