//! The worker's own task: decides which turn and which activity runs next.
//!
//! One task owns all state, so there are no locks; turns and activities run in tasks of their own
//! and report back. Aborting this task aborts all of them.

mod activities;
mod leases;
mod overflow;
mod reads;
mod slot;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use lru::LruCache;
use tokio::sync::{Notify, broadcast, oneshot, watch};
use tokio::task::{JoinError, JoinHandle, JoinSet};
use tokio::time::Instant;
use weft_id::{ExecutionId, InstanceKey};
use weft_store::{Held, Lease, NodeId, PendingTask, Shard, Store, Wakeup};

use crate::fair::Fair;
use crate::timers::Timers;
use crate::turn::{Finished, Shared};
use crate::{Clock, Config, Ran, Runner, Stats};
use overflow::Overflow;
use slot::Slot;

/// A running worker. Dropping it stops it at once, as a crash would.
#[derive(Debug)]
pub struct Worker {
    task: JoinHandle<()>,
    drain: Option<oneshot::Sender<()>>,
    stopped: watch::Receiver<Option<Stopped>>,
    stats: Arc<Stats>,
    nudge: Arc<Notify>,
}

/// Why a worker stopped by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// It was asked to.
    Drained,
    /// The store cannot promise durability any more; the node must stop.
    StoreBroken(String),
}

impl Worker {
    /// Starts on the current tokio runtime.
    #[must_use]
    pub fn start(
        node: NodeId,
        config: Config,
        store: Arc<dyn Store>,
        runner: Arc<dyn Runner>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let stats = Arc::new(Stats::default());
        let wakeups = store.wakeups();
        let (drain, drain_asked) = oneshot::channel();
        let (stopped_tx, stopped) = watch::channel(None);
        let shared = Arc::new(Shared {
            config,
            store,
            runner,
            clock,
            stats: Arc::clone(&stats),
        });
        let loop_ = Loop::new(node, shared);
        let nudge = Arc::new(Notify::new());
        let nudged = Arc::clone(&nudge);
        let task = tokio::spawn(async move {
            let why = loop_.run(wakeups, drain_asked, nudged).await;
            // Nobody listens when the worker was dropped.
            let _ = stopped_tx.send(Some(why));
        });
        Self {
            task,
            drain: Some(drain),
            stopped,
            stats,
            nudge,
        }
    }

    /// What ends the pauses of instances whose code could not be run, for whoever knows that it can
    /// be run now.
    #[must_use]
    pub fn nudge(&self) -> Arc<Notify> {
        Arc::clone(&self.nudge)
    }

    /// Stops taking work, waits at most `deadline` for what runs, and gives the shards back.
    pub async fn drain(mut self, deadline: Duration) {
        if let Some(drain) = self.drain.take() {
            // The loop may have stopped by itself.
            let _ = drain.send(());
        }
        // What does not finish in time is run again by whoever has the shard next.
        let _ = tokio::time::timeout(deadline, &mut self.task).await;
    }

    /// Waits until the worker has stopped by itself.
    pub async fn stopped(&self) -> Stopped {
        let mut stopped = self.stopped.clone();
        match stopped.wait_for(Option::is_some).await {
            Ok(why) => why.clone().expect("waited for it"),
            Err(_) => Stopped::StoreBroken("the worker's task ended unexpectedly".to_owned()),
        }
    }

    #[must_use]
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A timer or a task as it is told apart from all others.
type Ident = (InstanceKey, ExecutionId, u32);

enum Done {
    Turn {
        key: InstanceKey,
        finished: Box<Finished>,
    },
    Activity {
        task: Box<PendingTask>,
        ran: Ran,
        held: Arc<Held>,
    },
}

/// What a task of the set was doing, for the case that it panics.
enum Doing {
    Turn(InstanceKey),
    Activity(Box<PendingTask>),
}

struct Loop {
    node: NodeId,
    shared: Arc<Shared>,
    leases: BTreeMap<Shard, Lease>,
    slots: BTreeMap<InstanceKey, Slot>,
    /// Instances with something to do, each tenant's in the order in which they got it.
    queue: Fair<InstanceKey>,
    /// Instances that wait out a pause after a failure.
    paused: BTreeMap<Instant, Vec<InstanceKey>>,
    /// Parked instances and since when, the one that has waited longest first to go.
    parked: LruCache<InstanceKey, Instant>,
    activities: Fair<PendingTask>,
    /// Activities that are queued or running here.
    activities_known: BTreeSet<Ident>,
    overflow: Overflow,
    /// Shards of which it is not known which instances have messages, and where to read on.
    ready_unread: BTreeMap<Shard, Option<InstanceKey>>,
    /// No read before this, after one that has failed.
    reads_paused_until: Instant,
    timers: BTreeMap<Shard, Timers>,
    /// Timers that have fired and whose turn has not been committed.
    firing: BTreeSet<Ident>,
    /// No look for timers in the store before this, after one that found nothing new.
    timers_quiet_until: Instant,
    running: JoinSet<Done>,
    doing: BTreeMap<tokio::task::Id, Doing>,
    renew_at: Instant,
    draining: bool,
    broken: Option<String>,
}

/// How long to sleep at most: a jump of the clock is noticed after that.
const NAP: Duration = Duration::from_secs(30);

impl Loop {
    fn new(node: NodeId, shared: Arc<Shared>) -> Self {
        let config = &shared.config;
        let queue = Fair::new(config.turns_max, usize::MAX);
        let activities = Fair::new(config.activities_max, config.activities_queued_max);
        Self {
            node,
            shared,
            leases: BTreeMap::new(),
            slots: BTreeMap::new(),
            queue,
            paused: BTreeMap::new(),
            parked: LruCache::unbounded(),
            activities,
            activities_known: BTreeSet::new(),
            overflow: Overflow::default(),
            ready_unread: BTreeMap::new(),
            reads_paused_until: Instant::now(),
            timers: BTreeMap::new(),
            firing: BTreeSet::new(),
            timers_quiet_until: Instant::now(),
            running: JoinSet::new(),
            doing: BTreeMap::new(),
            renew_at: Instant::now(),
            draining: false,
            broken: None,
        }
    }

    async fn run(
        mut self,
        mut wakeups: broadcast::Receiver<Wakeup>,
        mut drain: oneshot::Receiver<()>,
        nudge: Arc<Notify>,
    ) -> Stopped {
        loop {
            if let Some(reason) = self.broken.take() {
                return Stopped::StoreBroken(reason);
            }
            if self.draining && self.running.is_empty() {
                self.release().await;
                return Stopped::Drained;
            }
            if Instant::now() >= self.renew_at {
                self.renew().await;
            }
            self.read_wanted().await;
            self.fire_timers();
            self.unpause();
            self.evict();
            self.start_work();
            let until = self.sleep_until();
            tokio::select! {
                biased;
                asked = &mut drain, if !self.draining => {
                    // A dropped sender is a dropped worker, which aborts this task anyway.
                    self.draining = asked.is_ok();
                }
                Some(done) = self.running.join_next_with_id(), if !self.running.is_empty() => {
                    self.done(done);
                    while let Some(done) = self.running.try_join_next_with_id() {
                        self.done(done);
                    }
                }
                wakeup = wakeups.recv() => {
                    self.woken(wakeup);
                    while let Some(wakeup) = waiting(&mut wakeups) {
                        self.woken(wakeup);
                    }
                }
                () = nudge.notified() => self.cut_pauses(),
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }

    fn woken(&mut self, wakeup: Result<Wakeup, broadcast::error::RecvError>) {
        match wakeup {
            Ok(Wakeup { key, created: None }) => self.wake(key),
            Ok(Wakeup {
                key,
                created: Some(created),
            }) => self.wake_created(key, created),
            Err(broadcast::error::RecvError::Lagged(_)) => {
                let shards = self.leases.keys().map(|shard| (*shard, None));
                self.ready_unread = shards.collect();
            }
            Err(broadcast::error::RecvError::Closed) => {
                self.broken = Some("the store was closed".to_owned());
            }
        }
    }

    fn done(&mut self, done: Result<(tokio::task::Id, Done), JoinError>) {
        match done {
            Ok((id, done)) => {
                self.doing.remove(&id);
                match done {
                    Done::Turn { key, finished } => self.turn_finished(&key, *finished),
                    Done::Activity { task, ran, held } => self.activity_finished(*task, ran, held),
                }
            }
            Err(error) => match self.doing.remove(&error.id()) {
                Some(Doing::Turn(key)) => self.turn_panicked(&key),
                Some(Doing::Activity(task)) => self.activity_panicked(*task),
                None => {}
            },
        }
    }

    fn sleep_until(&self) -> Instant {
        let now = Instant::now();
        let clock_now = self.shared.clock.now();
        // A draining worker fires no timers: those that are due must not keep it awake.
        let timers = self.timers.values().filter(|_| !self.draining);
        let timer = timers.filter_map(Timers::next_at).min();
        let timer = timer.map(|at| now + Duration::from_millis(at.millis_since(clock_now)));
        let pause = self.paused.keys().next().copied();
        let parked = self.parked.peek_lru();
        let evict = parked.map(|(_, since)| *since + self.shared.config.parked_for);
        let quiet = self
            .timers
            .values()
            .any(Timers::wants_load)
            .then_some(self.timers_quiet_until.max(now + Duration::from_millis(10)));
        [
            timer,
            pause,
            evict,
            quiet,
            self.next_read_at(),
            Some(self.renew_at),
        ]
        .into_iter()
        .flatten()
        .fold(now + NAP, Instant::min)
    }

    fn publish_gauges(&self) {
        let stats = &self.shared.stats;
        Stats::gauge(&stats.parked, self.parked.len());
        Stats::gauge(&stats.activities_running, self.activities.places_taken());
        Stats::gauge(&stats.activities_queued, self.activities.len());
        let in_flight = self.activities_known.len() + self.firing.len();
        Stats::gauge(&stats.in_flight, in_flight);
    }

    fn lease_of(&self, key: &InstanceKey) -> Option<Lease> {
        self.leases.get(&Shard::of(key)).copied()
    }

    /// Whether the leases can be relied on. After they have run out, for instance because the
    /// process was stopped for a while, nothing new starts until they are renewed: another node
    /// may have finished meanwhile what waits here.
    fn leases_hold(&self) -> bool {
        let now = self.shared.clock.now();
        self.leases.values().all(|lease| lease.until > now)
    }

    fn broken(&mut self, reason: String) {
        tracing::error!(%reason, "the store failed, the worker stops");
        self.broken = Some(reason);
    }

    fn count_lost(&self) {
        self.shared
            .stats
            .leases_lost
            .fetch_add(1, Ordering::Relaxed);
    }
}

/// The next piece of news that has come already. That some were missed is news as well: whoever
/// is not told so never reads what the missed ones stood for.
fn waiting(
    wakeups: &mut broadcast::Receiver<Wakeup>,
) -> Option<Result<Wakeup, broadcast::error::RecvError>> {
    use broadcast::error::{RecvError, TryRecvError};
    match wakeups.try_recv() {
        Ok(wakeup) => Some(Ok(wakeup)),
        Err(TryRecvError::Empty) => None,
        Err(TryRecvError::Lagged(missed)) => Some(Err(RecvError::Lagged(missed))),
        Err(TryRecvError::Closed) => Some(Err(RecvError::Closed)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_news_is_told_and_not_taken_for_silence() {
        let (sender, mut receiver) = broadcast::channel(1);
        let key = InstanceKey::new(weft_id::AppId::default(), "i".parse().unwrap());
        for _ in 0..2 {
            sender.send(Wakeup::of(key.clone())).unwrap();
        }
        let lagged = broadcast::error::RecvError::Lagged(1);
        assert_eq!(waiting(&mut receiver), Some(Err(lagged)));
        assert_eq!(waiting(&mut receiver), Some(Ok(Wakeup::of(key))));
        assert_eq!(waiting(&mut receiver), None);
    }
}
