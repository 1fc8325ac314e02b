//! Runs orchestrators, activities and entities for the worker: as components in the sandbox, and what
//! no component serves in the app's own workers, where it has some.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use weft_api::{RESPOND, Responders};
use weft_app::FunctionKind;
use weft_durabletask::Workers;
use weft_id::Tenant;
use weft_orchestration::{Batch, BatchDone, Failure, Limits, Payload, failure_kind};
use weft_sandbox::{CallError, Sandbox};
use weft_store::{Error, Room, Store, fill_in_within};
use weft_worker::{ActivityCall, EntityBatch, Open, OpenError, Opened, Ran, Runner, TurnError};
use weft_workflow::trigger::WATCH;

use crate::deployments::Deployments;
use crate::triggers::{Triggers, Watching};
use crate::workflows::{Workflows, run_of};

mod connected;
mod execution;
mod foreign;
mod workflow;

pub(crate) use connected::Connected;
use execution::{Parked, transient};
use foreign::{FOREIGN, Foreign, component_revision};
use workflow::{Interpreted, long_bytes};

/// Bytes of long payloads in the history of a run that is taken up again: those that a node with the
/// default limits takes, and more where single payloads may be longer.
pub(crate) fn run_bytes_max(limits: Limits) -> usize {
    limits.payload_bytes_max.saturating_mul(4).max(256 << 20)
}

pub(crate) struct SandboxRunner {
    pub(crate) sandbox: Sandbox,
    pub(crate) deployments: Arc<Deployments>,
    pub(crate) workers: Workers,
    pub(crate) workflows: Arc<Workflows>,
    pub(crate) responders: Responders,
    pub(crate) connected: Connected,
    /// Of whatever is kept apart.
    pub(crate) store: Arc<dyn Store>,
    pub(crate) triggers: Arc<Triggers>,
    /// For long payloads.
    pub(crate) room: Arc<Room>,
}

#[async_trait]
impl Runner for SandboxRunner {
    async fn open(&self, open: Open) -> Result<Opened, OpenError> {
        if open.name == WATCH {
            return Ok(Opened {
                execution: Box::new(Watching::new(
                    open,
                    Arc::clone(&self.workflows),
                    Arc::clone(&self.store),
                    self.triggers.deciders.clone(),
                )),
                revision: None,
            });
        }
        let app = &open.key.app;
        let found = self
            .deployments
            .find(app, open.revision, &open.name, FunctionKind::Orchestrator)
            .await
            // The store does not answer, which is no fault of the code.
            .map_err(|error| OpenError::Transient(TurnError::Busy(error.to_string())))?;
        let Some((revision, mut invocation)) = found else {
            if let Some(workflow) = self.open_workflow(&open).await? {
                return Ok(workflow);
            }
            return match self.has_workers(app).await {
                Ok(true) => Ok(Opened {
                    execution: Box::new(Foreign::new(open, self.workers.clone())),
                    revision: Some(FOREIGN),
                }),
                Ok(false) => Err(OpenError::Permanent(unknown("orchestrator", &open.name))),
                Err(error) => Err(OpenError::Transient(TurnError::Busy(error.to_string()))),
            };
        };
        invocation.instance = Some(open.key.id.clone());
        match self.sandbox.open(invocation, open.into_replay()).await {
            Ok(execution) => Ok(Opened {
                execution: Box::new(Parked(execution)),
                revision: Some(revision),
            }),
            Err(error @ (CallError::NoRole(_) | CallError::NoComponent(_))) => {
                Err(OpenError::Permanent(error.to_failure()))
            }
            Err(error) => Err(OpenError::Transient(transient(error))),
        }
    }

    async fn activity(&self, call: ActivityCall) -> Ran {
        let app = &call.key.app;
        if call.name == RESPOND {
            self.responders.respond(&call.key, call.input);
            return Ran::Ended(Ok(Payload::null()));
        }
        if let Some(answer) = self
            .triggers
            .serve(&call.key, &call.name, &call.input)
            .await
        {
            return Ran::Ended(answer);
        }
        if call.name.starts_with(weft_connector::PREFIX) {
            return Ran::Ended(self.connected.activity(call).await);
        }
        let unavailable =
            |error: Error| Ran::Ended(Err(Failure::transient("unavailable", error.to_string())));
        let revision = component_revision(call.revision);
        let found = self
            .deployments
            .find(app, revision, &call.name, FunctionKind::Activity)
            .await;
        let (_, mut invocation) = match found {
            Ok(Some(found)) => found,
            Ok(None) => {
                return match self.has_workers(app).await {
                    Ok(true) => self.foreign_activity(&call).await,
                    Ok(false) => Ran::Ended(Err(unknown("activity", &call.name))),
                    Err(error) => unavailable(error),
                };
            }
            Err(error) => return unavailable(error),
        };
        invocation.instance = Some(call.key.id.clone());
        let of = weft_sandbox::ActivityCall {
            instance_id: call.key.id.to_string(),
            idempotency_key: call.idempotency_key(),
            attempt: call.attempt,
        };
        let ran = self.sandbox.activity(invocation, call.input, of).await;
        Ran::Ended(match ran {
            Ok(completed) => completed.result,
            Err(error) => Err(error.to_failure()),
        })
    }

    async fn operate(
        &self,
        EntityBatch { key, batch }: EntityBatch,
    ) -> Result<BatchDone, TurnError> {
        let name = batch.entity.name();
        let found = self
            .deployments
            .find(&key.app, None, name, FunctionKind::Entity)
            .await
            .map_err(|error| TurnError::Busy(error.to_string()))?;
        let Some((_, mut invocation)) = found else {
            return match self.has_workers(&key.app).await {
                Ok(true) => self.foreign_operations(&key, &batch).await,
                Ok(false) => Ok(refused(&batch, &unknown("entity", name))),
                Err(error) => Err(TurnError::Busy(error.to_string())),
            };
        };
        invocation.instance = Some(key.id.clone());
        match self.sandbox.operate(invocation, batch.clone()).await {
            Ok(done) => Ok(done),
            Err(error @ (CallError::NoRole(_) | CallError::NoComponent(_))) => {
                Ok(refused(&batch, &error.to_failure()))
            }
            Err(error) => Err(transient(error)),
        }
    }

    fn used(&self, tenant: &Tenant) -> Duration {
        self.sandbox.virtual_time(tenant)
    }
}

impl SandboxRunner {
    /// The run, where the instance is one of a workflow.
    async fn open_workflow(&self, open: &Open) -> Result<Option<Opened>, OpenError> {
        let revision = component_revision(open.revision);
        let found = self
            .workflows
            .find(&open.key.app, revision, &open.name)
            .await
            .map_err(|error| OpenError::Transient(TurnError::Busy(error.to_string())))?;
        let Some(deployed) = found else {
            return Ok(None);
        };
        let deployed = deployed.map_err(OpenError::Permanent)?;
        let (id, mut history) = (open.key.id.clone(), open.history.clone());
        let most = run_bytes_max(open.limits);
        let (tenant, long) = (open.key.app.tenant.clone(), long_bytes(&history));
        let _held = self.room.take(&tenant, long.min(most)).await;
        let filled = fill_in_within(&*self.store, &mut history, most).await;
        filled.map_err(|error| {
            // It is kept, and goes on once longer payloads are let in (`--payload-max`).
            if let Error::TooLarge(why) = &error {
                tracing::warn!(app = %open.key.app, run = %id, "a run is not taken up: {why}");
            }
            OpenError::Transient(TurnError::Busy(error.to_string()))
        })?;
        let run = run_of(&deployed, id, history, open.limits);
        Ok(Some(Opened {
            execution: Box::new(Interpreted {
                run,
                store: Arc::clone(&self.store),
                sandbox: self.sandbox.clone(),
                tenant,
                room: Arc::clone(&self.room),
                long_bytes: long,
            }),
            revision: Some(deployed.revision),
        }))
    }
}

/// An entity that nobody serves fails whatever is asked of it, as an activity does.
fn refused(batch: &Batch, failure: &Failure) -> BatchDone {
    let results = batch.operations.iter().map(|_| Err(failure.clone()));
    BatchDone {
        results: results.collect(),
        state: batch.state.clone(),
        effects: Vec::new(),
    }
}

fn unknown(kind: &str, name: &str) -> Failure {
    Failure::permanent(
        failure_kind::NOT_FOUND,
        format!("the app has no {kind} {name}"),
    )
}
