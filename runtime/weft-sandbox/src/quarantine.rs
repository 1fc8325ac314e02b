//! Components over which the host has failed again and again.
//!
//! A defect of ours that one component meets is met again at its next call. After a few of those the
//! component is not run any more, so that it costs its owner and nobody else. What is known is
//! known of a tenant's component: another tenant that deploys the same bytes is judged by its own
//! calls. It is kept in memory, so that a node that starts again begins with nothing.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::{Duration, Instant};

use lru::LruCache;
use weft_id::Tenant;
use weft_store::Digest;

/// Failures of the host over one component until it is quarantined.
const FAILURES_MAX: u32 = 3;
/// They count together when no more than this lies between two of them.
const WINDOW: Duration = Duration::from_secs(600);
/// A component that no compiler gets through may be tried again after this.
const COMPILE_AGAIN: Duration = Duration::from_secs(3600);
const RECORDS_MAX: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");

/// What the host failed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Host code panicked while it ran.
    Panic,
    /// The compiler crashed, or was stopped at one of its bounds.
    Compiler,
}

/// Why a component is not run, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantine {
    pub cause: Cause,
    pub failures: u32,
    /// Of the last failure.
    pub message: String,
    pub since: Duration,
}

impl std::fmt::Display for Quarantine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (times, message) = (self.failures, &self.message);
        match self.cause {
            Cause::Panic => write!(
                f,
                "the component is quarantined: the host failed over it {times} times, at last \
                 with {message:?}; deploy it again, or have an operator release it"
            ),
            Cause::Compiler => write!(
                f,
                "the component is quarantined: its compiler failed {times} times, at last with \
                 {message:?}; deploy another one, or have an operator release it"
            ),
        }
    }
}

struct Record {
    failures: u32,
    last: Instant,
    cause: Cause,
    message: String,
}

impl Record {
    fn quarantine(&self) -> Option<Quarantine> {
        let since = self.last.elapsed();
        let over = self.cause == Cause::Compiler && since > COMPILE_AGAIN;
        (self.failures >= FAILURES_MAX && !over).then(|| Quarantine {
            cause: self.cause,
            failures: self.failures,
            message: self.message.clone(),
            since,
        })
    }
}

type Key = (Tenant, Digest);

/// What is known of components that the host has failed over.
pub(crate) struct Ward {
    records: Mutex<LruCache<Key, Record>>,
    /// How many records there are: nearly always none, and every call asks.
    count: AtomicUsize,
}

impl Ward {
    pub(crate) fn new() -> Self {
        Self {
            records: Mutex::new(LruCache::new(RECORDS_MAX)),
            count: AtomicUsize::new(0),
        }
    }

    /// Notes that the host failed.
    pub(crate) fn failed(&self, tenant: &Tenant, digest: Digest, cause: Cause, message: &str) {
        let mut records = self.records();
        let known = records.pop(&(tenant.clone(), digest));
        let known = known.filter(|known| known.cause == cause && known.last.elapsed() < WINDOW);
        let failures = known.map_or(0, |known| known.failures) + 1;
        let record = Record {
            failures,
            last: Instant::now(),
            cause,
            message: message.to_owned(),
        };
        records.put((tenant.clone(), digest), record);
        self.count.store(records.len(), Ordering::Relaxed);
        drop(records);
        tracing::error!(%tenant, %digest, ?cause, failures, message, "the host failed over a component");
    }

    /// Why the component may not be used, if so.
    pub(crate) fn of(&self, tenant: &Tenant, digest: Digest) -> Option<Quarantine> {
        if self.count.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let records = self.records();
        records.peek(&(tenant.clone(), digest))?.quarantine()
    }

    /// The components of a tenant that may not be used.
    pub(crate) fn all_of(&self, tenant: &Tenant) -> Vec<(Digest, Quarantine)> {
        let records = self.records();
        let own = records.iter().filter(|((of, _), _)| of == tenant);
        own.filter_map(|((_, digest), record)| Some((*digest, record.quarantine()?)))
            .collect()
    }

    /// Forgets what is known; whether it was quarantined.
    pub(crate) fn release(&self, tenant: &Tenant, digest: Digest) -> bool {
        let mut records = self.records();
        let known = records.pop(&(tenant.clone(), digest));
        self.count.store(records.len(), Ordering::Relaxed);
        known.is_some_and(|known| known.quarantine().is_some())
    }

    fn records(&self) -> MutexGuard<'_, LruCache<Key, Record>> {
        self.records.lock().expect("no panic while it is held")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_failures_of_one_kind_and_tenant_quarantine_a_component() {
        let ward = Ward::new();
        let (a, b): (Tenant, Tenant) = ("a".parse().unwrap(), "b".parse().unwrap());
        let digest = Digest([1; 32]);
        ward.failed(&a, digest, Cause::Compiler, "signal");
        for _ in 0..2 {
            ward.failed(&a, digest, Cause::Panic, "boom");
            ward.failed(&b, digest, Cause::Panic, "boom");
        }
        assert_eq!(ward.of(&a, digest), None, "another cause counts anew");
        ward.failed(&a, digest, Cause::Panic, "boom");
        let found = ward.of(&a, digest).unwrap();
        assert_eq!((found.cause, found.failures), (Cause::Panic, 3));
        assert_eq!(ward.of(&b, digest), None, "whose component is another");
        assert!(ward.release(&a, digest));
        assert_eq!(ward.of(&a, digest), None);
        assert!(!ward.release(&a, digest));
    }
}
