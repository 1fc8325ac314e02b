//! Code that runs in workers of the app's own, which connect over gRPC.

use async_trait::async_trait;
use weft_durabletask::{ActivityWork, Orchestration, Unserved, Workers};
use weft_id::{AppId, InstanceKey};
use weft_orchestration::{Batch, BatchDone, External, Failure, Message, Next, Timestamp, Turn};
use weft_store::{Error, RevisionId};
use weft_worker::{ActivityCall, Execution, Open, Ran, TurnError};

use super::SandboxRunner;

/// What an instance is pinned to whose code runs in workers: no deployment has this number, so that
/// a component of the same name that is deployed later does not take it over in the middle.
pub(super) const FOREIGN: RevisionId = RevisionId(0);

/// The revision in which components are looked for.
pub(super) fn component_revision(pinned: Option<RevisionId>) -> Option<RevisionId> {
    pinned.filter(|revision| *revision != FOREIGN)
}

impl SandboxRunner {
    pub(super) async fn has_workers(&self, app: &AppId) -> Result<bool, Error> {
        self.workers.has(app).await
    }

    /// Waits for a worker that takes it.
    pub(super) async fn foreign_activity(&self, call: &ActivityCall) -> Ran {
        let work = ActivityWork {
            app: &call.key.app,
            instance: &call.key.id,
            execution: call.execution,
            task: call.call,
            name: &call.name,
            input: &call.input,
            labels: call.labels.as_deref(),
        };
        match self.workers.activity(work).await {
            Ok(result) => Ran::Ended(result),
            Err(Unserved) => Ran::GivenBack,
        }
    }

    pub(super) async fn foreign_operations(
        &self,
        key: &InstanceKey,
        batch: &Batch,
    ) -> Result<BatchDone, TurnError> {
        let done = self.workers.operate(key, batch).await;
        done.map_err(|unserved| TurnError::Busy(unserved.to_string()))
    }
}

/// An orchestration between turns. Its worker replays the whole history in each.
pub(super) struct Foreign {
    key: InstanceKey,
    external: External,
    workers: Workers,
}

impl Foreign {
    pub(super) fn new(open: Open, workers: Workers) -> Self {
        let external = External::new(open.key.id.clone(), open.history, open.limits);
        Self {
            key: open.key,
            external,
            workers,
        }
    }

    async fn run(&mut self) -> Result<(), TurnError> {
        let Some(start) = self.external.start().cloned() else {
            let failure = Failure::permanent("internal", "the history has no start");
            self.external.fail(failure);
            return Ok(());
        };
        let news = self.external.news();
        let turn = Orchestration {
            key: &self.key,
            start: &start,
            past: self.external.past(),
            news: &news,
        };
        let decided = self.workers.orchestrate(turn).await;
        let decided = decided.map_err(|unserved| TurnError::Busy(unserved.to_string()))?;
        let taken = decided.and_then(|decided| {
            if let Some(status) = decided.custom_status {
                self.external.set_custom_status(status);
            }
            self.external.decide(decided.decisions)
        });
        if let Err(failure) = taken {
            self.external.fail(failure);
        }
        Ok(())
    }
}

#[async_trait]
impl Execution for Foreign {
    async fn turn(&mut self, messages: Vec<Message>, now: Timestamp) -> Result<Turn, TurnError> {
        match self.external.deliver(messages, now) {
            Next::Run => self.run().await?,
            Next::Stop => {}
        }
        Ok(self.external.take_turn())
    }
}
