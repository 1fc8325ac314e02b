//! Figures for monitoring.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters since the start of the worker, and gauges of what it holds.
#[derive(Debug, Default)]
pub struct Stats {
    pub turns: AtomicU64,
    pub replays: AtomicU64,
    pub turn_failures: AtomicU64,
    pub activities: AtomicU64,
    pub timers_fired: AtomicU64,
    pub leases_lost: AtomicU64,
    pub parked: AtomicU64,
    pub activities_running: AtomicU64,
    pub activities_queued: AtomicU64,
    /// Activities since they were queued and timers since they fired, until the turn that takes
    /// them is committed.
    pub in_flight: AtomicU64,
}

impl Stats {
    pub(crate) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn gauge(gauge: &AtomicU64, value: usize) {
        gauge.store(value as u64, Ordering::Relaxed);
    }
}
