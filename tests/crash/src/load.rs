//! The clients: each starts an instance, raises its events, watches its history and judges its
//! end, whatever becomes of the node meanwhile.
//!
//! A call whose outcome is unknown is never repeated as it is: a start is looked for first, since
//! an ended instance makes way for a new one of its name; an event is raised again under another
//! number.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::client::{Client, Reply};
use crate::record::Record;
use crate::workload::Job;

/// Beside a refusal, which comes at once.
const PAUSE: Duration = Duration::from_millis(20);

/// What the clients did.
#[derive(Debug, Default)]
pub struct Counts {
    pub starts: AtomicU64,
    pub events: AtomicU64,
    /// Calls whose outcome the client did not learn.
    pub unknown: AtomicU64,
    pub histories: AtomicU64,
    /// Instances that were suspended for a while.
    pub naps: AtomicU64,
}

/// What the clients share.
#[derive(Debug)]
pub struct Load {
    pub client: Client,
    pub record: Arc<Record>,
    pub counts: Counts,
    finished: AtomicBool,
    /// Names of instances whose end is awaited.
    open: Mutex<BTreeSet<String>>,
    /// Instances that were started by somebody else.
    others: Mutex<Vec<Job>>,
}

impl Load {
    #[must_use]
    pub fn new(client: Client, record: Arc<Record>) -> Arc<Self> {
        Arc::new(Self {
            client,
            record,
            counts: Counts::default(),
            finished: AtomicBool::new(false),
            open: Mutex::default(),
            others: Mutex::default(),
        })
    }

    /// No further instances are started; those that are open go on.
    pub fn finish(&self) {
        self.finished.store(true, Ordering::Relaxed);
    }

    /// Keeps `open` instances open until told to finish; returns once all have ended, with all
    /// that were started.
    pub async fn run(self: Arc<Self>, seed: u64, open: usize) -> Vec<Job> {
        let mut rng = StdRng::seed_from_u64(seed);
        let room = Arc::new(Semaphore::new(open));
        let mut clients = JoinSet::new();
        let mut jobs = Vec::new();
        while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
            if self.finished.load(Ordering::Relaxed) {
                break;
            }
            let job = Job::random(jobs.len() as u64, &mut rng);
            jobs.push(job.clone());
            let (load, seed) = (Arc::clone(&self), rng.random());
            clients.spawn(async move {
                load.one(job, seed).await;
                drop(permit);
            });
            while clients.try_join_next().is_some() {}
        }
        while clients.join_next().await.is_some() {}
        jobs
    }

    /// Runs one instance to its end and judges it.
    pub async fn one(self: Arc<Self>, job: Job, seed: u64) {
        let id = job.id.clone();
        self.lock_open().insert(id.clone());
        Watch::new(Arc::clone(&self), job, seed).run().await;
        self.lock_open().remove(&id);
    }

    /// The instances whose end is still awaited.
    #[must_use]
    pub fn open(&self) -> Vec<String> {
        self.lock_open().iter().cloned().collect()
    }

    fn lock_open(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.open.lock().expect("no holder of the lock panics")
    }

    /// An instance that may exist although no client has started it.
    pub fn also(&self, job: Job) {
        self.others
            .lock()
            .expect("no holder of the lock panics")
            .push(job);
    }

    /// Compares what the node has in the end with what was started: all of it, nothing else, and
    /// every instance ended as it must.
    ///
    /// # Errors
    /// When the node does not answer.
    pub async fn sweep(&self, jobs: &[Job], limit: Duration) -> anyhow::Result<()> {
        timeout(limit, self.compare(jobs))
            .await
            .context("the node does not list its instances")?
    }

    async fn compare(&self, jobs: &[Job]) -> anyhow::Result<()> {
        let mut kept: HashMap<String, Value> = HashMap::new();
        let mut after: Option<String> = None;
        loop {
            let page = self.client.instances(after.as_deref()).await;
            let Reply::Answered { status, body } = page else {
                bail!("no answer");
            };
            ensure!(status == 200, "{status}: {body}");
            for instance in body["instances"].as_array().into_iter().flatten() {
                let id = instance["id"].as_str().unwrap_or_default();
                kept.insert(id.to_owned(), instance.clone());
            }
            match body["next"].as_str() {
                Some(next) => after = Some(next.to_owned()),
                None => break,
            }
        }
        for job in jobs {
            match kept.remove(&job.id) {
                Some(instance) => judge(job, &instance, &self.record),
                None => self.record.violation(format!("{} is lost", job.id)),
            }
        }
        for other in self
            .others
            .lock()
            .expect("no holder of the lock panics")
            .iter()
        {
            kept.remove(&other.id);
        }
        // What is left are children; each has a parent that was started.
        for (id, instance) in kept {
            let parent = instance["parent_id"].as_str();
            let known = parent.is_some_and(|parent| jobs.iter().any(|job| job.id == parent));
            if !known || instance["runtime_status"] != "Completed" {
                self.record
                    .violation(format!("{id} is nobody's child, or open: {instance}"));
            }
        }
        Ok(())
    }
}

/// Whether an instance has ended as it must.
fn judge(job: &Job, instance: &Value, record: &Record) {
    if instance["runtime_status"] != "Completed" {
        record.violation(format!("{} did not complete: {instance}", job.id));
    } else if let Some(fault) = job.fault_of(&instance["output"]) {
        record.violation(fault);
    }
}

/// One client with its instance.
struct Watch {
    load: Arc<Load>,
    job: Job,
    rng: StdRng,
    /// Number and attempt of the events that the node has acknowledged, in their order.
    acknowledged: Vec<(u32, u32)>,
    /// Those of unknown outcome.
    unsure: Vec<(u32, u32)>,
    /// The executions whose histories were seen, the last one with its events.
    executions: Vec<String>,
    seen: Vec<Value>,
}

impl Watch {
    fn new(load: Arc<Load>, job: Job, seed: u64) -> Self {
        Self {
            load,
            job,
            rng: StdRng::seed_from_u64(seed),
            acknowledged: Vec::new(),
            unsure: Vec::new(),
            executions: Vec::new(),
            seen: Vec::new(),
        }
    }

    async fn run(mut self) {
        self.start().await;
        if self.rng.random_bool(0.2) {
            self.nap().await;
        }
        if self.job.kind.takes_events() {
            self.raise_all().await;
        }
        let ended = self.until_ended().await;
        self.look_at_history().await;
        judge(&self.job, &ended, &self.load.record);
        if self.job.kind.takes_events() {
            self.judge_events(&ended["output"]["events"]);
        }
    }

    async fn unknown(&self) {
        self.load.counts.unknown.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(PAUSE).await;
    }

    async fn start(&self) {
        loop {
            match self.load.client.start(&self.job).await {
                Reply::Answered { status: 201, .. } => {
                    self.load.counts.starts.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Reply::Answered { status, body } if status < 500 => {
                    let what = format!("{} is refused with {status}: {body}", self.job.id);
                    return self.load.record.violation(what);
                }
                Reply::Answered { .. } => tokio::time::sleep(PAUSE).await,
                Reply::Unknown => self.unknown().await,
            }
            if self.exists().await {
                return;
            }
        }
    }

    /// Whether a start of unknown outcome took place.
    async fn exists(&self) -> bool {
        loop {
            match self.load.client.instance(&self.job.id, 0.0).await {
                Reply::Answered { status: 200, .. } => return true,
                Reply::Answered { status: 404, .. } => return false,
                Reply::Answered { .. } | Reply::Unknown => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    async fn raise_all(&mut self) {
        for number in 0..self.job.size {
            self.pause().await;
            self.raise(Some(number)).await;
            if self.rng.random_bool(0.1) {
                self.nap().await;
            }
            if self.rng.random_bool(0.3) {
                self.look_at_history().await;
            }
        }
        self.raise(None).await;
    }

    /// Suspends the instance for a moment. It may have ended, or end before it is resumed.
    async fn nap(&mut self) {
        if let Reply::Answered { status: 202, .. } = self.tell("suspend").await {
            self.load.counts.naps.fetch_add(1, Ordering::Relaxed);
        }
        self.pause().await;
        loop {
            match self.tell("resume").await {
                Reply::Answered { status, .. } if status < 500 => return,
                Reply::Answered { .. } | Reply::Unknown => self.unknown().await,
            }
        }
    }

    async fn tell(&self, verb: &str) -> Reply {
        self.load.client.tell(&self.job.id, verb, &json!({})).await
    }

    async fn pause(&mut self) {
        let millis = self.rng.random_range(0..30);
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }

    /// Raises an event until one is acknowledged; `None` is the last one, after which the instance
    /// may be gone.
    async fn raise(&mut self, number: Option<u32>) {
        for attempt in 0.. {
            let payload = json!({"number": number, "attempt": attempt});
            match self
                .load
                .client
                .tell(&self.job.id, "raise-event/go", &payload)
                .await
            {
                Reply::Answered { status: 202, .. } => {
                    self.load.counts.events.fetch_add(1, Ordering::Relaxed);
                    self.acknowledged
                        .extend(number.map(|number| (number, attempt)));
                    return;
                }
                Reply::Answered { status, body } if status < 500 => {
                    if number.is_some() || attempt == 0 {
                        let id = &self.job.id;
                        let what = format!("an event for {id} is refused with {status}: {body}");
                        self.load.record.violation(what);
                    }
                    return;
                }
                Reply::Answered { .. } => tokio::time::sleep(PAUSE).await,
                Reply::Unknown => self.unknown().await,
            }
            self.unsure.extend(number.map(|number| (number, attempt)));
        }
    }

    async fn until_ended(&mut self) -> Value {
        loop {
            if self.rng.random_bool(0.3) {
                self.look_at_history().await;
            }
            let wait = self.rng.random_range(0.0..0.5);
            match self.load.client.instance(&self.job.id, wait).await {
                Reply::Answered { status: 200, body } => {
                    let status = body["runtime_status"].as_str();
                    if !matches!(status, Some("Pending" | "Running" | "Suspended")) {
                        return body;
                    }
                }
                Reply::Answered { status: 404, .. } => {
                    self.load
                        .record
                        .violation(format!("{} is lost", self.job.id));
                    return Value::Null;
                }
                Reply::Answered { .. } => tokio::time::sleep(PAUSE).await,
                Reply::Unknown => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// A history only grows, and an execution that was followed by another never comes back.
    async fn look_at_history(&mut self) {
        let body = self.load.client.history(&self.job.id).await.of_status(200);
        let Some(Value::Array(events)) = body.map(|mut body| body["events"].take()) else {
            return;
        };
        self.load.counts.histories.fetch_add(1, Ordering::Relaxed);
        self.load.record.history(&self.job.id, &events);
        let started = events
            .iter()
            .find(|event| event["type"] == "execution_started");
        let Some(execution) = started.and_then(|event| event["execution_id"].as_str()) else {
            // Before the first turn of an execution there is nothing to see.
            if !events.is_empty() || self.executions.len() == 1 && self.job.kind.stays() {
                self.history_violation("has lost its beginning", &events);
            }
            return;
        };
        if self.executions.last().is_some_and(|last| last == execution) {
            if !events.starts_with(&self.seen) {
                self.history_violation("is not what it was", &events);
            }
        } else if self.executions.iter().any(|known| known == execution) {
            self.history_violation("is that of an earlier execution", &events);
        } else {
            self.executions.push(execution.to_owned());
        }
        self.seen = events;
    }

    fn history_violation(&self, what: &str, events: &[Value]) {
        let (id, seen) = (&self.job.id, &self.seen);
        let what = format!("the history of {id} {what}: {events:?}, before: {seen:?}");
        self.load.record.violation(what);
    }

    /// Acknowledged events were received once and in order, others at most once.
    fn judge_events(&self, received: &Value) {
        let received: Vec<(u32, u32)> = match serde_json::from_value(received.clone()) {
            Ok(received) => received,
            // Judged with the rest of the result.
            Err(_) => return,
        };
        let sure = received.iter().filter(|event| !self.unsure.contains(event));
        if !sure.eq(&self.acknowledged) {
            let (id, sent) = (&self.job.id, &self.acknowledged);
            let what = format!("{id} received {received:?}, acknowledged were {sent:?}");
            self.load.record.violation(what);
        }
        for event in &self.unsure {
            if received.iter().filter(|other| *other == event).count() > 1 {
                let what = format!("{} received {event:?} more than once", self.job.id);
                self.load.record.violation(what);
            }
        }
    }
}
