//! Taking shards, renewing and losing them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;
use weft_id::InstanceKey;
use weft_store::{Error as StoreError, Lease, Shard};

use super::slot::{State, Taken};
use super::{Doing, Ident, Loop};
use crate::timers::Timers;

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
            Ok(leases) => self.leased(leases),
            Err(error @ StoreError::Broken { .. }) => self.broken(error.to_string()),
            Err(error) => {
                tracing::warn!(%error, "leases not renewed");
                self.renew_at = Instant::now() + Duration::from_millis(200).min(ttl / 3);
            }
        }
    }

    fn leased(&mut self, leases: Vec<Lease>) {
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
            self.overflow.read_all(shard);
            self.ready_unread.insert(shard, None);
        }
    }

    /// Drops what is held of a shard that another node has now. Turns that still run fail to
    /// commit. What runs stays known: it is not run a second time beside itself when the shard
    /// comes back before it is done.
    pub(super) fn forget(&mut self, shard: Shard) {
        self.count_lost();
        self.leases.remove(&shard);
        self.timers.remove(&shard);
        self.overflow.forget(shard);
        self.ready_unread.remove(&shard);
        self.firing.retain(|(key, ..)| Shard::of(key) != shard);
        self.activities.retain(|task| Shard::of(&task.key) != shard);
        let running = self.running_activities(shard);
        self.activities_known
            .retain(|ident| Shard::of(&ident.0) != shard || running.contains(ident));
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
            slot.created = None;
            if slot.state == State::Resting {
                self.slots.remove(&key);
            }
        }
    }

    /// The activities of a shard that run, or whose result a running turn has taken.
    fn running_activities(&self, shard: Shard) -> BTreeSet<Ident> {
        let running = self.doing.values().filter_map(|doing| match doing {
            Doing::Activity(task) => Some((task.key.clone(), task.execution, task.id)),
            Doing::Turn(_) => None,
        });
        let taken = self.slots.iter().flat_map(|(key, slot)| {
            slot.taken.iter().filter_map(move |taken| match taken {
                Taken::Task(execution, id) => Some((key.clone(), *execution, *id)),
                Taken::Timer(..) => None,
            })
        });
        let of_shard = |ident: &Ident| Shard::of(&ident.0) == shard;
        running.chain(taken).filter(of_shard).collect()
    }

    /// The shard of a failed commit is not ours any more: take stock anew.
    pub(super) fn lease_lost(&mut self, key: &InstanceKey) {
        tracing::warn!(instance = %key, "lease lost");
        self.forget(Shard::of(key));
        self.renew_at = Instant::now();
    }

    pub(super) async fn release(&mut self) {
        let leases: Vec<Lease> = self.leases.values().copied().collect();
        if let Err(error) = self.shared.store.release_shards(self.node, &leases).await {
            tracing::warn!(%error, "shards not given back, their leases run out by themselves");
        }
    }
}
