//! A node under load, with all that belongs to it; what the faults are done to.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::client::Client;
use crate::load::Load;
use crate::node::{Node, Setup};
use crate::observer::Observer;
use crate::record::Record;
use crate::report::Section;
use crate::workload::Job;

const SWEEP_MAX: Duration = Duration::from_secs(60);

/// What every kind of fault needs to know.
#[derive(Debug, Clone)]
pub struct Base {
    /// `weft`, or a program that understands `up` in the same way.
    pub binary: PathBuf,
    pub env: Vec<(&'static str, String)>,
    pub seed: u64,
    /// Instances that are open at one time.
    pub open: usize,
    /// How long open instances may take to end once nothing is done to the node any more.
    pub patience: Duration,
}

pub(super) struct Site {
    pub(super) setup: Setup,
    pub(super) node: Node,
    pub(super) record: Arc<Record>,
    pub(super) load: Arc<Load>,
    pub(super) rng: StdRng,
    observer: Observer,
    up: watch::Sender<bool>,
    clients: JoinHandle<Vec<Job>>,
    began: Instant,
    seed: u64,
    patience: Duration,
}

impl Site {
    /// Starts a node over a folder, which must be empty, and its load.
    pub(super) async fn open(base: &Base, data: &Path) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut rng = StdRng::seed_from_u64(base.seed);
        let mut setup = Setup::new(&base.binary, data.to_owned(), &mut rng)?;
        setup.env.clone_from(&base.env);
        let record = Arc::new(Record::default());
        let observer = Observer::start(Arc::clone(&record)).await?;
        let node = setup.start().await?;
        let (up, is_up) = watch::channel(true);
        let client = Client::new(&setup, is_up)?;
        client.deploy(observer.address()).await?;
        let load = Load::new(client, Arc::clone(&record));
        let clients = tokio::spawn(Arc::clone(&load).run(rng.random(), base.open));
        Ok(Self {
            setup,
            node,
            record,
            load,
            rng,
            observer,
            up,
            clients,
            began,
            seed: base.seed,
            patience: base.patience,
        })
    }

    /// Ends the node, unless it has ended by itself, and waits for what it has sent.
    pub(super) async fn kill(&mut self) -> anyhow::Result<()> {
        self.node.kill().await;
        self.up.send_replace(false);
        self.observer.settle().await
    }

    /// Starts the node again.
    pub(super) async fn start(&mut self) -> anyhow::Result<()> {
        self.record.restarted(Instant::now());
        self.node = self.setup.start().await?;
        self.up.send_replace(true);
        Ok(())
    }

    /// Lets the node work until so many more activities have run; nothing is awaited for longer
    /// than `limit`.
    pub(super) async fn work(&self, executions: u64, limit: Duration) {
        let mut count = self.record.executions();
        let target = *count.borrow() + executions;
        let reached = count.wait_for(|count| *count >= target);
        let _ = timeout(limit, reached).await;
    }

    /// Lets everything come to its end in peace, restarts the node a last time, and judges it.
    pub(super) async fn close(mut self, name: &str) -> anyhow::Result<Section> {
        self.load.finish();
        let mut section = Section::new(name);
        match timeout(self.patience, &mut self.clients).await {
            Ok(jobs) => {
                let jobs = jobs.context("a client panicked")?;
                self.kill().await?;
                self.start().await?;
                self.load.sweep(&jobs, SWEEP_MAX).await?;
                section.figure("instances", jobs.len());
            }
            Err(_) => {
                let open = self.load.open();
                let what = format!("still open after {:?}: {}", self.patience, open.join(", "));
                self.record.violation(what);
                self.clients.abort();
            }
        }
        self.node.kill().await;
        let (tally, counts) = (self.record.tally(), &self.load.counts);
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        section.figure("starts acknowledged", count(&counts.starts));
        section.figure("events acknowledged", count(&counts.events));
        section.figure("suspended and resumed", count(&counts.naps));
        section.figure("calls of unknown outcome", count(&counts.unknown));
        section.figure("histories compared", count(&counts.histories));
        section.figure("activities executed", tally.executions);
        section.figure("executed again, as allowed", tally.repeated);
        section.figure("seconds", self.began.elapsed().as_secs_f64().round());
        section.violations = self.record.violations();
        if !section.violations.is_empty() {
            section
                .violations
                .push(format!("the seed was {}", self.seed));
        }
        Ok(section)
    }
}
