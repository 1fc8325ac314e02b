//! What runs of workflows ask of the outside world.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use weft_app::{Deployment, FunctionKind, Grants, Reach, Workflow};
use weft_connector::{Components, Connector, Failed, Surroundings};
use weft_id::AppId;
use weft_orchestration::{Failure, Payload, failure_kind};
use weft_sandbox::{Metering, Sandbox};
use weft_store::{Instance, RevisionId, Store, fill_in};
use weft_worker::ActivityCall;
use weft_workflow::trigger::{WATCH, WatchState};

use crate::deployments::Deployments;
use crate::vault::{OfApp, VaultError, Vaults};

/// Carries out the activities of the interpreter.
pub(crate) struct Connected {
    pub(crate) connector: Connector,
    /// Where runs are kept: stateful ones, stateless ones.
    pub(crate) stores: [Arc<dyn Store>; 2],
    pub(crate) deployments: Arc<Deployments>,
    pub(crate) vaults: Arc<Vaults>,
    pub(crate) sandbox: Sandbox,
    pub(crate) metering: Metering,
}

impl Connected {
    /// Only for workflows and their triggers: an orchestrator that calls such a name would reach what its
    /// app's functions are not granted.
    pub(crate) async fn activity(&self, call: ActivityCall) -> Result<Payload, Failure> {
        let unavailable =
            |error: weft_store::Error| Failure::transient("unavailable", error.to_string());
        let app = &call.key.app;
        let mut instance = None;
        for store in &self.stores {
            if instance.is_none() {
                instance = store.instance(&call.key).await.map_err(unavailable)?;
                let filled = fill_in(&**store, &mut instance).await;
                filled.map_err(unavailable)?;
            }
        }
        let found = self.deployments.revision(app, call.revision).await;
        let found = found.map_err(unavailable)?;
        let run_of = |deployment: &Deployment| {
            let (_, workflow) = deployment.workflow(&workflow_of(instance.as_ref()?)?)?;
            Some(workflow.clone())
        };
        let workflow = found
            .as_ref()
            .and_then(|(_, deployment)| run_of(deployment))
            .ok_or_else(|| {
                let name = &call.name;
                let message = format!("{name} is for the actions of workflows");
                Failure::permanent(failure_kind::NOT_FOUND, message)
            })?;
        let of_app = self.vaults.of_app(app).await.map_err(|error| match error {
            VaultError::Store(error) => unavailable(error),
            VaultError::Sealed(why) => Failure::permanent("ConnectionNotConfigured", why),
        })?;
        let components = Arc::new(OfRevision {
            app: app.clone(),
            revision: call.revision,
            instance: call.key.id.to_string(),
            idempotency_key: call.idempotency_key(),
            attempt: call.attempt,
            deployments: Arc::clone(&self.deployments),
            sandbox: self.sandbox.clone(),
        });
        let tenant = self.metering.of(&app.tenant);
        let around = surroundings(&workflow, &of_app, &tenant.grants(), components);
        let input = call.input.text().ok_or_else(|| missing(&call.input))?;
        let connector = self.connector.of_tenant(tenant);
        let done = connector.call(&call.name, input, &around).await;
        done.map(Payload::from).map_err(|failed| Failure {
            retryable: failed.retryable,
            ..Failure::permanent(failed.code, failed.message)
        })
    }
}

/// Only stores keep texts apart; what runs an activity is handed the text.
fn missing(payload: &Payload) -> Failure {
    let message = format!("{payload:?} was handed on without its text");
    Failure::permanent("Internal", message)
}

/// The workflow that an instance is a run of, or watches a trigger of. The code of both is ours.
fn workflow_of(instance: &Instance) -> Option<String> {
    if instance.name == WATCH {
        let state = WatchState::read(instance.input.text()?);
        return state.ok().map(|state| state.workflow);
    }
    Some(instance.name.clone())
}

/// Those of the values whose names are granted.
fn granted(
    values: &Arc<BTreeMap<String, String>>,
    grants: &Grants,
    reach: Reach,
) -> Arc<BTreeMap<String, String>> {
    if values.keys().all(|name| grants.allows(reach, name)) {
        return Arc::clone(values);
    }
    let granted = values.iter().filter(|(name, _)| grants.allows(reach, name));
    Arc::new(
        granted
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect(),
    )
}

/// The workflow's own settings come before the app's secrets. What the tenant is not granted is as
/// if it were not there.
fn surroundings(
    workflow: &Workflow,
    of_app: &OfApp,
    grants: &Grants,
    components: Arc<dyn Components>,
) -> Surroundings {
    let parts = workflow.parts();
    let secrets = granted(&of_app.secrets, grants, Reach::Secret);
    let settings = match parts.app_settings.is_empty() {
        true => secrets,
        false => {
            let mut all: BTreeMap<_, _> = secrets.as_ref().clone();
            all.extend(parts.app_settings);
            Arc::new(all)
        }
    };
    Surroundings {
        settings,
        connections: granted(&of_app.connections, grants, Reach::Connection),
        workflow_connections: parts.connections.map(Arc::from),
        workflow_parameters: parts.parameters.map(Arc::from),
        artifacts: Arc::new(parts.artifacts),
        components,
    }
}

/// The functions of the revision that a run is pinned to.
struct OfRevision {
    app: AppId,
    revision: Option<RevisionId>,
    instance: String,
    idempotency_key: String,
    attempt: u32,
    deployments: Arc<Deployments>,
    sandbox: Sandbox,
}

#[async_trait]
impl Components for OfRevision {
    async fn call(&self, activity: &str, input: String) -> Result<String, Failed> {
        let failed = |code, message, retryable| Failed {
            code,
            message,
            retryable,
        };
        let found = self
            .deployments
            .find(&self.app, self.revision, activity, FunctionKind::Activity)
            .await
            .map_err(|error| failed("ServiceUnavailable", error.to_string(), true))?;
        let (_, invocation) = found.ok_or_else(|| {
            let message = format!("the app has no activity {activity}");
            failed("ConnectionNotConfigured", message, false)
        })?;
        let of = weft_sandbox::ActivityCall {
            instance_id: self.instance.clone(),
            idempotency_key: self.idempotency_key.clone(),
            attempt: self.attempt,
        };
        let ran = self.sandbox.activity(invocation, input.into(), of).await;
        let result = match ran {
            Ok(completed) => completed.result,
            Err(error) => Err(error.to_failure()),
        };
        result
            .and_then(|output| match output.text() {
                Some(text) => Ok(text.to_owned()),
                None => Err(missing(&output)),
            })
            .map_err(|failure| failed("ActionFailed", failure.message, failure.retryable))
    }
}
