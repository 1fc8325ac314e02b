//! SIGKILL at random instants: while the node works, while it starts, and in the very moment in
//! which an activity has told of its execution.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::client::Client;
use crate::load::Load;
use crate::node::{Node, Setup};
use crate::observer::Observer;
use crate::record::Record;
use crate::report::Section;

/// How long open instances may take to end once nothing is done to the node any more.
const CALM_MAX: Duration = Duration::from_secs(60);
const SWEEP_MAX: Duration = Duration::from_secs(60);

/// What is to be done.
#[derive(Debug, Clone)]
pub struct Plan {
    pub binary: PathBuf,
    pub env: Vec<(&'static str, String)>,
    pub kills: u32,
    pub seed: u64,
    /// Instances that are open at one time.
    pub open: usize,
}

/// Runs the load, kills the node again and again, and judges it.
///
/// # Errors
/// When the node cannot be started or used; what it does wrong is in the section.
pub async fn run(plan: &Plan) -> anyhow::Result<Section> {
    let began = Instant::now();
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let dir = tempfile::tempdir()?;
    let mut setup = Setup::new(&plan.binary, dir.path().join("data"), &mut rng)?;
    setup.env.clone_from(&plan.env);
    let record = Arc::new(Record::default());
    let observer = Observer::start(Arc::clone(&record)).await?;
    let mut node = setup.start().await?;
    let (up, is_up) = watch::channel(true);
    let client = Client::new(&setup, is_up)?;
    client.deploy(observer.address()).await?;
    let load = Load::new(client, Arc::clone(&record));
    let clients = tokio::spawn(Arc::clone(&load).run(rng.random(), plan.open));

    let mut killer = Killer {
        setup,
        observer,
        record: Arc::clone(&record),
        up,
        rng,
        starts: 0,
        kills_during_start: 0,
    };
    for _ in 0..plan.kills {
        killer.wait_for_the_moment().await;
        killer.kill_and_restart(&mut node).await?;
    }

    load.finish();
    let mut section = Section::new("SIGKILL at random instants");
    match timeout(CALM_MAX, clients).await {
        Ok(jobs) => {
            let jobs = jobs.context("a client panicked")?;
            killer.kill_and_restart(&mut node).await?;
            load.sweep(&jobs, SWEEP_MAX).await?;
            section.figure("instances", jobs.len());
        }
        Err(_) => record.violation(format!("instances are still open after {CALM_MAX:?}")),
    }
    node.kill().await;

    let tally = record.tally();
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    section.figure("kills", plan.kills);
    section.figure("starts of the node", killer.starts + 1);
    section.figure("kills before it was ready", killer.kills_during_start);
    section.figure("starts acknowledged", count(&load.counts.starts));
    section.figure("events acknowledged", count(&load.counts.events));
    section.figure("calls of unknown outcome", count(&load.counts.unknown));
    section.figure("histories compared", count(&load.counts.histories));
    section.figure("activities executed", tally.executions);
    section.figure("executed again, as allowed", tally.repeated);
    section.times(
        "first step after restart, p50 ms",
        "first step after restart, max ms",
        record.first_steps(),
    );
    section.figure("seconds", began.elapsed().as_secs_f64().round());
    section.violations = record.violations();
    if !section.violations.is_empty() {
        section
            .violations
            .push(format!("the seed was {}", plan.seed));
    }
    Ok(section)
}

struct Killer {
    setup: Setup,
    observer: Observer,
    record: Arc<Record>,
    up: watch::Sender<bool>,
    rng: StdRng,
    starts: u32,
    kills_during_start: u32,
}

impl Killer {
    /// Some time, or some executions.
    async fn wait_for_the_moment(&mut self) {
        if self.rng.random_bool(0.4) {
            let mut executions = self.record.executions();
            let target = *executions.borrow() + self.rng.random_range(1..40);
            let reached = executions.wait_for(|count| *count >= target);
            // A node that is busy otherwise is killed all the same.
            let _ = timeout(Duration::from_millis(300), reached).await;
        } else {
            let micros = self.rng.random_range(0..250_000);
            tokio::time::sleep(Duration::from_micros(micros)).await;
        }
    }

    /// Kills the node, sometimes its successor before it is ready as well, and starts it again.
    async fn kill_and_restart(&mut self, node: &mut Node) -> anyhow::Result<()> {
        node.kill().await;
        self.up.send_replace(false);
        self.observer.settle().await?;
        while self.rng.random_bool(0.1) {
            *node = self.setup.spawn()?;
            let micros = self.rng.random_range(0..80_000);
            tokio::time::sleep(Duration::from_micros(micros)).await;
            node.kill().await;
            self.observer.settle().await?;
            self.starts += 1;
            self.kills_during_start += 1;
        }
        self.record.restarted(Instant::now());
        *node = self.setup.start().await?;
        self.starts += 1;
        self.up.send_replace(true);
        Ok(())
    }
}
