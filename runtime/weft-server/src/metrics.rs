//! Figures of the parts, read when somebody asks for `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use weft_api::Kept;
use weft_sandbox::{MeterUsage, Metering, Sandbox};
use weft_store::Room;
use weft_store_sqlite::SqliteStore;
use weft_telemetry::{Kind, Labelled, Metrics};
use weft_worker::Stats;

use crate::quota::Quotas;

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
    let loaded = sandbox.clone();
    metrics.read_from(
        "loaded_component_bytes",
        "Bytes of native code that are loaded now",
        Kind::Gauge,
        move || loaded.loaded_bytes(),
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

/// Adds what long payloads take.
pub(crate) fn read_room(metrics: &Metrics, room: &Arc<Room>) {
    let room = Arc::clone(room);
    metrics.read_from(
        "long_payload_bytes",
        "Bytes of long inputs and outputs of activities and turns that are in memory now",
        Kind::Gauge,
        move || room.held_bytes() as u64,
    );
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

/// Tenants and functions that have figures of their own; those of the others are added up.
const LABELS_MAX: usize = 1000;
const OTHERS: &str = "(others)";

type Read = fn(&MeterUsage) -> f64;

#[expect(
    clippy::cast_precision_loss,
    reason = "figures are shown, and stay below 2^53 for centuries"
)]
const FIGURES: [(&str, Kind, Read); 6] = [
    ("Calls of functions", Kind::Counter, |used| {
        used.requests as f64
    }),
    (
        "Calls without an answer, or with a failure",
        Kind::Counter,
        |used| used.errors as f64,
    ),
    ("Processor time of functions", Kind::Counter, |used| {
        used.cpu_us as f64 / 1e6
    }),
    ("The most linear memory at one time", Kind::Gauge, |used| {
        used.memory_bytes_peak as f64
    }),
    ("Bytes exchanged with other hosts", Kind::Counter, |used| {
        used.egress_bytes as f64
    }),
    ("Bytes logged", Kind::Counter, |used| used.log_bytes as f64),
];

const OF_TENANTS: [&str; 6] = [
    "tenant_requests",
    "tenant_errors",
    "tenant_cpu_seconds",
    "tenant_memory_peak_bytes",
    "tenant_egress_bytes",
    "tenant_log_bytes",
];
const OF_FUNCTIONS: [&str; 6] = [
    "function_requests",
    "function_errors",
    "function_cpu_seconds",
    "function_memory_peak_bytes",
    "function_egress_bytes",
    "function_log_bytes",
];

/// Adds what tenants and their functions use and keep.
pub(crate) fn read_tenants(metrics: &Metrics, metering: &Metering, quotas: &Arc<Quotas>) {
    for (index, (help, kind, read)) in FIGURES.into_iter().enumerate() {
        let of = metering.clone();
        metrics.read_labelled(OF_TENANTS[index], help, kind, move || {
            let all = of.all().into_iter();
            let used =
                all.map(|(tenant, meter)| (vec![("tenant", tenant.to_string())], meter.usage()));
            bounded(used.collect(), kind, read)
        });
        let of = metering.clone();
        metrics.read_labelled(OF_FUNCTIONS[index], help, kind, move || {
            let all = of.all().into_iter();
            let used = all.flat_map(|(tenant, meter)| {
                meter
                    .functions()
                    .into_iter()
                    .map(move |(app, function, used)| {
                        let labels = vec![
                            ("tenant", tenant.to_string()),
                            ("app", app.to_string()),
                            ("function", function.to_string()),
                        ];
                        (labels, used)
                    })
            });
            bounded(used.collect(), kind, read)
        });
    }
    type Field = fn(&Kept) -> u64;
    let kept: [(&str, &str, Field); 4] = [
        (
            "tenant_functions",
            "Functions and workflows that are deployed",
            |kept| kept.functions,
        ),
        (
            "tenant_stored_bytes",
            "Bytes of components and data",
            |kept| kept.stored_bytes,
        ),
        ("tenant_instances", "Orchestrations and entities", |kept| {
            kept.instances
        }),
        (
            "tenant_history_bytes",
            "Bytes that orchestrations hold",
            |kept| kept.history_bytes,
        ),
    ];
    for (name, help, field) in kept {
        let quotas = Arc::clone(quotas);
        metrics.read_labelled(name, help, Kind::Gauge, move || {
            let mut all = quotas.last_known();
            all.sort_unstable_by_key(|(_, kept)| std::cmp::Reverse(field(kept)));
            let others: u64 = all
                .iter()
                .skip(LABELS_MAX)
                .map(|(_, kept)| field(kept))
                .sum();
            all.truncate(LABELS_MAX);
            let own = all
                .iter()
                .map(|(tenant, kept)| (tenant.to_string(), field(kept)));
            let rest = (others > 0).then(|| (OTHERS.to_owned(), others));
            let figures = own.chain(rest);
            figures
                .map(|(tenant, value)| Labelled {
                    labels: vec![("tenant", tenant)],
                    value: precise(value),
                })
                .collect()
        });
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures are shown")]
fn precise(value: u64) -> f64 {
    value as f64
}

type Labels = Vec<(&'static str, String)>;

/// Those that were called most have figures of their own.
fn bounded(mut all: Vec<(Labels, MeterUsage)>, kind: Kind, read: Read) -> Vec<Labelled> {
    all.sort_by_key(|(_, used)| std::cmp::Reverse(used.requests));
    let others = all.split_off(all.len().min(LABELS_MAX));
    let mut figures: Vec<Labelled> = all
        .into_iter()
        .map(|(labels, used)| Labelled {
            value: read(&used),
            labels,
        })
        .collect();
    if let Some((labels, _)) = others.first() {
        let values = others.iter().map(|(_, used)| read(used));
        let names = labels.iter().map(|(name, _)| (*name, OTHERS.to_owned()));
        figures.push(Labelled {
            labels: names.collect(),
            value: match kind {
                Kind::Counter => values.sum(),
                Kind::Gauge => values.fold(0.0, f64::max),
            },
        });
    }
    figures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_number_of_tenants_has_a_bounded_number_of_figures() {
        let used = |requests| MeterUsage {
            requests,
            ..MeterUsage::default()
        };
        let all: Vec<_> = (0..1500_u64)
            .map(|number| (vec![("tenant", format!("t{number}"))], used(number)))
            .collect();
        let (_, kind, read) = FIGURES[0];
        let figures = bounded(all, kind, read);
        assert_eq!(figures.len(), LABELS_MAX + 1);
        assert_eq!(figures[0].labels, [("tenant", "t1499".to_owned())]);
        let others = figures.last().unwrap();
        assert_eq!(others.labels, [("tenant", OTHERS.to_owned())]);
        let sum: u64 = (0..500).sum();
        assert!((others.value - precise(sum)).abs() < 0.5, "{others:?}");
    }
}
