//! Connected workers and the work that they do.
//!
//! Work waits in its app's queue until a stream that takes it has room, and is handed out with a
//! token. An answer is taken once: the token is spent with it, and one that is not known (any more)
//! is ignored. When a stream closes, what it held goes back to the front of the queue. Whoever asked
//! for the work and gives up waiting takes it out. Nothing here is kept: what is lost with the process
//! is asked for again by those who have it on disk.

mod queue;
mod stream;

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot, watch};
use weft_id::{AppId, ExecutionId, InstanceId, InstanceKey};
use weft_orchestration::{
    Batch, BatchDone, Carries, Decision, Event, Failure, Labels, Payload, Start, failure_kind,
};
use weft_store::{Error, Store, fill_in_within};

use crate::convert::action::to_decisions;
use crate::convert::entity::{of_batch, to_done};
use crate::convert::failure::to_failure;
use crate::convert::history::{Reader, Recorder};
use crate::convert::labels::of_labels;
use crate::convert::{of_payload, to_payload};
use crate::proto::{self, work_item::Request};
use queue::{JobId, Queues};

pub(crate) use queue::{Answer, Handed};
pub(crate) use stream::WorkStream;

/// Where it is kept that an app has workers: nobody else names a bucket so.
const MARK: (&str, &str) = ("weft:durable-task", "workers");
/// What was given up by a worker is not handed out again for so long, and for twice as long each
/// further time up to a bound.
const ABANDONED_FOR: Duration = Duration::from_millis(250);
const ABANDONED_FOR_MAX: Duration = Duration::from_secs(8);
/// Bytes of long payloads in the history, and in the news, that a worker is sent for a turn.
const TURN_BYTES_MAX: usize = 256 << 20;

/// What a piece of work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    Orchestration,
    Activity,
    Entity,
}

/// No connected worker takes work of that kind and name now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no worker that serves it is connected")]
pub struct Unserved;

/// A turn of an orchestration.
#[derive(Debug)]
pub struct Orchestration<'a> {
    pub key: &'a InstanceKey,
    pub start: &'a Start,
    pub past: &'a [Event],
    pub news: &'a [Event],
}

/// What a worker has decided in a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    pub decisions: Vec<Decision>,
    pub custom_status: Option<Payload>,
}

/// One attempt at an activity.
#[derive(Debug)]
pub struct ActivityWork<'a> {
    pub app: &'a AppId,
    pub instance: &'a InstanceId,
    pub execution: ExecutionId,
    /// The number of the task.
    pub task: u32,
    pub name: &'a str,
    pub input: &'a Payload,
    pub labels: Option<&'a Labels>,
}

/// The workers of all apps. Cheap to clone.
#[derive(Clone)]
pub struct Workers {
    queues: Arc<Mutex<Queues>>,
    store: Arc<dyn Store>,
    /// Apps that are known to have workers, connected or not.
    marked: Arc<Mutex<HashSet<AppId>>>,
    connected: Arc<Notify>,
    closed: Arc<watch::Sender<bool>>,
}

impl Workers {
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self {
            queues: Arc::default(),
            store,
            marked: Arc::default(),
            connected: Arc::new(Notify::new()),
            closed: Arc::new(watch::Sender::new(false)),
        }
    }

    /// Completes when a worker has connected since the last call.
    pub async fn connected(&self) {
        self.connected.notified().await;
    }

    /// Ends all streams and long waits, for a node that shuts down.
    pub fn close(&self) {
        self.closed.send_replace(true);
        self.queues().close();
    }

    /// Completes when [`Self::close`] was called.
    pub(crate) async fn closed(&self) {
        let mut closed = self.closed.subscribe();
        // The sender is not dropped while this is borrowed.
        let _ = closed.wait_for(|closed| *closed).await;
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn marked(&self) -> MutexGuard<'_, HashSet<AppId>> {
        self.marked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that code of the app runs in workers, so that what no component serves waits for one
    /// from now on, also after a restart.
    ///
    /// # Errors
    /// The store's.
    pub async fn mark(&self, app: &AppId) -> Result<(), Error> {
        if self.marked().contains(app) {
            return Ok(());
        }
        self.store.kv_set(app, MARK.0, MARK.1, b"1").await?;
        self.marked().insert(app.clone());
        Ok(())
    }

    /// Whether workers have ever served the app.
    ///
    /// # Errors
    /// The store's.
    pub async fn has(&self, app: &AppId) -> Result<bool, Error> {
        if self.marked().contains(app) {
            return Ok(true);
        }
        let found = self.store.kv_get(app, MARK.0, MARK.1).await?;
        if found.is_some() {
            self.marked().insert(app.clone());
        }
        Ok(found.is_some())
    }

    /// Whether a connected worker takes such work now.
    #[must_use]
    pub fn serve(&self, app: &AppId, kind: Kind, name: &str, version: Option<&str>) -> bool {
        self.queues().is_served(app, kind, name, version)
    }

    /// The names of activities of an instance that wait for a worker to connect.
    #[must_use]
    pub fn unserved(&self, key: &InstanceKey) -> Vec<String> {
        self.queues().unserved(&key.app, key.id.as_str())
    }

    /// Has a turn run.
    ///
    /// # Errors
    /// [`Unserved`] where nobody takes it now. What a worker answers that has no meaning is a
    /// failure, within.
    pub async fn orchestrate(
        &self,
        turn: Orchestration<'_>,
    ) -> Result<Result<Decided, Failure>, Unserved> {
        let Orchestration {
            key,
            start,
            past,
            news,
        } = turn;
        let version = start.version.as_deref();
        if !self.serve(&key.app, Kind::Orchestration, &start.name, version) {
            return Err(Unserved);
        }
        let filled = async { Ok((self.filled(past).await?, self.filled(news).await?)) };
        let (past, news) = match filled.await {
            Ok(both) => both,
            Err(Error::TooLarge(why)) => {
                return Ok(Err(Failure::permanent(failure_kind::LIMIT, why)));
            }
            Err(_) => return Err(Unserved),
        };
        let mut recorder = Recorder::new(key.id.clone());
        let request = proto::OrchestratorRequest {
            instance_id: key.id.to_string(),
            execution_id: Some(start.execution.to_string()),
            past_events: recorder.record(&past, Reader::Past),
            new_events: recorder.record(&news, Reader::News),
            entity_parameters: Some(proto::OrchestratorEntityParameters {
                entity_message_reorder_window: None,
            }),
            ..Default::default()
        };
        let work = Handed {
            kind: Kind::Orchestration,
            name: start.name.clone(),
            version: start.version.clone(),
            fallback: key.id.to_string(),
            request: Request::OrchestratorRequest(request),
        };
        let Answer::Orchestration(answer) = self.run_while_open(&key.app, work).await? else {
            return Ok(Err(wrong_answer()));
        };
        Ok(match to_decisions(answer.actions) {
            Ok(decisions) => Ok(Decided {
                decisions,
                custom_status: answer.custom_status.map(|text| to_payload(Some(text))),
            }),
            Err(malformed) => Err(Failure::permanent("worker-answer", malformed.0)),
        })
    }

    /// Runs an activity once, as soon as a worker takes it. A failure is its result.
    ///
    /// # Errors
    /// [`Unserved`] where the node closes before there is a result.
    pub async fn activity(
        &self,
        work: ActivityWork<'_>,
    ) -> Result<Result<Payload, Failure>, Unserved> {
        let task = i32::try_from(work.task).unwrap_or(i32::MAX);
        let labels = of_labels(work.labels);
        let request = proto::ActivityRequest {
            name: work.name.to_owned(),
            version: labels.version.clone(),
            input: of_payload(work.input),
            orchestration_instance: Some(proto::OrchestrationInstance {
                instance_id: work.instance.to_string(),
                execution_id: Some(work.execution.to_string()),
            }),
            task_id: task,
            parent_trace_context: labels.trace,
            tags: labels.tags,
        };
        let handed = Handed {
            kind: Kind::Activity,
            name: work.name.to_owned(),
            version: labels.version,
            fallback: activity_key(&work.instance.to_string(), task),
            request: Request::ActivityRequest(request),
        };
        Ok(match self.run_while_open(work.app, handed).await? {
            Answer::Activity(answer) => match answer.failure_details {
                None => Ok(to_payload(answer.result)),
                details => Err(to_failure(details)),
            },
            Answer::Orchestration(_) | Answer::Entity(_) => Err(wrong_answer()),
        })
    }

    /// Runs operations of an entity.
    ///
    /// # Errors
    /// [`Unserved`] where nobody takes them now.
    pub async fn operate(&self, key: &InstanceKey, batch: &Batch) -> Result<BatchDone, Unserved> {
        let name = batch.entity.name();
        if !self.serve(&key.app, Kind::Entity, name, None) {
            return Err(Unserved);
        }
        let work = Handed {
            kind: Kind::Entity,
            name: name.to_owned(),
            version: None,
            fallback: key.id.to_string(),
            request: Request::EntityRequestV2(of_batch(key, batch)),
        };
        match self.run_while_open(&key.app, work).await? {
            Answer::Entity(answer) => Ok(to_done(batch, answer)),
            Answer::Orchestration(_) | Answer::Activity(_) => Err(Unserved),
        }
    }

    /// Events with the texts of their payloads.
    async fn filled<'e>(&self, events: &'e [Event]) -> Result<Cow<'e, [Event]>, Error> {
        if events.all_kept().is_empty() {
            return Ok(events.into());
        }
        let mut events = events.to_vec();
        fill_in_within(&*self.store, &mut events, TURN_BYTES_MAX).await?;
        Ok(events.into())
    }

    async fn run(&self, app: &AppId, work: Handed) -> Answer {
        let (answer, answered) = oneshot::channel();
        let job = self.queues().push(app, work, answer);
        // Taken out when this future is dropped, or was answered.
        let _guard = Guard {
            workers: self,
            app,
            job,
        };
        answered
            .await
            .expect("a piece of work is kept until it is answered or taken out")
    }

    /// The same until the node closes, when it is as if the work had not begun.
    async fn run_while_open(&self, app: &AppId, work: Handed) -> Result<Answer, Unserved> {
        tokio::select! {
            answer = self.run(app, work) => Ok(answer),
            () = self.closed() => Err(Unserved),
        }
    }

    /// A new stream of work for a worker.
    pub(crate) fn connect(&self, app: AppId, asked: &proto::GetWorkItemsRequest) -> WorkStream {
        let (sender, items) = stream::channel(asked);
        let id = self.queues().connect(&app, sender);
        self.connected.notify_one();
        WorkStream::new(self.clone(), app, id, items)
    }

    fn disconnect(&self, app: &AppId, stream: u64) {
        self.queues().disconnect(app, stream);
    }

    /// Takes an answer; one that nobody waits for is ignored. `fallback` finds the work of SDKs that
    /// send no token.
    pub(crate) fn answer(&self, app: &AppId, token: &str, fallback: &str, answer: Answer) {
        self.queues().answer(app, token, fallback, answer);
    }

    /// Hands work out again, a little later.
    pub(crate) fn abandon(&self, app: &AppId, token: &str) {
        let Some((job, times)) = self.queues().abandon(app, token) else {
            return;
        };
        let doubled = u32::try_from(times.saturating_sub(1)).unwrap_or(u32::MAX);
        let factor = 2_u32.saturating_pow(doubled);
        let pause = ABANDONED_FOR.saturating_mul(factor).min(ABANDONED_FOR_MAX);
        let (workers, app) = (self.clone(), app.clone());
        tokio::spawn(async move {
            tokio::time::sleep(pause).await;
            workers.queues().resume(&app, job);
        });
    }
}

impl std::fmt::Debug for Workers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Workers").finish_non_exhaustive()
    }
}

/// By which an activity is found that has no token.
pub(crate) fn activity_key(instance: &str, task: i32) -> String {
    format!("{instance}/{task}")
}

fn wrong_answer() -> Failure {
    Failure::permanent("worker-answer", "the worker answered something else")
}

struct Guard<'a> {
    workers: &'a Workers,
    app: &'a AppId,
    job: JobId,
}

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        self.workers.queues().remove(self.app, self.job);
    }
}

#[cfg(test)]
mod tests {
    use weft_orchestration::{EventKind, Kept, Timestamp};
    use weft_store::MemoryStore;

    use super::*;

    #[tokio::test]
    async fn a_turn_with_too_long_a_history_fails_by_name() {
        let workers = Workers::new(Arc::new(MemoryStore::new()));
        let app = AppId::default();
        let asked = proto::GetWorkItemsRequest::default();
        let _stream = workers.connect(app.clone(), &asked);
        let key = InstanceKey::new(app, "a".parse().unwrap());
        let start = Start::new(ExecutionId::from_u128(1), "flow", Payload::null());
        // It is not there: it is refused before anything is read.
        let output = Payload::from(Kept {
            sha256: [7; 32],
            bytes: TURN_BYTES_MAX + 1,
        });
        let completed = Event {
            at: Timestamp::default(),
            kind: EventKind::TaskCompleted { task: 1, output },
        };
        let turn = Orchestration {
            key: &key,
            start: &start,
            past: &[completed],
            news: &[],
        };
        let failure = workers.orchestrate(turn).await.unwrap().unwrap_err();
        assert_eq!(failure.kind, failure_kind::LIMIT);
    }
}
