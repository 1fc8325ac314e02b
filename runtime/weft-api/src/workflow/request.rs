//! Request triggers that have fired: which runs they start, and what is kept of those that start none.
//!
//! A run that somebody may wait for is created here. What has items of its own (`splitOn`) or a limit
//! of runs at one time goes to the orchestration that watches the trigger, so that no run is lost or
//! doubled, and so does what starts nothing, for the history of the trigger.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use weft_id::InstanceKey;
use weft_orchestration::Payload;
use weft_workflow::program::Trigger;
use weft_workflow::run::RunStart;
use weft_workflow::trigger::{Entry, Fate, TOO_MANY_RUNS, Told, Verdict, is_watched};
use weft_workflow::value::Value;

use super::id::run_id;
use super::start::{decide, tracking_id};
use super::{Awaited, Context, Refused};
use crate::host::DeployedWorkflow;

/// Until it is known what came of a firing; it is kept long before.
const DECIDED_MAX: Duration = Duration::from_secs(10);
/// Between two looks into the history, for what another node has decided.
const LOOK: Duration = Duration::from_secs(1);

/// What a request starts.
pub(super) enum Started {
    /// A run that is to be created.
    Run(Box<RunStart>),
    /// The run of that id, which whoever watches the trigger starts; with `splitOn` the first.
    Handed(InstanceKey, Option<Awaited<Payload>>),
    /// No run.
    Nothing(Response),
}

/// Whether a trigger is of the type Request.
pub(super) fn is_request(trigger: &Trigger) -> bool {
    trigger.kind.eq_ignore_ascii_case("Request")
}

/// Decides what a request starts. `awaited` tells that somebody waits for a Response: where the run
/// is started elsewhere, the wait begins before anything can start it.
pub(super) async fn start(
    context: &Context,
    deployed: &DeployedWorkflow,
    trigger: &Trigger,
    outputs: Value,
    awaited: bool,
) -> Result<Started, Refused> {
    let fate = decide(context, deployed, trigger, outputs.clone())?;
    let id = run_id(context.api.host.now(), rand::random());
    let told = Told {
        outputs,
        client_tracking_id: tracking_id(context),
        name: Some(id.to_string()),
        awaited,
        verdict: None,
    };
    let verdict = |failed: bool, code: &str, message: &str| Told {
        outputs: Value::Null,
        verdict: Some(Verdict {
            failed,
            code: code.to_owned(),
            message: message.to_owned(),
        }),
        ..told.clone()
    };
    match fate {
        Fate::Runs(starts) if !is_handed_over(trigger) => {
            let start = starts.into_iter().next().unwrap_or_default();
            Ok(Started::Run(Box::new(RunStart { awaited, ..start })))
        }
        Fate::Runs(_) => {
            let key = InstanceKey::new(context.app.clone(), id);
            let responders = context.api.host.responders();
            let waiting = awaited.then(|| responders.wait_for(key.clone()));
            let decision = context.api.host.deciders().wait_for(key.clone());
            tell(context, deployed, trigger, told).await?;
            let entry = decided(context, deployed, trigger, decision, key.id.as_str()).await;
            match entry.filter(|entry| !entry.fired) {
                None => Ok(Started::Handed(key, waiting)),
                Some(entry) => without_run(deployed, &entry),
            }
        }
        Fate::Skipped { code, message } => {
            if is_watched(trigger) {
                tell(context, deployed, trigger, verdict(false, code, &message)).await?;
            }
            Ok(Started::Nothing(skipped(deployed, id.as_str())))
        }
        Fate::Failed { code, message } => {
            if is_watched(trigger) {
                tell(context, deployed, trigger, verdict(true, code, &message)).await?;
            }
            Err(Refused::new(
                StatusCode::BAD_REQUEST,
                code_of(code),
                message,
            ))
        }
    }
}

/// Whether the runs are started by whoever watches the trigger.
fn is_handed_over(trigger: &Trigger) -> bool {
    let stated = |pointer: &str| {
        let found = trigger.definition.pointer(pointer);
        found.is_some_and(|value| !value.is_null())
    };
    stated("/splitOn") || stated("/runtimeConfiguration/concurrency/runs")
}

async fn tell(
    context: &Context,
    deployed: &DeployedWorkflow,
    trigger: &Trigger,
    told: Told,
) -> Result<(), Refused> {
    let workflow = &deployed.settings.workflow;
    let host = &context.api.host;
    Ok(host
        .fire(&context.app, workflow, &trigger.name, told)
        .await?)
}

/// What has come of a firing; `None` where nobody has come to it yet, or where it cannot be told: it
/// is accepted all the same.
async fn decided(
    context: &Context,
    deployed: &DeployedWorkflow,
    trigger: &Trigger,
    mut decision: Awaited<Entry>,
    name: &str,
) -> Option<Entry> {
    let workflow = &deployed.settings.workflow;
    let deadline = tokio::time::Instant::now() + DECIDED_MAX;
    while tokio::time::Instant::now() < deadline {
        if let Ok(entry) = tokio::time::timeout(LOOK, decision.answer()).await {
            return Some(entry);
        }
        let host = &context.api.host;
        let entries = host.trigger_history(&context.app, workflow, &trigger.name);
        let entries = entries.await.unwrap_or_else(|error| {
            tracing::debug!(%error, workflow, "what became of a firing cannot be told now");
            Vec::new()
        });
        let found = entries.into_iter().find(|entry| entry.name == name);
        if found.is_some() {
            return found;
        }
    }
    None
}

fn without_run(deployed: &DeployedWorkflow, entry: &Entry) -> Result<Started, Refused> {
    let message = entry.message.clone().unwrap_or_default();
    if entry.code == TOO_MANY_RUNS {
        let status = StatusCode::TOO_MANY_REQUESTS;
        return Err(Refused::new(status, TOO_MANY_RUNS, message));
    }
    match entry.status.as_str() {
        "Failed" => Err(Refused::new(
            StatusCode::BAD_REQUEST,
            code_of(&entry.code),
            message,
        )),
        _ => Ok(Started::Nothing(skipped(deployed, &entry.name))),
    }
}

/// Codes of refusals are constants.
fn code_of(code: &str) -> &'static str {
    const CODES: [&str; 2] = ["SplitOnLimitExceeded", "TriggerOutputsTooLarge"];
    let mut codes = CODES.into_iter();
    codes.find(|own| *own == code).unwrap_or("InvalidTemplate")
}

/// The caller has done nothing wrong: it is told where the firing is found.
fn skipped(deployed: &DeployedWorkflow, history: &str) -> Response {
    let workflow = &deployed.settings.workflow;
    let mut response = StatusCode::ACCEPTED.into_response();
    for (name, value) in [
        ("x-ms-trigger-history-name", history.to_owned()),
        ("x-ms-workflow-id", workflow.clone()),
        ("x-ms-workflow-name", workflow.clone()),
        ("x-ms-workflow-version", deployed.revision.to_string()),
    ] {
        if let Ok(value) = HeaderValue::try_from(value) {
            let headers = response.headers_mut();
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    response
}
