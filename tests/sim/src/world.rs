//! One simulated run: nodes, clients, faults, and the checks in the end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use weft_id::{App, AppId, EntityId, ExecutionId, InstanceKey};
use weft_orchestration::{Message, Outcome, Payload, Start, Status, Timestamp};
use weft_store::MemoryStore;
use weft_store::{
    Entities, Error, Filter, IdReuse, Instance, Instances, NodeId, PageRequest, SHARDS, Shard, Work,
};
use weft_worker::{Clock, Config, Worker};

use crate::faults::{Fault, FaultyStore, Owners, Plant};
use crate::program::{ENTITIES, Program};
use crate::runner::SimRunner;
use crate::side;

pub(crate) const LEASE_TTL: Duration = Duration::from_secs(3);
/// Simulated time after which an instance that is still open counts as lost.
const PATIENCE: Duration = Duration::from_secs(1_200);

/// Why a run is wrong.
#[derive(Debug)]
pub struct Failed {
    pub seed: u64,
    pub what: String,
}

/// Simulated time plus jumps.
pub(crate) struct SimClock {
    started: Instant,
    pub(crate) jumped_ms: AtomicU64,
}

impl SimClock {
    pub(crate) fn start() -> Self {
        Self {
            started: Instant::now(),
            jumped_ms: AtomicU64::new(0),
        }
    }
}

/// Whether it has come to its end: one that a brittle activity has made fail is rewound.
fn has_ended(instance: &Instance) -> bool {
    match &instance.outcome {
        Some(Outcome::Failed(failure)) => failure.kind != "brittle",
        Some(Outcome::Completed(_) | Outcome::Terminated { .. }) => true,
        None => false,
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Timestamp::from_millis(1_700_000_000_000 + elapsed + self.jumped_ms.load(Ordering::Relaxed))
    }
}

struct World {
    rng: StdRng,
    inner: Arc<MemoryStore>,
    runner: Arc<SimRunner>,
    clock: Arc<SimClock>,
    owners: Owners,
    fault: Fault,
    plant: Option<Plant>,
    nodes_started: u128,
    /// Whether the first node stays the only one.
    one_node: bool,
}

/// Runs one seed.
///
/// # Errors
/// What went wrong, with the seed that shows it again.
///
/// # Panics
/// When no runtime can be made.
pub fn simulate(seed: u64, plant: Option<Plant>) -> Result<(), Failed> {
    let run = in_simulated_time(async { World::new(seed, plant).run().await });
    run.map_err(|what| Failed { seed, what })
}

/// Runs one seed on one node that is never replaced and never loses a lease, while many of its
/// commits take effect and are reported as failed: nobody but itself can mend what it misses then.
///
/// # Errors
/// As [`simulate`].
///
/// # Panics
/// As [`simulate`].
pub fn simulate_one_node(seed: u64) -> Result<(), Failed> {
    let run = in_simulated_time(async {
        let mut world = World::new(seed, None);
        world.fault = Fault {
            unknown: 150,
            ..Fault::default()
        };
        world.one_node = true;
        world.run().await
    });
    run.map_err(|what| Failed { seed, what })
}

pub(crate) fn in_simulated_time<T>(run: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O needs nothing of the system");
    runtime.block_on(run)
}

impl World {
    fn new(seed: u64, plant: Option<Plant>) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        // Most programs are kept apart, and no result of theirs.
        let inner = Arc::new(MemoryStore::keeping_apart(64));
        let lots = plant == Some(Plant::DrawsLots);
        // Some runs have calm nodes, so that slow paths do not hide the fast one.
        let fault = if rng.random_bool(0.25) {
            Fault::default()
        } else {
            Fault {
                refused: rng.random_range(0..60),
                unknown: rng.random_range(0..40),
                frozen: rng.random_range(0..10),
                doubled: 100,
            }
        };
        Self {
            runner: Arc::new(SimRunner::new(Arc::clone(&inner), rng.random(), lots)),
            clock: Arc::new(SimClock::start()),
            owners: Arc::new(Mutex::default()),
            rng,
            inner,
            fault,
            plant,
            nodes_started: 0,
            one_node: false,
        }
    }

    fn start_node(&mut self) -> Worker {
        self.nodes_started += 1;
        let store = FaultyStore::new(
            Arc::clone(&self.inner),
            self.rng.random(),
            self.fault,
            self.plant,
            Arc::clone(&self.owners),
            LEASE_TTL * 2,
        );
        let config = Config {
            shards_max: match self.one_node {
                true => SHARDS,
                false => self.rng.random_range(SHARDS / 2..=SHARDS),
            },
            lease_ttl: LEASE_TTL,
            turns_max: self.rng.random_range(1..20),
            activities_max: self.rng.random_range(1..20),
            activities_queued_max: self.rng.random_range(1..40),
            parked_max: self.rng.random_range(0..8),
            parked_for: Duration::from_millis(self.rng.random_range(0..10_000)),
            timers_loaded_max: self.rng.random_range(1..6),
            ..Config::default()
        };
        Worker::start(
            NodeId(self.nodes_started),
            config,
            store,
            Arc::clone(&self.runner) as _,
            Arc::clone(&self.clock) as _,
        )
    }

    async fn run(mut self) -> Result<(), String> {
        let mut nodes = vec![self.start_node()];
        if !self.one_node {
            nodes.push(self.start_node());
        }
        let mut names = 0;
        let count = self.rng.random_range(1..8);
        let programs: Vec<(InstanceKey, Program)> = (0..count)
            .map(|index| {
                let id = format!("instance-{index}").parse().expect("a valid id");
                let tenant = format!("tenant-{}", index % 3);
                let app = AppId {
                    tenant: tenant.parse().expect("a valid name"),
                    app: App::default(),
                };
                let key = InstanceKey::new(app, id);
                (key, Program::random(&mut self.rng, 1, &mut names))
            })
            .collect();
        let clients: Vec<_> = programs
            .iter()
            .map(|(key, program)| tokio::spawn(self.client(key.clone(), program.clone())))
            .collect();
        let app = programs[0].0.app.clone();
        let doomed = side::keys(&mut self.rng, &app, "doomed");
        let reused = side::keys(&mut self.rng, &app, "reused");
        let dooms = doomed.iter().map(|root| {
            let client = self.client_store();
            tokio::spawn(side::doom(client, root.clone()))
        });
        let dooms: Vec<_> = dooms.collect();
        let uses = reused.into_iter().map(|key| {
            let client = self.client_store();
            tokio::spawn(side::reuse(client, key))
        });
        let uses: Vec<_> = uses.collect();
        let deadline = Instant::now() + PATIENCE;
        let mut calm_at = Instant::now() + Duration::from_secs(90);
        loop {
            let pause = self.rng.random_range(50..3_000);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            if self.one_node {
                // Nobody helps.
            } else if Instant::now() < calm_at {
                self.trouble(&mut nodes);
            } else {
                // A cluster that is never left in peace need not finish.
                calm_at = deadline;
                self.fault = Fault::default();
                nodes = vec![self.start_node()];
            }
            self.rewind_failed(&programs).await;
            if clients.iter().chain(&dooms).all(JoinHandle::is_finished)
                && uses.iter().all(JoinHandle::is_finished)
                && self.all_ended(&programs).await
                && self.are_over(&doomed).await
                && self.is_quiet(&app).await
            {
                break;
            }
            if Instant::now() > deadline {
                return Err(self.stuck(&programs).await);
            }
        }
        // What was in flight when the last instance ended is cleaned up by whoever runs.
        nodes.push(self.start_node());
        tokio::time::sleep(LEASE_TTL * 20).await;
        self.wait_until_nothing_is_held(&nodes).await?;
        drop(nodes);
        for root in &doomed {
            side::check_doomed(&self.inner, root).await?;
        }
        for used in uses {
            let used = used.await.expect("a client does not panic")?;
            used.check(&self.inner).await?;
        }
        self.check(&programs).await
    }

    async fn are_over(&self, doomed: &[InstanceKey]) -> bool {
        for root in doomed {
            if !side::is_over(&self.inner, root).await {
                return false;
            }
        }
        true
    }

    /// Whether nothing of the app is open.
    async fn is_quiet(&self, app: &AppId) -> bool {
        let open = Filter {
            statuses: vec![Status::Pending, Status::Running, Status::Suspended],
            ..Filter::default()
        };
        let page = PageRequest {
            limit: 1,
            after: None,
        };
        let found = self.inner.instances(app, &open, &page).await;
        found.is_ok_and(|page| page.instances.is_empty())
    }

    /// What nodes hold for turns that never come would pile up over the years.
    async fn wait_until_nothing_is_held(&self, nodes: &[Worker]) -> Result<(), String> {
        let held = |node: &Worker| node.stats().in_flight.load(Ordering::Relaxed);
        let deadline = Instant::now() + PATIENCE;
        while let Some(held) = nodes.iter().map(held).find(|held| *held > 0) {
            if Instant::now() > deadline {
                return Err(format!("a node never let go of {held} arrivals"));
            }
            tokio::time::sleep(LEASE_TTL).await;
        }
        Ok(())
    }

    /// Crashes, new nodes, a jump of the clock, or nothing.
    fn trouble(&mut self, nodes: &mut Vec<Worker>) {
        match self.rng.random_range(0..10) {
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

    /// What a client needs to speak to the cluster.
    fn client_store(&mut self) -> side::Client {
        let seed: u64 = self.rng.random();
        let store = FaultyStore::new(
            Arc::clone(&self.inner),
            seed,
            Fault {
                frozen: 0,
                // A send that is repeated because its outcome is unknown may arrive twice.
                unknown: 0,
                ..self.fault
            },
            self.plant,
            Arc::clone(&self.owners),
            LEASE_TTL,
        );
        side::Client {
            store,
            clock: Arc::clone(&self.clock),
            rng: StdRng::seed_from_u64(seed),
        }
    }

    /// Starts an instance, raises its events, and suspends and resumes it now and then.
    fn client(
        &mut self,
        key: InstanceKey,
        program: Program,
    ) -> impl Future<Output = ()> + Send + 'static {
        let side::Client {
            store,
            clock,
            mut rng,
        } = self.client_store();
        async move {
            let start = Start::new(
                ExecutionId::from_u128(rng.random()),
                "program",
                Payload::from(serde_json::to_string(&program).expect("plain data")),
            );
            // One that is there already is its own, made by a try whose outcome was unknown.
            let _ = side::create(&*store, &clock, &key, start, &IdReuse::never()).await;
            let mut messages = Vec::new();
            // An event that comes too early for its round is carried over.
            let rounds = usize::try_from(program.rounds).expect("a few");
            let events = vec![program.events(); rounds].concat();
            for (name, value) in events {
                if rng.random_bool(0.4) {
                    let reason = "to see".to_owned();
                    messages.push(Message::Suspend {
                        reason: reason.clone(),
                    });
                    messages.push(Message::Resume { reason });
                }
                if rng.random_bool(0.2) {
                    messages.push(Message::Move { revision: 1 });
                }
                let payload = Payload::from(value.to_string());
                messages.push(Message::Event { name, payload });
            }
            if rng.random_bool(0.2) {
                let reason = "at any time".to_owned();
                messages.insert(
                    0,
                    Message::Suspend {
                        reason: reason.clone(),
                    },
                );
                messages.insert(1, Message::Resume { reason });
            }
            for message in messages {
                tokio::time::sleep(Duration::from_millis(rng.random_range(0..8_000))).await;
                // One that has failed is rewound and takes it then.
                while let Err(
                    Error::Unavailable { .. }
                    | Error::Ended {
                        status: Status::Failed,
                    },
                ) = store.send(&key, message.clone(), clock.now()).await
                {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        }
    }

    /// Takes back what a brittle activity has made fail.
    async fn rewind_failed(&mut self, programs: &[(InstanceKey, Program)]) {
        for (key, _) in programs {
            let found = self.inner.instance(key).await.ok().flatten();
            let failure = match found.and_then(|instance| instance.outcome) {
                Some(Outcome::Failed(failure)) => failure,
                _ => continue,
            };
            if failure.kind == "brittle" {
                let execution = ExecutionId::from_u128(self.rng.random());
                let reason = "it will work now".to_owned();
                let rewound = self
                    .inner
                    .rewind(key, execution, reason, None, self.clock.now());
                // One of which nothing can be taken back stays failed, and the check says so.
                let _ = rewound.await;
            }
        }
    }

    async fn all_ended(&self, programs: &[(InstanceKey, Program)]) -> bool {
        for (key, _) in programs {
            match self.inner.instance(key).await {
                Ok(Some(instance)) if has_ended(&instance) => {}
                _ => return false,
            }
        }
        true
    }

    async fn stuck(&self, programs: &[(InstanceKey, Program)]) -> String {
        let mut open = Vec::new();
        for (key, _) in programs {
            match self.inner.instance(key).await {
                Ok(Some(instance)) if has_ended(&instance) => {}
                other => open.push(format!("{key}: {other:?}")),
            }
        }
        format!("still open after {PATIENCE:?}: {}", open.join("; "))
    }

    /// Each operation has taken effect once, and nothing is locked.
    async fn check_entities(&self, programs: &[(InstanceKey, Program)]) -> Result<(), String> {
        let mut totals: BTreeMap<&AppId, [u64; ENTITIES as usize]> = BTreeMap::new();
        for (key, program) in programs {
            program.add_to(totals.entry(&key.app).or_default());
        }
        for (app, totals) in totals {
            for (entity, total) in totals.iter().enumerate() {
                let id = EntityId::new("counter", &entity.to_string()).expect("a valid id");
                let found = self
                    .inner
                    .entity(app, &id)
                    .await
                    .map_err(|e| e.to_string())?;
                let state = found.as_ref().and_then(|view| view.state.clone());
                let state = state.unwrap_or_else(|| Payload::from("0"));
                let busy = found
                    .as_ref()
                    .is_some_and(|v| v.locked_by.is_some() || v.queued > 0);
                if state.text() != Some(total.to_string().as_str()) || busy {
                    return Err(format!("{app} {id}: expected {total}, is {found:?}"));
                }
            }
        }
        Ok(())
    }

    async fn check(&self, programs: &[(InstanceKey, Program)]) -> Result<(), String> {
        if let Some(violation) = self.runner.violations.lock().expect("no panics").first() {
            return Err(violation.clone());
        }
        for (key, program) in programs {
            let instance = self.inner.instance(key).await.map_err(|e| e.to_string())?;
            let outcome = instance.and_then(|instance| instance.outcome);
            let expected = Outcome::Completed(Payload::from(program.result().to_string()));
            if outcome.as_ref() != Some(&expected) {
                return Err(format!("{key}: expected {expected:?}, is {outcome:?}"));
            }
        }
        self.check_entities(programs).await?;
        for shard in Shard::all() {
            let tasks = self.inner.pending_tasks(shard, None, 10).await;
            let timers = self.inner.pending_timers(shard, 10).await;
            let ready = self.inner.ready(shard, None, 10).await;
            match (tasks, timers, ready) {
                (Ok(tasks), Ok(timers), Ok(ready))
                    if tasks.is_empty() && timers.is_empty() && ready.is_empty() => {}
                left => return Err(format!("left behind in the store: {left:?}")),
            }
        }
        Ok(())
    }
}
