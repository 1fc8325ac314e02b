//! Workflow definitions in the simulation.
//!
//! A random definition runs on nodes that crash, over a store that fails, and has to end exactly as
//! the interpreter ends it alone: the status of the run and of every action, with inputs, outputs and
//! repetitions, derived from the recorded history, and the requests that were made. One definition
//! runs over and over with a crash at every point of what its node does.

mod definition;
mod end;
mod outside;
mod reference;
mod runner;
mod world;

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use weft_id::ExecutionId;
use weft_orchestration::{Payload, Start};
use weft_workflow::run::RunStart;

use self::definition::Definitions;
use self::end::Workflows;
use self::reference::Expected;
use self::world::World;
use crate::crash::Crash;
use crate::faults::Plant;
use crate::world::{Failed, in_simulated_time};

/// What the runs of workflows came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Report {
    pub instances: usize,
    pub events: usize,
    /// Attempts at activities, and how many of them were started more than once.
    pub activities: usize,
    pub repeated: usize,
}

/// Runs one seed.
///
/// # Errors
/// What went wrong, with the seed that shows it again.
///
/// # Panics
/// When no runtime can be made.
pub fn simulate_workflow(seed: u64, plant: Option<Plant>) -> Result<Report, Failed> {
    let run = || {
        let mut rng = StdRng::seed_from_u64(seed);
        let drawn = rng.random();
        let workflows = end::compile(&Definitions::random(drawn, 0))?;
        let on_replay = match plant {
            Some(Plant::LostIteration) => end::compile(&Definitions::random(drawn, 1))?,
            _ => workflows.clone(),
        };
        let start = start(&mut rng);
        let expected = expected(&workflows, start.clone())?;
        in_simulated_time(async {
            let world = World::troubled(rng, plant, workflows, on_replay);
            world.run(start, &expected).await
        })
    };
    run().map_err(|what| Failed { seed, what })
}

/// What a crash at every point came to.
#[derive(Debug, Clone)]
pub struct Crashes {
    /// The points at which the node died.
    pub points: u64,
    /// Events of the histories without a crash.
    pub events: usize,
    /// How many events were recorded when the node died, over all instances.
    pub recorded: BTreeSet<usize>,
    /// Of a run without a crash: how many events are recorded after each commit.
    pub commits: BTreeSet<usize>,
    /// Runs in which an activity was started again.
    pub repeated: usize,
}

/// Runs the reference workflow with a crash at every point that a node passes: before and after each
/// commit, before and after each activity.
///
/// # Errors
/// The point, and what went wrong there.
///
/// # Panics
/// When no runtime can be made.
pub fn crash_everywhere(plant: Option<Plant>) -> Result<Crashes, Failed> {
    let run = |crash: Arc<Crash>| {
        let workflows = end::compile(&Definitions::reference())?;
        let start = start(&mut StdRng::seed_from_u64(0));
        let expected = expected(&workflows, start.clone())?;
        in_simulated_time(async {
            let world = World::dying(Arc::clone(&crash), plant, workflows);
            world.die(start, &expected).await
        })
    };
    let never = Arc::new(Crash::never());
    let whole = run(Arc::clone(&never)).map_err(|what| Failed {
        seed: u64::MAX,
        what,
    })?;
    let mut crashes = Crashes {
        points: never.points(),
        events: whole.report.events,
        recorded: BTreeSet::new(),
        commits: whole.commits,
        repeated: 0,
    };
    for at in 0..crashes.points {
        let died = run(Arc::new(Crash::at(at))).map_err(|what| Failed { seed: at, what })?;
        crashes.recorded.extend(died.recorded);
        crashes.repeated += usize::from(died.report.repeated > 0);
    }
    Ok(crashes)
}

fn start(rng: &mut StdRng) -> Start {
    let envelope = RunStart {
        awaited: rng.random_bool(0.7),
        base_url: "http://node".to_owned(),
        ..RunStart::default()
    };
    let execution = ExecutionId::from_u128(rng.random());
    Start::new(
        execution,
        "root",
        Payload::from(envelope.to_value().to_string()),
    )
}

fn expected(workflows: &Workflows, start: Start) -> Result<Expected, String> {
    reference::run(workflows, &world::key().id, start)
}
