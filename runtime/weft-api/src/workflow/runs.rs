//! Finding workflows, triggers and runs, and reading what became of a run.

use std::sync::Arc;

use weft_id::InstanceKey;
use weft_orchestration::Limits;
use weft_store::{Instance, fill_in, fill_in_within};
use weft_workflow::program::Trigger;
use weft_workflow::run::{Run, RunView};

use super::{Context, Refused};
use crate::host::DeployedWorkflow;

/// Bytes of payloads in a run that is looked at.
const RUN_BYTES_MAX: usize = 256 << 20;

/// A workflow of the active revision.
pub(super) async fn workflow(
    context: &Context,
    name: &str,
) -> Result<Arc<DeployedWorkflow>, Refused> {
    of_revision(context, name, None).await
}

async fn of_revision(
    context: &Context,
    name: &str,
    revision: Option<weft_store::RevisionId>,
) -> Result<Arc<DeployedWorkflow>, Refused> {
    let found = context
        .api
        .host
        .workflow(&context.app, revision, name)
        .await?;
    let found =
        found.ok_or_else(|| Refused::absent("WorkflowNotFound", format!("workflow {name}")))?;
    found.map_err(|failure| {
        Refused::new(
            http::StatusCode::BAD_REQUEST,
            "InvalidWorkflow",
            failure.message,
        )
    })
}

/// # Errors
/// None of the workflow's triggers fires now.
pub(super) fn require_enabled(deployed: &DeployedWorkflow) -> Result<(), Refused> {
    if !deployed.is_disabled() {
        return Ok(());
    }
    let message = format!("The workflow '{}' is disabled.", deployed.settings.workflow);
    Err(Refused::new(
        http::StatusCode::BAD_REQUEST,
        "WorkflowTriggerIsNotEnabled",
        message,
    ))
}

pub(super) fn trigger<'a>(
    deployed: &'a DeployedWorkflow,
    name: &str,
) -> Result<&'a Trigger, Refused> {
    let mut triggers = deployed.program.triggers().iter();
    let found = triggers.find(|trigger| trigger.name.eq_ignore_ascii_case(name));
    found.ok_or_else(|| {
        let workflow = &deployed.settings.workflow;
        let what = format!("trigger {name} of the workflow {workflow}");
        Refused::absent("WorkflowTriggerNotFound", what)
    })
}

/// A run with the workflow as the run has it.
pub(super) async fn instance(
    context: &Context,
    name: &str,
    run: &str,
) -> Result<(Arc<DeployedWorkflow>, Instance), Refused> {
    let absent = || {
        Refused::absent(
            "WorkflowRunNotFound",
            format!("run {run} of the workflow {name}"),
        )
    };
    let active = workflow(context, name).await;
    let id = run.parse().map_err(|_| absent())?;
    let key = InstanceKey::new(context.app.clone(), id);
    let store = context.api.store_of(&key).await?;
    let stored = store.instance(&key).await?;
    let Some(mut instance) = stored else {
        // An unknown workflow comes before an unknown run.
        active?;
        return Err(absent());
    };
    if !instance.name.eq_ignore_ascii_case(name) {
        active?;
        return Err(absent());
    }
    fill_in(&**store, &mut instance).await?;
    let deployed = match (instance.revision, active) {
        (Some(revision), Ok(active)) if active.revision == revision => active,
        (Some(revision), _) => of_revision(context, name, Some(revision)).await?,
        (None, active) => active?,
    };
    Ok((deployed, instance))
}

/// A run as its history leaves it.
pub(super) async fn over(
    context: &Context,
    deployed: &DeployedWorkflow,
    instance: &Instance,
) -> Result<Run, Refused> {
    let store = context.api.store_of(&instance.key).await?;
    let mut recorded = store.history(&instance.key, 0, u64::MAX).await?;
    fill_in_within(&**store, &mut recorded, RUN_BYTES_MAX).await?;
    Ok(Run::over(
        Arc::clone(&deployed.program),
        Arc::clone(&deployed.settings),
        instance.key.id.clone(),
        recorded.events,
        Limits::default(),
    ))
}

/// What the run history shows of it.
pub(super) fn view(run: &Run, instance: &Instance) -> RunView {
    let outcome = instance.outcome.as_ref();
    let mut view = run.view(outcome.map(|outcome| (outcome, instance.updated_at)));
    if instance.turns == 0 {
        view.started = instance.created_at;
    }
    view
}
