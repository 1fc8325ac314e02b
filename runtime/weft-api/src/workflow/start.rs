//! Starting runs.

use http::StatusCode;
use weft_id::InstanceKey;
use weft_orchestration::{Payload, Start, Timestamp};
use weft_store::{IdReuse, NewInstance};
use weft_workflow::program::Trigger;
use weft_workflow::run::{Kept, RunStart};
use weft_workflow::trigger::{Fate, Fired, Firing};
use weft_workflow::value::Value;

use super::id::run_id;
use super::{Context, Refused};
use crate::host::DeployedWorkflow;
use crate::start::{random_execution, trace_parent};

/// A run to be created.
pub(super) struct NewRun {
    pub(super) key: InstanceKey,
    pub(super) client_tracking_id: String,
    start: Start,
    now: Timestamp,
}

/// What a trigger that has fired starts; nothing is created yet.
pub(super) fn decide(
    context: &Context,
    deployed: &DeployedWorkflow,
    trigger: &Trigger,
    outputs: Value,
) -> Result<Fate, Refused> {
    let firing = Firing::of(trigger).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        Refused::new(
            StatusCode::BAD_REQUEST,
            "InvalidTemplate",
            faults.join("; "),
        )
    })?;
    let millis = i64::try_from(context.api.host.now().as_millis()).unwrap_or(i64::MAX);
    let fired = Fired {
        inputs: trigger.definition.get("inputs").cloned(),
        outputs,
        client_tracking_id: tracking_id(context),
        base_url: context.links.base_url.clone(),
        scheduled: None,
        now: jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX),
        seed: rand::random(),
    };
    Ok(firing.fire(&deployed.program, &deployed.settings, &fired))
}

/// What the caller wants the run to be found by.
pub(super) fn tracking_id(context: &Context) -> Option<String> {
    let header = context.headers.get("x-ms-client-tracking-id")?;
    header.to_str().ok().map(str::to_owned)
}

/// A run of what has fired; nothing is created yet.
pub(super) fn prepare(context: &Context, deployed: &DeployedWorkflow, start: RunStart) -> NewRun {
    let now = context.api.host.now();
    let id = run_id(now, rand::random());
    let client_tracking_id = start.client_tracking_id.clone();
    let client_tracking_id = client_tracking_id.unwrap_or_else(|| id.to_string());
    let mut trigger = start.trigger.as_object().cloned().unwrap_or_default();
    for (member, text) in [
        ("trackingId", uuid_of(rand::random())),
        ("clientTrackingId", client_tracking_id.clone()),
        ("originHistoryName", id.to_string()),
    ] {
        trigger.insert(member, Value::from(text));
    }
    let start = RunStart {
        trigger: Value::Object(trigger),
        client_tracking_id: Some(client_tracking_id.clone()),
        ..start
    };
    new_run(context, deployed, id, &start, now, client_tracking_id)
}

/// A run that repeats an earlier one, from `kept` on where that is given.
pub(super) fn prepare_again(
    context: &Context,
    deployed: &DeployedWorkflow,
    earlier: &str,
    kept: Option<Kept>,
) -> Result<NewRun, Refused> {
    let now = context.api.host.now();
    let id = run_id(now, rand::random());
    let start = RunStart::read(earlier).map_err(crate::Problem::internal)?;
    let client_tracking_id = start.client_tracking_id.clone();
    let client_tracking_id = client_tracking_id.unwrap_or_else(|| id.to_string());
    let start = RunStart {
        base_url: context.links.base_url.clone(),
        awaited: false,
        respond_to: None,
        kept,
        ..start
    };
    Ok(new_run(
        context,
        deployed,
        id,
        &start,
        now,
        client_tracking_id,
    ))
}

fn new_run(
    context: &Context,
    deployed: &DeployedWorkflow,
    id: weft_id::InstanceId,
    start: &RunStart,
    now: Timestamp,
    client_tracking_id: String,
) -> NewRun {
    let input = Payload::from(start.to_value().to_string());
    NewRun {
        key: InstanceKey::new(context.app.clone(), id),
        client_tracking_id,
        start: Start {
            trace_parent: trace_parent(&context.headers),
            ..Start::new(
                random_execution(),
                deployed.settings.workflow.clone(),
                input,
            )
        },
        now,
    }
}

/// Creates the run; when this returns, it is durable, or in memory for a stateless workflow.
pub(super) async fn create(
    context: &Context,
    deployed: &DeployedWorkflow,
    run: NewRun,
) -> Result<(), Refused> {
    let new = NewInstance {
        key: run.key,
        start: run.start,
        reuse: IdReuse::never(),
        now: run.now,
    };
    context.api.store_for(deployed).create(new).await?;
    Ok(())
}

fn uuid_of(random: u128) -> String {
    let hex = format!("{random:032x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
