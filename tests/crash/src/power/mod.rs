//! Power cuts in simulation: the embedded store on a disk that loses and tears what was not synced.
//!
//! Several writers commit turns and raise events; at a random write or sync the power goes. What
//! was acknowledged before must be there when the store is opened over what is left, and nothing
//! may be there by half. The next cut hits the store that goes on from there.

mod disk;
mod turns;
mod vfs;

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use weft_orchestration::Payload;
use weft_store_sqlite::SqliteStore;

pub use disk::{Disk, Syncs};

use crate::report::Section;
use turns::Found;

const WRITERS: usize = 4;
/// Power cuts that one seed survives, or not.
const CUTS: usize = 3;

/// What one seed has shown.
#[derive(Debug, Default)]
struct Shown {
    acknowledged: u64,
    syncs: u64,
    checkpoints: u64,
    unsynced: u64,
    violation: Option<String>,
}

/// Runs seeds from one on.
///
/// # Errors
/// When files cannot be made; what the store does wrong is in the section.
pub async fn run(first: u64, seeds: u64, syncs: Syncs) -> anyhow::Result<Section> {
    let began = Instant::now();
    let disk = vfs::install();
    let mut section = Section::new("Power cuts in simulation");
    let mut sum = Shown::default();
    for seed in first..first.saturating_add(seeds) {
        let shown = simulate(disk, seed, syncs).await?;
        sum.acknowledged += shown.acknowledged;
        sum.syncs += shown.syncs;
        sum.checkpoints += shown.checkpoints;
        sum.unsynced += shown.unsynced;
        let violation = shown.violation.map(|what| format!("seed {seed}: {what}"));
        section.violations.extend(violation);
    }
    section.figure("seeds", seeds);
    section.figure("power cuts", seeds * CUTS as u64);
    section.figure("writes acknowledged", sum.acknowledged);
    section.figure("syncs", sum.syncs);
    section.figure("syncs that end a checkpoint", sum.checkpoints);
    section.figure("writes lost or torn at a cut", sum.unsynced);
    section.figure("seconds", began.elapsed().as_secs_f64().round());
    Ok(section)
}

/// From one start of the store to the next.
#[derive(Debug)]
struct Phase {
    /// Changes and syncs until the power goes.
    power_for: u64,
    /// Of each writer; the store is closed after them where there is power for so long.
    writes: u32,
    payload_len: usize,
}

impl Phase {
    fn random(rng: &mut StdRng) -> Self {
        match rng.random_range(0..20) {
            // While the file is made or recovered.
            0..=4 => Self {
                power_for: rng.random_range(0..60),
                writes: 10,
                payload_len: 10,
            },
            // Until the log is copied into the file and begun anew.
            5 => Self {
                power_for: rng.random_range(6_000..14_000),
                writes: 100,
                payload_len: 100_000,
            },
            // Up to a close in good order, or into it.
            _ => Self {
                power_for: rng.random_range(0..1_500),
                writes: rng.random_range(1..150),
                payload_len: rng.random_range(1..2_000),
            },
        }
    }
}

async fn simulate(disk: &'static Disk, seed: u64, syncs: Syncs) -> anyhow::Result<Shown> {
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir()?;
    // SQLite asks for the real path of a file.
    let root = dir.path().canonicalize()?;
    let mut shown = Shown::default();
    let mut known = [Found::default(); WRITERS];
    for cut in 0..=CUTS {
        let data = root.join(cut.to_string());
        std::fs::create_dir_all(&data)?;
        let phase = Phase::random(&mut rng);
        disk.mount(&data, phase.power_for, syncs)?;
        let judged = live(disk, &data, &phase, &mut known, &mut rng).await;
        let next = root.join((cut + 1).to_string());
        std::fs::create_dir_all(&next)?;
        let cut = disk.unmount(&data, &next, &mut rng)?;
        std::fs::remove_dir_all(&data)?;
        shown.syncs += cut.syncs;
        shown.checkpoints += cut.checkpoints;
        shown.unsynced += cut.unsynced as u64;
        if let Err(what) = judged {
            shown.violation = Some(what);
            break;
        }
    }
    shown.acknowledged = known.iter().map(|found| found.turns + found.events).sum();
    Ok(shown)
}

/// Opens a store over what the last cut has left, judges it by what was acknowledged, and lets it
/// work until the power goes.
async fn live(
    disk: &'static Disk,
    data: &Path,
    phase: &Phase,
    known: &mut [Found; WRITERS],
    rng: &mut StdRng,
) -> Result<(), String> {
    let path = data.to_owned();
    let opened = tokio::task::spawn_blocking(move || SqliteStore::open(path)).await;
    let store = opened.map_err(|error| error.to_string())?;
    let store = Arc::new(store.map_err(|error| format!("the store does not open: {error}"))?);
    for (writer, known) in known.iter_mut().enumerate() {
        let found = turns::found(&store, &turns::key(&format!("w{writer}"))).await?;
        let lost = found.turns < known.turns
            || found.events < known.events
            || (known.exists && !found.exists);
        if lost {
            return Err(format!(
                "w{writer} has {found:?}, acknowledged was {known:?}"
            ));
        }
        *known = found;
    }
    let leases = turns::leases(&store)
        .await
        .map_err(|error| error.to_string())?;
    let leases = Arc::new(leases);
    let payload = Payload::from(format!("\"{}\"", "x".repeat(phase.payload_len)));
    let mut writers = JoinSet::new();
    for (writer, known) in known.iter().enumerate() {
        let (store, leases, data) = (Arc::clone(&store), Arc::clone(&leases), data.to_owned());
        let (mut known, payload, seed) = (*known, payload.clone(), rng.random());
        let writes = phase.writes;
        writers.spawn(async move {
            let key = turns::key(&format!("w{writer}"));
            let mut rng = StdRng::seed_from_u64(seed);
            for _ in 0..writes {
                let mut next = known;
                let done = if !known.exists {
                    next.exists = true;
                    turns::create(&store, &key).await
                } else if rng.random_bool(0.3) {
                    next.events += 1;
                    turns::raise(&store, &key, known.events).await
                } else {
                    next.turns += 1;
                    turns::step(&store, &leases, &key, known.turns, &payload).await
                };
                if let Err(error) = done {
                    return Err(format!("w{writer} is refused: {error}"));
                }
                // Asked after the acknowledgement: it came while there was power.
                if disk.is_cut(&data) {
                    break;
                }
                known = next;
            }
            Ok((writer, known))
        });
    }
    while let Some(done) = writers.join_next().await {
        let (writer, acknowledged) = done.map_err(|error| error.to_string())??;
        known[writer] = acknowledged;
    }
    let store = Arc::into_inner(store).context("a writer still has the store");
    let store = store.map_err(|error| error.to_string())?;
    let closed = tokio::task::spawn_blocking(move || drop(store)).await;
    closed.map_err(|error| error.to_string())
}
