//! The timers of one shard that are due next.
//!
//! Holds the earliest ones; a bound keeps memory in check, and what lies past it is read from the
//! store when its time comes near.

use std::collections::{BTreeMap, BTreeSet};

use weft_id::{ExecutionId, InstanceKey};
use weft_orchestration::Timestamp;
use weft_store::PendingTimer;

/// A timer as it is told apart from all others.
type Ident = (InstanceKey, ExecutionId, u32);

#[derive(Debug)]
pub(crate) struct Timers {
    entries: BTreeSet<(Timestamp, Ident)>,
    /// When each of the entries fires.
    times: BTreeMap<Ident, Timestamp>,
    /// Every timer of the shard up to this time is in `entries`, or has fired.
    known_until: Timestamp,
    limit: usize,
}

impl Timers {
    /// Knows nothing yet: [`Self::wants_load`] until loaded.
    pub(crate) fn new(limit: u32) -> Self {
        Self {
            entries: BTreeSet::new(),
            times: BTreeMap::new(),
            known_until: Timestamp::default(),
            limit: limit as usize,
        }
    }

    /// Whether the next timer may be one that only the store knows.
    pub(crate) fn wants_load(&self) -> bool {
        self.entries.is_empty() && self.known_until < Timestamp::from_millis(u64::MAX)
    }

    /// Takes the shard's earliest timers, as many as the limit asks for.
    pub(crate) fn load(&mut self, earliest: Vec<PendingTimer>) {
        let complete = earliest.len() < self.limit;
        let last = earliest.last().map(|timer| timer.fire_at);
        earliest.into_iter().for_each(|timer| self.put(timer));
        self.known_until = match last {
            Some(last) if !complete => last,
            _ => Timestamp::from_millis(u64::MAX),
        };
    }

    /// Forgets everything, so that the next look reads the store.
    pub(crate) fn reload(&mut self) {
        self.entries.clear();
        self.times.clear();
        self.known_until = Timestamp::default();
    }

    pub(crate) fn insert(&mut self, timer: PendingTimer) {
        if timer.fire_at > self.known_until {
            return;
        }
        self.put(timer);
        if self.entries.len() > 2 * self.limit {
            // The dropped timer and its equals in time are read again later.
            let last = self.entries.last().expect("there are many").0;
            self.known_until = Timestamp::from_millis(last.as_millis().saturating_sub(1));
            while let Some(latest) = self.entries.pop_last() {
                if latest.0 <= self.known_until {
                    self.entries.insert(latest);
                    break;
                }
                self.times.remove(&latest.1);
            }
        }
    }

    fn put(&mut self, timer: PendingTimer) {
        let ident = (timer.key, timer.execution, timer.id);
        self.times.insert(ident.clone(), timer.fire_at);
        self.entries.insert((timer.fire_at, ident));
    }

    /// Forgets a timer that has fired or was canceled.
    pub(crate) fn remove_fired(&mut self, key: &InstanceKey, execution: ExecutionId, id: u32) {
        let ident = (key.clone(), execution, id);
        if let Some(fire_at) = self.times.remove(&ident) {
            self.entries.remove(&(fire_at, ident));
        }
    }

    pub(crate) fn next_at(&self) -> Option<Timestamp> {
        self.entries.first().map(|entry| entry.0)
    }

    pub(crate) fn pop_due(&mut self, now: Timestamp) -> Option<PendingTimer> {
        if self.next_at()? > now {
            return None;
        }
        let (fire_at, ident) = self.entries.pop_first()?;
        self.times.remove(&ident);
        let (key, execution, id) = ident;
        Some(PendingTimer {
            key,
            execution,
            id,
            fire_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_id::AppId;

    fn timer(id: u32, at: u64) -> PendingTimer {
        PendingTimer {
            key: InstanceKey::new(AppId::default(), "i".parse().unwrap()),
            execution: ExecutionId::from_u128(1),
            id,
            fire_at: Timestamp::from_millis(at),
        }
    }

    #[test]
    fn what_the_bound_pushes_out_is_read_again() {
        let mut timers = Timers::new(2);
        assert!(timers.wants_load());
        timers.load(vec![timer(1, 10)]);
        for id in 2..6 {
            timers.insert(timer(id, u64::from(id) * 10));
        }
        let far = Timestamp::from_millis(1_000);
        let fired: Vec<u32> = std::iter::from_fn(|| timers.pop_due(far))
            .map(|timer| timer.id)
            .collect();
        assert_eq!(fired, [1, 2, 3, 4], "the fifth was pushed out");
        assert!(timers.wants_load());
        timers.load(vec![timer(5, 50)]);
        assert_eq!(timers.pop_due(far).unwrap().id, 5);
        assert!(!timers.wants_load());
    }

    #[test]
    fn nothing_fires_early() {
        let mut timers = Timers::new(8);
        timers.load(vec![timer(1, 10)]);
        assert_eq!(timers.pop_due(Timestamp::from_millis(9)), None);
        let gone = timer(1, 10);
        timers.remove_fired(&gone.key, gone.execution, gone.id);
        assert_eq!(timers.next_at(), None);
    }
}
