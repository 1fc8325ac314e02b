//! Starting turns and activities, and taking their results.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use weft_id::{InstanceKey, Tenant};
use weft_orchestration::{Failure, NewTimer, failure_kind};
use weft_store::{Loaded, PendingTask, PendingTimer, Shard, TaskSeq};

use super::slot::{Slot, State, Taken};
use super::{Doing, Done, Loop};
use crate::turn::{self, Arrival, Committed, Finished, Job, RetryCause};
use crate::{Stats, TurnError};

const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Parked executions that are dropped at one time: each takes some microseconds.
const EVICTED_MAX: usize = 64;

impl Loop {
    /// Notes that an instance's inbox has something, and queues it.
    pub(super) fn wake(&mut self, key: InstanceKey) {
        if self.lease_of(&key).is_some() {
            let slot = self.slots.entry(key.clone()).or_default();
            slot.dirty = true;
            slot.created = None;
            self.enqueue(key);
        }
    }

    /// The same for an instance that has just been created, with all that there is of it.
    pub(super) fn wake_created(&mut self, key: InstanceKey, created: Arc<Loaded>) {
        let is_new = !self.slots.contains_key(&key);
        self.wake(key.clone());
        // Beside a slot this may be old news, which another has overtaken.
        if is_new && let Some(slot) = self.slots.get_mut(&key) {
            slot.created = Some(created);
        }
    }

    pub(super) fn arrive(&mut self, key: InstanceKey, arrival: Arrival) {
        if self.lease_of(&key).is_some() {
            let slot = self.slots.entry(key.clone()).or_default();
            slot.arrivals.push(arrival);
            self.enqueue(key);
        }
    }

    fn enqueue(&mut self, key: InstanceKey) {
        let slot = self.slots.get_mut(&key).expect("made by the caller");
        match slot.state {
            State::Resting => {
                slot.state = State::Queued;
                let used = self.used(&key.app.tenant);
                self.queue.push(&key.app.tenant.clone(), key, used);
            }
            State::Queued | State::Running | State::Paused => {}
        }
    }

    /// Gives the place of a turn back.
    fn turn_done(&mut self, tenant: &Tenant) {
        let used = self.used(tenant);
        self.queue.done(tenant, used);
    }

    pub(super) fn used(&self, tenant: &Tenant) -> Duration {
        self.shared.runner.used(tenant)
    }

    pub(super) fn fire_timers(&mut self) {
        if self.draining {
            return;
        }
        let now = self.shared.clock.now();
        let mut due = Vec::new();
        for timers in self.timers.values_mut() {
            due.extend(std::iter::from_fn(|| timers.pop_due(now)));
        }
        for timer in due {
            self.fire(timer);
        }
    }

    fn fire(&mut self, timer: PendingTimer) {
        let ident = (timer.key.clone(), timer.execution, timer.id);
        if self.firing.insert(ident) {
            Stats::count(&self.shared.stats.timers_fired);
            let arrival = Arrival::Timer {
                execution: timer.execution,
                timer: timer.id,
            };
            self.arrive(timer.key, arrival);
        }
    }

    pub(super) fn unpause(&mut self) {
        let now = Instant::now();
        while let Some(entry) = self.paused.first_entry()
            && *entry.key() <= now
        {
            for key in entry.remove() {
                if let Some(slot) = self.slots.get_mut(&key) {
                    slot.state = State::Resting;
                    self.rest(&key);
                }
            }
        }
    }

    /// Ends every pause: what was in the way may be gone.
    pub(super) fn cut_pauses(&mut self) {
        let paused = std::mem::take(&mut self.paused).into_values().flatten();
        let paused: Vec<_> = paused.collect();
        if !paused.is_empty() {
            self.paused.insert(Instant::now(), paused);
        }
    }

    pub(super) fn start_work(&mut self) {
        if self.draining {
            return;
        }
        if !self.leases_hold() {
            self.renew_at = self.renew_at.min(Instant::now() + PAUSE_FIRST);
            return;
        }
        while let Some(key) = self.queue.pop() {
            self.start_turn(key);
        }
        while let Some(task) = self.activities.pop() {
            self.start_activity(task);
        }
        self.publish_gauges();
    }

    fn start_turn(&mut self, key: InstanceKey) {
        let Some(lease) = self.lease_of(&key) else {
            self.slots.remove(&key);
            return self.turn_done(&key.app.tenant);
        };
        let failures_max = self.shared.config.failures_max;
        let Some(slot) = self.slots.get_mut(&key) else {
            return self.turn_done(&key.app.tenant);
        };
        slot.state = State::Running;
        slot.epoch = lease.epoch;
        slot.taken = slot.arrivals.iter().map(Taken::from).collect();
        self.parked.pop(&key);
        let give_up = (slot.failures >= failures_max).then(|| {
            let message = format!("its code could not be run {failures_max} times in a row");
            Failure::permanent(failure_kind::POISONED, message)
        });
        let job = Job {
            key: key.clone(),
            lease,
            live: slot.live.take(),
            arrivals: std::mem::take(&mut slot.arrivals),
            read_inbox: std::mem::take(&mut slot.dirty),
            created: slot.created.take(),
            give_up,
        };
        let shared = Arc::clone(&self.shared);
        let of = key.clone();
        let handle = self.running.spawn(async move {
            let finished = Box::new(turn::run(&shared, job).await);
            Done::Turn { key, finished }
        });
        self.doing.insert(handle.id(), Doing::Turn(of));
    }

    pub(super) fn turn_finished(&mut self, key: &InstanceKey, finished: Finished) {
        self.turn_done(&key.app.tenant);
        self.forget_taken(key);
        let epoch = self.lease_of(key).map(|lease| lease.epoch);
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        slot.state = State::Resting;
        if epoch != Some(slot.epoch) {
            // The shard has changed hands meanwhile: what the turn held is of the past.
            slot.live = None;
            slot.dirty = epoch.is_some();
            // Of what it had taken something may have been passed over while that was known.
            self.read_again(Shard::of(key));
            return self.rest(key);
        }
        match finished {
            Finished::Committed(committed) => {
                (slot.failures, slot.retries) = (0, 0);
                self.committed(key, committed);
                self.take_stock(key);
            }
            Finished::Idle { live } => {
                slot.live = live;
                self.take_stock(key);
            }
            Finished::Scheduled(timer) => self.begin_later(key, timer),
            Finished::Gone => self.take_stock(key),
            Finished::Retry { arrivals, cause } => {
                slot.dirty = true;
                let failures = slot.failures;
                match cause {
                    RetryCause::Store(why) => {
                        slot.unsure = true;
                        tracing::warn!(instance = %key, failures, why, "turn failed, tried again");
                    }
                    // Whoever waits for room, or for a worker, does so again and again.
                    RetryCause::Code(TurnError::Busy(why)) => {
                        tracing::debug!(instance = %key, failures, why, "turn not run, tried again");
                    }
                    RetryCause::Code(TurnError::Host(why)) => {
                        slot.failures += 1;
                        tracing::warn!(instance = %key, failures, why, "turn failed, tried again");
                    }
                }
                self.take_back(key, arrivals);
                return self.pause(key);
            }
            Finished::LeaseLost => return self.lease_lost(key),
            Finished::Broken(reason) => return self.broken(reason),
        }
        self.rest(key);
    }

    fn begin_later(&mut self, key: &InstanceKey, timer: NewTimer) {
        if let Some(timers) = self.timers.get_mut(&Shard::of(key)) {
            timers.insert(PendingTimer {
                key: key.clone(),
                execution: timer.execution,
                id: timer.id,
                fire_at: timer.fire_at,
            });
        }
    }

    /// Keeps arrivals for the next turn. They stay known, so that what they came from is not run
    /// again meanwhile.
    fn take_back(&mut self, key: &InstanceKey, arrivals: Vec<Arrival>) {
        for arrival in &arrivals {
            match Taken::from(arrival) {
                Taken::Task(execution, id) => {
                    self.activities_known.insert((key.clone(), execution, id));
                }
                Taken::Timer(execution, id) => {
                    self.firing.insert((key.clone(), execution, id));
                }
            }
        }
        let slot = self.slots.get_mut(key).expect("the caller holds it");
        slot.arrivals.splice(0..0, arrivals);
    }

    /// After turns that were reported as failed by the store, and may have taken effect all the
    /// same: what they created is in the store and not known here. Called once a later turn has
    /// gone through, since by then nothing of the store has run here that still stands there.
    fn take_stock(&mut self, key: &InstanceKey) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        if std::mem::take(&mut slot.unsure) {
            self.read_again(Shard::of(key));
        }
    }

    pub(super) fn turn_panicked(&mut self, key: &InstanceKey) {
        self.turn_done(&key.app.tenant);
        // What the turn had taken still stands in the store.
        self.forget_taken(key);
        self.read_again(Shard::of(key));
        if let Some(slot) = self.slots.get_mut(key) {
            slot.dirty = true;
            slot.failures += 1;
            tracing::warn!(instance = %key, "the turn panicked, tried again");
            self.pause(key);
        }
    }

    /// The turn is over: what it had taken is committed, or stands in the store.
    fn forget_taken(&mut self, key: &InstanceKey) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        for taken in std::mem::take(&mut slot.taken) {
            match taken {
                Taken::Task(execution, id) => {
                    self.activities_known.remove(&(key.clone(), execution, id));
                }
                Taken::Timer(execution, id) => {
                    self.firing.remove(&(key.clone(), execution, id));
                }
            }
        }
    }

    fn committed(&mut self, key: &InstanceKey, committed: Committed) {
        let Some(lease) = self.lease_of(key) else {
            return;
        };
        for task in committed.tasks {
            self.queue_created(PendingTask {
                // Only the store numbers tasks; in memory the order of the queue serves.
                seq: TaskSeq(0),
                key: key.clone(),
                execution: task.execution,
                id: task.id,
                name: task.name,
                input: task.input,
                attempt: task.attempt,
                call: task.call,
                labels: task.labels,
                revision: committed.revision,
            });
        }
        if let Some(timers) = self.timers.get_mut(&lease.shard) {
            for timer in committed.timers {
                timers.insert(PendingTimer {
                    key: key.clone(),
                    execution: timer.execution,
                    id: timer.id,
                    fire_at: timer.fire_at,
                });
            }
            for (execution, id) in committed.canceled_timers {
                timers.remove_fired(key, execution, id);
            }
            if committed.resumed {
                timers.reload();
            }
        }
        if committed.rewound {
            self.read_again(lease.shard);
        }
        let slot = self.slots.get_mut(key).expect("the caller holds it");
        slot.live = committed.live;
        slot.dirty |= committed.more;
    }

    /// Queues an instance that has more to do, parks it, or drops what is held of it.
    fn rest(&mut self, key: &InstanceKey) {
        let Some(slot) = self.slots.get_mut(key) else {
            return;
        };
        if slot.has_work() {
            self.enqueue(key.clone());
        } else if slot.live.is_some() {
            self.parked.put(key.clone(), Instant::now());
            self.evict();
        } else if slot.is_empty() {
            self.slots.remove(key);
        }
    }

    /// Drops executions beyond the limit and those that have waited for long, some at a time.
    pub(super) fn evict(&mut self) {
        let config = &self.shared.config;
        let now = Instant::now();
        for _ in 0..EVICTED_MAX {
            let beyond = self.parked.len() > config.parked_max;
            let Some((_, since)) = self.parked.peek_lru() else {
                return;
            };
            if !beyond && now.duration_since(*since) < config.parked_for {
                return;
            }
            let Some((key, _)) = self.parked.pop_lru() else {
                return;
            };
            if let Some(slot) = self.slots.get_mut(&key) {
                slot.live = None;
                if slot.is_empty() {
                    self.slots.remove(&key);
                }
            }
        }
    }

    /// Tries an instance again after a pause that grows with each failure.
    fn pause(&mut self, key: &InstanceKey) {
        Stats::count(&self.shared.stats.turn_failures);
        let slot: &mut Slot = self.slots.get_mut(key).expect("the caller holds it");
        slot.live = None;
        slot.state = State::Paused;
        let pause = PAUSE_FIRST
            .saturating_mul(1 << slot.retries.min(16))
            .min(PAUSE_MAX);
        slot.retries += 1;
        self.paused
            .entry(Instant::now() + pause)
            .or_default()
            .push(key.clone());
    }
}
