//! Room for long payloads in the memory of a node.
//!
//! One payload may be long, and each turn and activity is bounded, but there are hundreds of them at
//! one time. Whoever is about to read long texts takes room for them first and waits where there is
//! none; whoever has made one adds it to what is counted, so that others wait until it is gone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use weft_id::Tenant;

use crate::INLINE_BYTES_MAX;

/// How long anybody waits for room.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How many bytes of long payloads a node holds at one time, over all tenants.
#[derive(Debug)]
pub struct Room {
    bytes_max: usize,
    taken: Mutex<Taken>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    tenants: HashMap<Tenant, usize>,
}

impl Room {
    #[must_use]
    pub fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes_max,
            taken: Mutex::default(),
            changed: Notify::new(),
        })
    }

    /// Waits until there is room for so many bytes. Short payloads, of which rows hold the texts, wait
    /// for nothing. A tenant gets half of the room at most; the first piece of a tenant, and whatever is
    /// alone, gets in whatever its length.
    ///
    /// A turn may hold what arrived for it while it waits for room to read its history. Where several
    /// do, none of them would ever go on, so that whoever has waited for five seconds gets in as well.
    pub async fn take(self: &Arc<Self>, tenant: &Tenant, bytes: usize) -> Held {
        let waited = tokio::time::timeout(WAIT_MAX, self.wait(tenant, bytes)).await;
        waited.unwrap_or_else(|_| self.add(tenant, bytes))
    }

    async fn wait(self: &Arc<Self>, tenant: &Tenant, bytes: usize) -> Held {
        loop {
            let mut changed = std::pin::pin!(self.changed.notified());
            // Before the look, so that no change in between is missed.
            changed.as_mut().enable();
            if let Some(held) = self.try_take(tenant, bytes) {
                return held;
            }
            changed.await;
        }
    }

    /// The same without waiting; `None` where there is no room.
    #[must_use]
    pub fn try_take(self: &Arc<Self>, tenant: &Tenant, bytes: usize) -> Option<Held> {
        if bytes <= INLINE_BYTES_MAX {
            return Some(Held(None));
        }
        let mut taken = self.taken();
        let own = taken.tenants.get(tenant).copied().unwrap_or_default();
        let half = own == 0 || own.saturating_add(bytes) <= self.bytes_max / 2;
        let whole = taken.all == 0 || taken.all.saturating_add(bytes) <= self.bytes_max;
        (half && whole).then(|| self.count(&mut taken, tenant, bytes))
    }

    /// Counts what is in memory already, whether or not there is room for it.
    pub fn add(self: &Arc<Self>, tenant: &Tenant, bytes: usize) -> Held {
        match bytes <= INLINE_BYTES_MAX {
            true => Held(None),
            false => self.count(&mut self.taken(), tenant, bytes),
        }
    }

    fn count(self: &Arc<Self>, taken: &mut Taken, tenant: &Tenant, bytes: usize) -> Held {
        taken.all += bytes;
        *taken.tenants.entry(tenant.clone()).or_default() += bytes;
        Held(Some(Piece {
            room: Arc::clone(self),
            tenant: tenant.clone(),
            bytes,
        }))
    }

    /// Bytes that are held now.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.taken().all
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room that is held until this is dropped.
#[derive(Debug, Default)]
#[must_use]
pub struct Held(#[expect(dead_code, reason = "what counts is when it is dropped")] Option<Piece>);

#[derive(Debug)]
struct Piece {
    room: Arc<Room>,
    tenant: Tenant,
    bytes: usize,
}

impl Drop for Piece {
    fn drop(&mut self) {
        let mut taken = self.room.taken();
        taken.all -= self.bytes;
        if let Some(own) = taken.tenants.get_mut(&self.tenant) {
            *own -= self.bytes;
            if *own == 0 {
                taken.tenants.remove(&self.tenant);
            }
        }
        drop(taken);
        self.room.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MIB: usize = 1 << 20;

    fn tenants() -> [Tenant; 3] {
        ["a", "b", "c"].map(|name| name.parse().unwrap())
    }

    #[tokio::test]
    async fn whoever_comes_when_it_is_full_waits_until_something_goes() {
        let room = Room::new(10 * MIB);
        let [a, b, c] = tenants();
        let first = room.take(&a, 6 * MIB).await;
        assert!(room.try_take(&a, MIB).is_none(), "more than half");
        let second = room.take(&b, 4 * MIB).await;
        assert!(room.try_take(&c, MIB).is_none(), "full");
        drop(room.take(&c, INLINE_BYTES_MAX).await);
        let waiting = tokio::spawn({
            let (room, c) = (Arc::clone(&room), c.clone());
            async move { room.take(&c, 3 * MIB).await }
        });
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(!waiting.is_finished());
        drop(second);
        let third = waiting.await.unwrap();
        assert_eq!(room.held_bytes(), 9 * MIB);
        drop((first, third));
        assert_eq!(room.held_bytes(), 0);
        assert!(room.taken().tenants.is_empty());
    }

    #[tokio::test]
    async fn what_is_there_already_counts_and_the_longest_gets_in_alone() {
        let room = Room::new(MIB);
        let [a, b, _] = tenants();
        let made = room.add(&a, 5 * MIB);
        assert!(room.try_take(&b, MIB / 2).is_none());
        drop(made);
        let _long = room.take(&b, 100 * MIB).await;
    }
}
