//! How much a worker takes on.

use std::sync::Arc;
use std::time::Duration;

use weft_orchestration::Limits;
use weft_store::{Room, SHARDS};

#[derive(Debug, Clone)]
pub struct Config {
    /// Shards that this node takes at most.
    pub shards_max: u16,
    /// How long a lease lasts without renewal; renewed at a third of it.
    pub lease_ttl: Duration,
    /// Turns that run at one time. One tenant gets at most seven eighths of these places, several
    /// get equal parts, and something stays free for whoever comes next.
    pub turns_max: usize,
    /// Activities that run at one time, shared like the turns.
    pub activities_max: usize,
    /// Activities that wait in memory for a place, at least 1; the rest wait in the store. One
    /// tenant gets at most half of it.
    pub activities_queued_max: usize,
    /// Executions that stay parked between turns; the least recently used ones are dropped and
    /// replayed when needed. One in Rust takes about 60 KiB.
    pub parked_max: usize,
    /// How long an execution that nothing happens to stays parked. It is replayed when needed, which
    /// takes a fraction of such a wait.
    pub parked_for: Duration,
    /// Timers of one shard held in memory; later ones stay in the store.
    pub timers_loaded_max: u32,
    /// After so many failures in a row of the host over its code ([`crate::TurnError::Host`], a
    /// panic) an instance fails as poisoned. With the pauses in between that takes about 6 s for
    /// the default. A full sandbox and a store that does not answer do not count.
    pub failures_max: u32,
    pub limits: Limits,
    /// Room in memory for long inputs and outputs, which those who share it wait for (default 512 MiB).
    pub room: Arc<Room>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            shards_max: SHARDS,
            lease_ttl: Duration::from_secs(10),
            turns_max: 512,
            activities_max: 256,
            activities_queued_max: 20_000,
            parked_max: 1_280,
            parked_for: Duration::from_secs(5),
            timers_loaded_max: 4_096,
            failures_max: 8,
            limits: Limits::default(),
            room: Room::new(512 << 20),
        }
    }
}
