//! Runs orchestrators and activities for the worker, as components in the sandbox.

use std::sync::Arc;

use async_trait::async_trait;
use weft_app::FunctionKind;
use weft_orchestration::{Batch, BatchDone, Failure, Payload, failure_kind};
use weft_sandbox::{CallError, Sandbox};
use weft_worker::{ActivityCall, EntityBatch, Open, OpenError, Opened, Runner, TurnError};

use crate::deployments::Deployments;

mod execution;

use execution::{Parked, transient};

pub(crate) struct SandboxRunner {
    pub(crate) sandbox: Sandbox,
    pub(crate) deployments: Arc<Deployments>,
}

#[async_trait]
impl Runner for SandboxRunner {
    async fn open(&self, open: Open) -> Result<Opened, OpenError> {
        let app = &open.key.app;
        let found = self
            .deployments
            .find(app, open.revision, &open.name, FunctionKind::Orchestrator)
            .await
            // The store does not answer, which is no fault of the code.
            .map_err(|error| OpenError::Transient(TurnError::Busy(error.to_string())))?;
        let Some((revision, mut invocation)) = found else {
            return Err(OpenError::Permanent(unknown("orchestrator", &open.name)));
        };
        invocation.instance = Some(open.key.id.clone());
        match self.sandbox.open(invocation, open.replay).await {
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

    async fn activity(&self, call: ActivityCall) -> Result<Payload, Failure> {
        let app = &call.key.app;
        let found = self
            .deployments
            .find(app, call.revision, &call.name, FunctionKind::Activity)
            .await
            .map_err(|error| Failure::transient("unavailable", error.to_string()))?;
        let Some((_, mut invocation)) = found else {
            return Err(unknown("activity", &call.name));
        };
        invocation.instance = Some(call.key.id.clone());
        let of = weft_sandbox::ActivityCall {
            instance_id: call.key.id.to_string(),
            idempotency_key: call.idempotency_key(),
            attempt: call.attempt,
        };
        match self.sandbox.activity(invocation, call.input, of).await {
            Ok(completed) => completed.result,
            Err(error) => Err(error.to_failure()),
        }
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
            return Ok(refused(&batch, &unknown("entity", name)));
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
