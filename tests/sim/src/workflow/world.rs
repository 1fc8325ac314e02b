//! One workflow on nodes that crash, and the checks in the end.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tokio::time::Instant;
use weft_id::{App, AppId, InstanceKey};
use weft_orchestration::{Event, Message, Start};
use weft_store::{
    Error, Filter, IdReuse, Instances, MemoryStore, NodeId, PageRequest, SHARDS, fill_in,
};
use weft_worker::{Clock, Config, Worker};

use super::Report;
use super::end::{Workflows, difference, shown};
use super::outside::Exchanges;
use super::reference::Expected;
use super::runner::WorkflowRunner;
use crate::crash::Crash;
use crate::faults::{Fault, FaultyStore, Owners, Plant};
use crate::world::{LEASE_TTL, SimClock};

/// Simulated time after which an instance that is still open counts as lost.
const PATIENCE: Duration = Duration::from_secs(1_200);
/// How long nodes are in trouble.
const TROUBLE: Duration = Duration::from_secs(60);

pub(super) struct World {
    rng: StdRng,
    inner: Arc<MemoryStore>,
    runner: Arc<WorkflowRunner>,
    clock: Arc<SimClock>,
    owners: Owners,
    fault: Fault,
    plant: Option<Plant>,
    crash: Option<Arc<Crash>>,
    nodes_started: u128,
    /// Whether there is one node at a time only, which has to take everything.
    alone: bool,
}

/// A run whose node has died once.
pub(super) struct Died {
    pub(super) report: Report,
    /// Events in the store when the node died, over all instances.
    pub(super) recorded: Option<usize>,
    /// Events in the store after each commit, as far as somebody has looked.
    pub(super) commits: BTreeSet<usize>,
}

pub(super) fn key() -> InstanceKey {
    let app = AppId {
        tenant: "tenant".parse().expect("a valid name"),
        app: App::default(),
    };
    InstanceKey::new(app, "run".parse().expect("a valid id"))
}

impl World {
    /// A cluster on a bad day.
    pub(super) fn troubled(
        mut rng: StdRng,
        plant: Option<Plant>,
        workflows: Workflows,
        on_replay: Workflows,
    ) -> Self {
        let fault = match rng.random_bool(0.25) {
            true => Fault::default(),
            false => Fault {
                refused: rng.random_range(0..60),
                unknown: rng.random_range(0..40),
                frozen: rng.random_range(0..10),
                doubled: 100,
            },
        };
        let inner = Arc::new(MemoryStore::keeping_apart(200));
        let runner = WorkflowRunner {
            on_replay,
            plant,
            refuses: true,
            ..WorkflowRunner::new(Arc::clone(&inner), workflows, rng.random())
        };
        Self::of(rng, inner, runner, fault)
    }

    /// Nodes that die at one point, over a store that does not fail.
    pub(super) fn dying(crash: Arc<Crash>, plant: Option<Plant>, workflows: Workflows) -> Self {
        let inner = Arc::new(MemoryStore::keeping_apart(200));
        let runner = WorkflowRunner {
            plant,
            crash: Mutex::new(Some(Arc::clone(&crash))),
            ..WorkflowRunner::new(Arc::clone(&inner), workflows, 0)
        };
        let rng = StdRng::seed_from_u64(0);
        let mut world = Self::of(rng, inner, runner, Fault::default());
        world.crash = Some(crash);
        world.alone = true;
        world
    }

    fn of(rng: StdRng, inner: Arc<MemoryStore>, runner: WorkflowRunner, fault: Fault) -> Self {
        Self {
            plant: runner.plant,
            runner: Arc::new(runner),
            clock: Arc::new(SimClock::start()),
            owners: Owners::default(),
            rng,
            inner,
            fault,
            crash: None,
            nodes_started: 0,
            alone: false,
        }
    }

    fn start_node(&mut self) -> Worker {
        self.nodes_started += 1;
        let store = self.store();
        if let Some(crash) = &self.crash {
            store.crash_at(Arc::clone(crash));
        }
        let config = Config {
            shards_max: match self.alone {
                true => SHARDS,
                false => self.rng.random_range(SHARDS / 2..=SHARDS),
            },
            lease_ttl: LEASE_TTL,
            turns_max: self.rng.random_range(1..20),
            activities_max: self.rng.random_range(1..20),
            activities_queued_max: self.rng.random_range(1..40),
            parked_max: self.rng.random_range(0..4),
            parked_for: Duration::from_millis(self.rng.random_range(0..10_000)),
            timers_loaded_max: self.rng.random_range(1..6),
            ..Config::default()
        };
        let clock = Arc::clone(&self.clock) as _;
        let runner = Arc::clone(&self.runner) as _;
        Worker::start(NodeId(self.nodes_started), config, store, runner, clock)
    }

    fn store(&mut self) -> Arc<FaultyStore> {
        FaultyStore::new(
            Arc::clone(&self.inner),
            self.rng.random(),
            self.fault,
            self.plant,
            Arc::clone(&self.owners),
            LEASE_TTL * 2,
        )
    }

    /// Runs a workflow to its end and compares it with what is expected.
    pub(super) async fn run(mut self, start: Start, expected: &Expected) -> Result<Report, String> {
        let mut nodes = vec![self.start_node(), self.start_node()];
        let client = tokio::spawn(self.client(start));
        let (began, mut calm) = (Instant::now(), false);
        while !(client.is_finished() && self.is_quiet().await) {
            if began.elapsed() > PATIENCE {
                return Err(format!(
                    "still open after {PATIENCE:?}: {:?}",
                    self.histories().await
                ));
            }
            let pause = self.rng.random_range(50..3_000);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            if began.elapsed() < TROUBLE {
                self.trouble(&mut nodes);
            } else if !calm {
                calm = true;
                self.alone = true;
                self.fault = Fault::default();
                nodes = vec![self.start_node()];
            }
        }
        drop(nodes);
        self.check(expected).await
    }

    /// Runs a workflow whose first node dies where it was told to.
    pub(super) async fn die(mut self, start: Start, expected: &Expected) -> Result<Died, String> {
        let crash = self.crash.take().expect("it was made for that");
        self.crash = Some(Arc::clone(&crash));
        let mut node = self.start_node();
        self.crash = None;
        self.client(start).await;
        let mut died = Died {
            report: Report::default(),
            recorded: None,
            commits: BTreeSet::new(),
        };
        let began = Instant::now();
        while !self.is_quiet().await {
            if began.elapsed() > PATIENCE {
                return Err(format!(
                    "still open after {PATIENCE:?}: {:?}",
                    self.histories().await
                ));
            }
            tokio::select! {
                () = crash.died() => {
                    died.recorded = Some(self.recorded().await);
                    *self.runner.crash.lock().unwrap() = None;
                    drop(node);
                    node = self.start_node();
                }
                () = tokio::time::sleep(Duration::from_millis(1)) => {
                    died.commits.insert(self.recorded().await);
                }
            }
        }
        drop(node);
        died.commits.insert(self.recorded().await);
        died.report = self.check(expected).await?;
        Ok(died)
    }

    /// Crashes, new nodes, a jump of the clock, or nothing.
    fn trouble(&mut self, nodes: &mut Vec<Worker>) {
        match self.rng.random_range(0..8) {
            0 | 1 => {
                let index = self.rng.random_range(0..nodes.len());
                drop(nodes.swap_remove(index));
                nodes.push(self.start_node());
            }
            2 => {
                nodes.clear();
                nodes.push(self.start_node());
            }
            3 if nodes.len() < 4 => nodes.push(self.start_node()),
            4 => {
                let jump = self.rng.random_range(0..10_000);
                self.clock.jumped_ms.fetch_add(jump, Ordering::Relaxed);
            }
            _ => {}
        }
    }

    /// Starts the run, and suspends and resumes it now and then.
    fn client(&mut self, start: Start) -> impl Future<Output = ()> + Send + 'static {
        let mut rng = StdRng::seed_from_u64(self.rng.random());
        // A message that is repeated because its outcome is unknown may arrive twice.
        let (frozen, unknown) = (self.fault.frozen, self.fault.unknown);
        (self.fault.frozen, self.fault.unknown) = (0, 0);
        let store = self.store();
        (self.fault.frozen, self.fault.unknown) = (frozen, unknown);
        let clock = Arc::clone(&self.clock);
        let suspensions = match self.alone {
            true => 0,
            false => rng.random_range(0..3),
        };
        async move {
            // One that is there already is its own, made by a try whose outcome was unknown.
            let _ = crate::side::create(&*store, &clock, &key(), start, &IdReuse::never()).await;
            for turn in 0..suspensions * 2 {
                tokio::time::sleep(Duration::from_millis(rng.random_range(0..8_000))).await;
                let reason = "to see".to_owned();
                let message = match turn % 2 {
                    0 => Message::Suspend { reason },
                    _ => Message::Resume { reason },
                };
                while let Err(Error::Unavailable { .. }) =
                    store.send(&key(), message.clone(), clock.now()).await
                {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        }
    }

    /// The histories of all instances, by their ids.
    async fn histories(&self) -> Vec<(InstanceKey, bool, Vec<Event>)> {
        let page = PageRequest {
            limit: 1_000,
            after: None,
        };
        let app = key().app;
        let found = self.inner.instances(&app, &Filter::default(), &page).await;
        let mut all = Vec::new();
        for instance in found.expect("the store itself does not fail").instances {
            let history = self.inner.history(&instance.key, 0, u64::MAX).await;
            let mut events = history.expect("the instance is there").events;
            let filled = fill_in(&*self.inner, &mut events).await;
            filled.expect("the store itself does not fail");
            all.push((instance.key, instance.status.is_terminal(), events));
        }
        all
    }

    /// Whether there is something and all of it has ended.
    async fn is_quiet(&self) -> bool {
        let all = self.histories().await;
        !all.is_empty() && all.iter().all(|(_, ended, _)| *ended)
    }

    async fn recorded(&self) -> usize {
        let all = self.histories().await;
        all.iter().map(|(_, _, events)| events.len()).sum()
    }

    async fn check(&self, expected: &Expected) -> Result<Report, String> {
        if let Some(violation) = self.runner.violations.lock().unwrap().first() {
            return Err(violation.clone());
        }
        let mut found = Expected::default();
        let (activities, repeated) = self.runner.started();
        let mut report = Report {
            activities,
            repeated,
            ..Report::default()
        };
        for (of, _, history) in self.histories().await {
            report.instances += 1;
            report.events += history.len();
            let end = shown(&self.runner.workflows, &of.id, &history);
            match of == key() {
                true => found.root = end,
                false => found.children.push(end),
            }
        }
        found.children.sort();
        let ends = [(&expected.root, &found.root)].into_iter();
        let ends = ends.chain(expected.children.iter().zip(&found.children));
        for (expected, found) in ends {
            if expected != found {
                return Err(difference(expected, found));
            }
        }
        if expected.children.len() != found.children.len() {
            let (expected, found) = (expected.children.len(), found.children.len());
            return Err(format!(
                "expected {expected} nested runs, there are {found}"
            ));
        }
        same_exchanges(&expected.exchanges, &self.runner.exchanges())?;
        Ok(report)
    }
}

fn same_exchanges(expected: &Exchanges, found: &Exchanges) -> Result<(), String> {
    let names: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    for name in names {
        let (expected, found) = (expected.get(name), found.get(name));
        if expected != found {
            return Err(format!(
                "expected {expected:?} of {name:?}, there are {found:?}"
            ));
        }
    }
    Ok(())
}
