//! Bugs that are put in on purpose, to see that the checks find them.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;

use crate::faults::{Base, kills};
use crate::power::{self, Syncs};
use crate::report::Section;

/// Runs after which a bug counts as not found.
const RUNS_MAX: u64 = 8;
const KILLS: u32 = 16;
const POWER_SEEDS: u64 = 5;
const SIMULATED_SEEDS: u64 = 300;

/// The environment variable that tells `weft-rigged` which one.
pub const VARIABLE: &str = "WEFT_RIGGED_PLANT";

/// A bug. All but the first two are in a node's store and found by killing the node; `weft-rigged`
/// is a node that has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Plant {
    /// Nothing is ever synced; found by power cuts
    FsyncOff,
    /// Commits pass whoever owns the shard; found by the simulation, since it takes several nodes
    FencingOff,
    /// Activities are not enqueued in the turn's transaction, and lost when that is cut off
    OutboxOutside,
    /// A finished activity stays in the queue, so that it completes a second time
    CompletionTwice,
    /// A message that was acknowledged once is delivered twice
    MessageTwice,
    /// A start is acknowledged and then forgotten
    StartLost,
    /// An event is taken out of the inbox without being recorded
    EventLost,
}

impl Plant {
    /// Its name on the command line and in the environment.
    #[must_use]
    pub fn name(self) -> String {
        let value = self.to_possible_value().expect("no value is skipped");
        value.get_name().to_owned()
    }

    /// The simulation's name of it.
    #[must_use]
    pub fn in_store(self) -> Option<weft_sim::Plant> {
        match self {
            Self::FsyncOff | Self::FencingOff => None,
            Self::OutboxOutside => Some(weft_sim::Plant::OutboxOutsideTransaction),
            Self::CompletionTwice => Some(weft_sim::Plant::TaskNotRemoved),
            Self::MessageTwice => Some(weft_sim::Plant::DeliveredTwice),
            Self::StartLost => Some(weft_sim::Plant::LostStart),
            Self::EventLost => Some(weft_sim::Plant::LostEvent),
        }
    }
}

/// `weft-rigged`, which lies beside the program that asks.
///
/// # Panics
/// When a process does not know its own path.
#[must_use]
pub fn rigged_binary() -> PathBuf {
    let own = std::env::current_exe().expect("a process knows its own path");
    own.with_file_name(format!("weft-rigged{}", std::env::consts::EXE_SUFFIX))
}

/// Looks for a bug, seed by seed; returns what the last run has shown.
///
/// # Errors
/// When the node cannot be started or used.
pub async fn hunt(plant: Plant, rigged: PathBuf, seed: u64) -> anyhow::Result<Section> {
    let mut base = Base {
        binary: rigged,
        env: vec![(VARIABLE, plant.name())],
        seed,
        open: 16,
        patience: Duration::from_secs(10),
    };
    for _ in 1..RUNS_MAX {
        let section = look(plant, &base).await?;
        if !section.violations.is_empty() {
            return Ok(section);
        }
        base.seed = base.seed.wrapping_add(SIMULATED_SEEDS);
    }
    look(plant, &base).await
}

async fn look(plant: Plant, base: &Base) -> anyhow::Result<Section> {
    match plant {
        Plant::FsyncOff => power::run(base.seed, POWER_SEEDS, Syncs::Ignored).await,
        Plant::FencingOff => {
            let first = base.seed;
            // The simulation has a runtime and a time of its own.
            Ok(tokio::task::spawn_blocking(move || simulate(first)).await?)
        }
        Plant::OutboxOutside
        | Plant::CompletionTwice
        | Plant::MessageTwice
        | Plant::StartLost
        | Plant::EventLost => kills::run(base, KILLS).await,
    }
}

fn simulate(first: u64) -> Section {
    let mut section = Section::new("Several nodes in simulation");
    for seed in first..first.saturating_add(SIMULATED_SEEDS) {
        if let Err(failed) = weft_sim::simulate(seed, Some(weft_sim::Plant::NoFencing)) {
            let what = format!("seed {}: {}", failed.seed, failed.what);
            section.violations.push(what);
        }
    }
    section.figure("seeds", SIMULATED_SEEDS);
    section
}
