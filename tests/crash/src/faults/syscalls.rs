//! SIGKILL at every write and every fsync: of a node's first start, and of a reference workflow.
//!
//! Each round starts from the same files and kills the node one call later than the round before,
//! until nothing is left to kill at. A kill at the entry of a call is also a kill after the call
//! before it. The workflow's writes all come from one thread, so every one of them has its round.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::time::timeout;

use super::site::Base;
use super::tracer::{self, Attached, Harm, Injection};
use crate::client::Client;
use crate::load::Load;
use crate::node::Setup;
use crate::observer::Observer;
use crate::record::Record;
use crate::report::Section;
use crate::workload::{Job, Kind};

const CALLS: [&str; 5] = ["pwrite64", "fsync", "fdatasync", "ftruncate", "rename"];
const ROUND_MAX: Duration = Duration::from_secs(60);
/// More calls than the workflow makes by far.
const ROUNDS_MAX: u32 = 5_000;

/// Kills at every write and fsync, or with `every` at every so manieth.
///
/// # Errors
/// When strace is missing, or the node cannot be started or used.
pub async fn run(base: &Base, every: usize) -> anyhow::Result<Section> {
    tracer::require().await?;
    let began = Instant::now();
    let mut section = Section::new("SIGKILL at every write and fsync");
    let starts = first_starts(base, every).await?;
    section.figure("kills during the first start", starts);
    let mut rounds = Rounds::prepare(base).await?;
    for call in CALLS {
        eprintln!("at every {call}; {} kills so far", rounds.kills);
        for nth in (1..ROUNDS_MAX).step_by(every) {
            let injection = Injection {
                calls: call,
                when: nth.to_string(),
                harm: Harm::Kill,
            };
            if rounds.run(&injection).await? == Killed::No {
                break;
            }
        }
    }
    let tally = rounds.load.record.tally();
    section.figure("kills during the workflow", rounds.kills);
    section.figure("activities executed", tally.executions);
    section.figure("executed again, as allowed", tally.repeated);
    section.figure("seconds", began.elapsed().as_secs_f64().round());
    section.violations = rounds.load.record.violations();
    Ok(section)
}

/// Kills the node while it makes its files, and starts it again; returns how often.
async fn first_starts(base: &Base, every: usize) -> anyhow::Result<u32> {
    let mut rng = StdRng::seed_from_u64(base.seed);
    let mut kills = 0;
    for call in CALLS {
        for nth in (1..ROUNDS_MAX).step_by(every) {
            let dir = tempfile::tempdir()?;
            let setup = Setup::new(&base.binary, dir.path().join("data"), &mut rng)?;
            let injection = Injection {
                calls: call,
                when: nth.to_string(),
                harm: Harm::Kill,
            };
            let mut node = setup.spawn_under(tracer::around(&injection))?;
            let ready = node.ready().await.is_ok();
            node.kill().await;
            if ready {
                break;
            }
            kills += 1;
            let again = setup.start().await;
            let again = again.with_context(|| format!("the start after {injection}"));
            again?.kill().await;
        }
    }
    Ok(kills)
}

/// Whether the injection came to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Killed {
    Yes,
    No,
}

struct Rounds {
    /// Holds the files of the node and those that each round begins with.
    dir: tempfile::TempDir,
    setup: Setup,
    observer: Observer,
    load: Arc<Load>,
    up: watch::Sender<bool>,
    rng: StdRng,
    kills: u32,
}

impl Rounds {
    /// Deploys the workload; what is on the disk then is what each round begins with.
    async fn prepare(base: &Base) -> anyhow::Result<Self> {
        let mut rng = StdRng::seed_from_u64(base.seed);
        let dir = tempfile::tempdir()?;
        let setup = Setup::new(&base.binary, dir.path().join("data"), &mut rng)?;
        let record = Arc::new(Record::default());
        let observer = Observer::start(Arc::clone(&record)).await?;
        let mut node = setup.start().await?;
        let (up, is_up) = watch::channel(true);
        let client = Client::new(&setup, is_up)?;
        client.deploy(observer.address()).await?;
        node.kill().await;
        up.send_replace(false);
        copy(&setup.data, &dir.path().join("template"))?;
        Ok(Self {
            dir,
            setup,
            observer,
            load: Load::new(client, record),
            up,
            rng,
            kills: 0,
        })
    }

    /// One round: the workflow, killed by the injection, and its end on another process.
    async fn run(&mut self, injection: &Injection) -> anyhow::Result<Killed> {
        std::fs::remove_dir_all(&self.setup.data)?;
        copy(&self.dir.path().join("template"), &self.setup.data)?;
        let mut node = self.setup.start().await?;
        let tracer = Attached::to(node.pid()?, injection).await?;
        self.up.send_replace(true);
        let name = format!("{}-{}", injection.calls, injection.when);
        let mut workflow = tokio::spawn(reference(Arc::clone(&self.load), name, self.rng.random()));
        let killed = tokio::select! {
            ended = &mut workflow => {
                ended.context("a client panicked")?;
                Killed::No
            }
            ended = node.ended_within(ROUND_MAX) => {
                ended.with_context(|| format!("neither killed nor done: {injection}"))?;
                Killed::Yes
            }
        };
        drop(tracer);
        self.up.send_replace(false);
        node.kill().await;
        self.observer.settle().await?;
        if killed == Killed::Yes {
            self.kills += 1;
            node = self.setup.start().await?;
            self.up.send_replace(true);
            if timeout(ROUND_MAX, &mut workflow).await.is_err() {
                let what = format!("still open {ROUND_MAX:?} after {injection}");
                self.load.record.violation(what);
                workflow.abort();
            }
            self.up.send_replace(false);
            node.kill().await;
            self.observer.settle().await?;
        }
        Ok(killed)
    }
}

/// Children, events between instances and from outside, fan-in, a timer, a new generation.
async fn reference(load: Arc<Load>, name: String, seed: u64) {
    for (kind, size) in [
        (Kind::Family, 2),
        (Kind::Gather, 2),
        (Kind::Timers, 1),
        (Kind::Again, 2),
    ] {
        let job = Job {
            id: format!("{}-{name}", kind.name()),
            kind,
            value: 12_345,
            size,
        };
        Arc::clone(&load).one(job, seed).await;
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(to)?;
    // The node refuses folders that others may read.
    std::fs::set_permissions(to, std::fs::metadata(from)?.permissions())?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
