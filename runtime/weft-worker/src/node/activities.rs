//! Activities: which wait here, starting them, and taking their results.

use std::sync::Arc;
use std::time::Duration;

use weft_orchestration::{Failure, Limits, Payload, failure_kind};
use weft_store::{Error, Held, PendingTask, Shard, Store, TaskSeq, with_text};

use super::{Doing, Done, Loop};
use crate::turn::Arrival;
use crate::{ActivityCall, Ran, Stats};

impl Loop {
    /// Queues an activity that a commit has just created, or leaves it to the store.
    pub(super) fn queue_created(&mut self, task: PendingTask) {
        let (shard, tenant) = (Shard::of(&task.key), &task.key.app.tenant);
        // Behind those of its tenant that wait in the store already, which come before it.
        if !self.overflow.has(tenant, shard) {
            self.queue_activity(task, shard, None);
        }
    }

    /// Queues an activity that was read from the store, or leaves it there.
    pub(super) fn queue_stored(&mut self, task: PendingTask) {
        let (shard, before) = (Shard::of(&task.key), TaskSeq(task.seq.0 - 1));
        self.queue_activity(task, shard, Some(before));
    }

    /// `behind` is a place of the store behind which it stands.
    fn queue_activity(&mut self, task: PendingTask, shard: Shard, behind: Option<TaskSeq>) {
        if !self.leases.contains_key(&shard) {
            return;
        }
        let ident = (task.key.clone(), task.execution, task.id);
        if self.activities_known.contains(&ident) {
            return;
        }
        let tenant = task.key.app.tenant.clone();
        if self.activities.has_room(&tenant) {
            self.activities_known.insert(ident);
            let used = self.used(&tenant);
            self.activities.push(&tenant, task, used);
        } else {
            self.overflow.pass_over(&tenant, shard, behind);
        }
    }

    pub(super) fn start_activity(&mut self, task: PendingTask) {
        let shared = Arc::clone(&self.shared);
        let of = Box::new(task.clone());
        let handle = self.running.spawn(async move {
            Stats::count(&shared.stats.activities);
            let (room, tenant) = (&shared.config.room, &task.key.app.tenant);
            let reads = room.take(tenant, task.input.len()).await;
            let ran = match input(&*shared.store, &task).await {
                Ok(input) => {
                    let call = ActivityCall {
                        key: task.key.clone(),
                        execution: task.execution,
                        name: task.name.clone(),
                        input,
                        attempt: task.attempt,
                        call: task.call,
                        labels: task.labels.clone(),
                        revision: task.revision,
                    };
                    match shared.runner.activity(call).await {
                        Ran::Ended(result) => Ran::Ended(bounded(result, &shared.config.limits)),
                        Ran::GivenBack => Ran::GivenBack,
                    }
                }
                Err(failure) => Ran::Ended(Err(failure)),
            };
            drop(reads);
            let made = match &ran {
                Ran::Ended(Ok(output)) => output.len(),
                Ran::Ended(Err(_)) | Ran::GivenBack => 0,
            };
            let held = Arc::new(room.add(tenant, made));
            let task = Box::new(task);
            Done::Activity { task, ran, held }
        });
        self.doing.insert(handle.id(), Doing::Activity(of));
    }

    pub(super) fn activity_finished(&mut self, task: PendingTask, ran: Ran, held: Arc<Held>) {
        let tenant = &task.key.app.tenant;
        self.activities
            .done(tenant, self.shared.runner.used(tenant));
        let PendingTask {
            key, execution, id, ..
        } = task;
        let result = match ran {
            Ran::Ended(result) if self.lease_of(&key).is_some() => result,
            // Whoever has the shard runs it.
            Ran::Ended(_) | Ran::GivenBack => {
                self.activities_known.remove(&(key, execution, id));
                return;
            }
        };
        let arrival = Arrival::Task {
            execution,
            task: id,
            result,
            held,
        };
        self.arrive(key, arrival);
    }

    pub(super) fn activity_panicked(&mut self, task: PendingTask) {
        let message = format!("the host failed while it ran activity \"{}\"", task.name);
        let failure = Failure::transient(failure_kind::HOST, message);
        self.activity_finished(task, Ran::Ended(Err(failure)), Arc::default());
    }
}

/// How long a store that does not answer is asked again, and how often.
const INPUT_PAUSE: Duration = Duration::from_millis(250);
const INPUT_TRIES: u32 = 40;

/// The input as text.
async fn input(store: &dyn Store, task: &PendingTask) -> Result<Payload, Failure> {
    let mut tries = 0;
    loop {
        match with_text(store, &task.input).await {
            Ok(input) => return Ok(input),
            // Nobody waits for the result of an instance that is gone.
            Err(error @ (Error::NotFound | Error::Broken { .. })) => {
                return Err(Failure::transient(failure_kind::HOST, error.to_string()));
            }
            Err(error) if tries == INPUT_TRIES => {
                let text = format!("the input cannot be read: {error}");
                return Err(Failure::transient(failure_kind::HOST, text));
            }
            Err(_) => {
                tries += 1;
                tokio::time::sleep(INPUT_PAUSE).await;
            }
        }
    }
}

/// The result, unless it is longer than what a history takes.
fn bounded(result: Result<Payload, Failure>, limits: &Limits) -> Result<Payload, Failure> {
    let (what, found, max) = match &result {
        Ok(output) => ("output", output.len(), limits.payload_bytes_max),
        Err(failure) => ("failure", failure.bytes(), limits.failure_bytes_max),
    };
    if found <= max {
        return result;
    }
    let text = format!("the {what}'s length in bytes is limited to {max}, it is {found}");
    Err(Failure::permanent(failure_kind::LIMIT, text))
}
