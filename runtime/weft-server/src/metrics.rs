//! Figures of the parts, read when somebody asks for `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use weft_sandbox::Sandbox;
use weft_store_sqlite::SqliteStore;
use weft_telemetry::{Kind, Metrics};
use weft_worker::Stats;

/// Adds what the sandbox knows.
pub(crate) fn read_sandbox(metrics: &Metrics, sandbox: &Sandbox) {
    let live = sandbox.clone();
    metrics.read_from(
        "live_instances",
        "Instances of components that exist now, running or parked",
        Kind::Gauge,
        move || live.live_instances(),
    );
    let loaded = sandbox.clone();
    metrics.read_from(
        "loaded_components",
        "Components that are loaded now",
        Kind::Gauge,
        move || loaded.loaded_components() as u64,
    );
}

/// Adds what the worker counts.
pub(crate) fn read_worker(metrics: &Metrics, stats: &Arc<Stats>) {
    type Field = fn(&Stats) -> &AtomicU64;
    let figures: [(&str, &str, Kind, Field); 9] = [
        ("turns", "Turns committed", Kind::Counter, |s| &s.turns),
        (
            "replays",
            "Executions opened from their history",
            Kind::Counter,
            |s| &s.replays,
        ),
        (
            "turn_failures",
            "Turns that could not be run or committed",
            Kind::Counter,
            |s| &s.turn_failures,
        ),
        ("activities", "Activities run", Kind::Counter, |s| {
            &s.activities
        }),
        ("timers_fired", "Timers fired", Kind::Counter, |s| {
            &s.timers_fired
        }),
        (
            "leases_lost",
            "Leases lost to other nodes",
            Kind::Counter,
            |s| &s.leases_lost,
        ),
        (
            "parked_orchestrations",
            "Executions in memory between turns",
            Kind::Gauge,
            |s| &s.parked,
        ),
        (
            "activities_running",
            "Activities that run now",
            Kind::Gauge,
            |s| &s.activities_running,
        ),
        (
            "activities_queued",
            "Activities that wait for a place",
            Kind::Gauge,
            |s| &s.activities_queued,
        ),
    ];
    for (name, help, kind, field) in figures {
        let stats = Arc::clone(stats);
        let read = move || field(&stats).load(Ordering::Relaxed);
        metrics.read_from(name, help, kind, read);
    }
}

/// Adds how the embedded store commits.
pub(crate) fn read_sqlite(metrics: &Metrics, store: &Arc<SqliteStore>) {
    let transactions = Arc::clone(store);
    metrics.read_from(
        "store_commits",
        "Transactions committed, each one fsync",
        Kind::Counter,
        move || transactions.commits().transactions,
    );
    let writes = Arc::clone(store);
    metrics.read_from(
        "store_writes",
        "Writes in committed transactions",
        Kind::Counter,
        move || writes.commits().writes,
    );
}
