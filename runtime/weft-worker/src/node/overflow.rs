//! Which activities of the store are not in memory, and where to read them.
//!
//! A tenant whose line is full has its activities passed over; they are read when its line is low
//! again, and until then new ones of it are left to the store as well, so that old ones are not
//! overtaken for ever. What is read again and is in memory already is told apart by its identity.

use std::collections::BTreeMap;

use weft_id::Tenant;
use weft_store::{Shard, TaskSeq};

/// Where to read on, by shard; `None` is the start.
type Places = BTreeMap<Shard, Option<TaskSeq>>;

#[derive(Debug, Default)]
pub(super) struct Overflow {
    /// Shards that have to be read for all tenants.
    unread: Places,
    /// Tenants of which activities were passed over. Holds no empty maps.
    passed_over: BTreeMap<Tenant, Places>,
}

/// What to read next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Read {
    /// For whom; `None` for everybody.
    tenant: Option<Tenant>,
    pub(super) shard: Shard,
    pub(super) after: Option<TaskSeq>,
}

impl Overflow {
    /// Nothing is known of the shard any more.
    pub(super) fn read_all(&mut self, shard: Shard) {
        self.unread.insert(shard, None);
    }

    /// Drops what is known of a shard that is not ours.
    pub(super) fn forget(&mut self, shard: Shard) {
        self.unread.remove(&shard);
        self.passed_over.retain(|_, places| {
            places.remove(&shard);
            !places.is_empty()
        });
    }

    pub(super) fn has(&self, tenant: &Tenant, shard: Shard) -> bool {
        let places = self.passed_over.get(tenant);
        places.is_some_and(|places| places.contains_key(&shard))
    }

    /// An activity was not taken into memory: it stands behind `after` in the store.
    pub(super) fn pass_over(&mut self, tenant: &Tenant, shard: Shard, after: Option<TaskSeq>) {
        let places = self.passed_over.entry(tenant.clone()).or_default();
        let place = places.entry(shard).or_insert(after);
        *place = after.min(*place);
    }

    /// What to read now, for tenants of which `is_low` says that there is room.
    pub(super) fn next(&self, is_low: impl Fn(&Tenant) -> bool) -> Option<Read> {
        let read = |tenant: Option<&Tenant>, places: &Places| {
            places.first_key_value().map(|(shard, after)| Read {
                tenant: tenant.cloned(),
                shard: *shard,
                after: *after,
            })
        };
        read(None, &self.unread).or_else(|| {
            let mut low = self.passed_over.iter().filter(|(tenant, _)| is_low(tenant));
            low.next()
                .and_then(|(tenant, places)| read(Some(tenant), places))
        })
    }

    /// After a read: `on` is the last one that was read, where there may be more. Call it before
    /// any of what was read is passed over again.
    pub(super) fn advance(&mut self, read: &Read, on: Option<TaskSeq>) {
        let places = match &read.tenant {
            None => &mut self.unread,
            Some(tenant) => match self.passed_over.get_mut(tenant) {
                Some(places) => places,
                None => return,
            },
        };
        match on {
            Some(seq) => {
                places.insert(read.shard, Some(seq));
            }
            None => {
                places.remove(&read.shard);
            }
        }
        self.passed_over.retain(|_, places| !places.is_empty());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_passed_over_is_read_from_the_first_of_it_once_there_is_room() {
        let tenant: Tenant = "heavy".parse().unwrap();
        let shard = Shard::from_index(3).unwrap();
        let mut overflow = Overflow::default();
        overflow.pass_over(&tenant, shard, Some(TaskSeq(40)));
        overflow.pass_over(&tenant, shard, Some(TaskSeq(41)));
        assert_eq!(overflow.next(|_| false), None);
        let read = overflow.next(|_| true).unwrap();
        assert_eq!(read.after, Some(TaskSeq(40)));
        overflow.advance(&read, Some(TaskSeq(90)));
        overflow.pass_over(&tenant, shard, Some(TaskSeq(70)));
        let read = overflow.next(|_| true).unwrap();
        assert_eq!(read.after, Some(TaskSeq(70)));
        overflow.advance(&read, None);
        assert!(!overflow.has(&tenant, shard));
        assert_eq!(overflow.next(|_| true), None);
    }
}
