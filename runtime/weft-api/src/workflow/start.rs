//! Starting runs.

use weft_id::InstanceKey;
use weft_orchestration::{Payload, Start, Timestamp};
use weft_store::{IdReuse, NewInstance};
use weft_workflow::expression::{Budget, Template};
use weft_workflow::program::Trigger;
use weft_workflow::run::{Kept, RunStart};
use weft_workflow::value::{Object, Value};

use super::id::run_id;
use super::{Context, Refused};
use crate::host::DeployedWorkflow;
use crate::start::{random_execution, trace_parent};
use crate::time::precise;

/// A trigger that has fired.
pub(super) struct Fired<'a> {
    pub(super) trigger: &'a Trigger,
    pub(super) outputs: Value,
    /// Whether a caller waits for a Response.
    pub(super) awaited: bool,
    pub(super) client_tracking_id: Option<String>,
}

/// A run to be created.
pub(super) struct NewRun {
    pub(super) key: InstanceKey,
    pub(super) client_tracking_id: String,
    start: Start,
    now: Timestamp,
}

/// A run of what has fired; nothing is created yet.
pub(super) fn prepare(
    context: &Context,
    deployed: &DeployedWorkflow,
    fired: Fired<'_>,
) -> Result<NewRun, Refused> {
    let now = context.api.host.now();
    let id = run_id(now, rand::random());
    let name = &*fired.trigger.name;
    let mut trigger = Object::new();
    trigger.insert("name", Value::from(name));
    if let Some(inputs) = fired.trigger.definition.get("inputs") {
        trigger.insert("inputs", inputs.clone());
    }
    trigger.insert("outputs", fired.outputs);
    for member in ["startTime", "endTime"] {
        trigger.insert(member, Value::from(precise(now)));
    }
    let tracking = uuid_of(rand::random());
    trigger.insert("trackingId", Value::from(tracking));
    let given = fired.client_tracking_id;
    let own = || tracking_id(context, deployed, fired.trigger, &trigger);
    let client_tracking_id = given.or_else(own).unwrap_or_else(|| id.to_string());
    trigger.insert("clientTrackingId", Value::from(client_tracking_id.as_str()));
    trigger.insert("originHistoryName", Value::from(id.to_string()));
    trigger.insert("status", Value::from("Succeeded"));
    let start = RunStart {
        trigger: Value::Object(trigger),
        base_url: context.links.base_url.clone(),
        client_tracking_id: Some(client_tracking_id.clone()),
        awaited: fired.awaited,
        respond_to: None,
        kept: None,
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

/// `correlation.clientTrackingId` of the trigger, where it says one.
fn tracking_id(
    context: &Context,
    deployed: &DeployedWorkflow,
    trigger: &Trigger,
    object: &Object,
) -> Option<String> {
    let template = trigger
        .definition
        .pointer("/correlation/clientTrackingId")?;
    let template = Template::compile(template).ok()?;
    let parameters = deployed.settings.parameters.iter();
    let parameters = parameters.map(|(name, value)| (name.as_str(), value.clone()));
    let members = [
        ("trigger", Value::Object(object.clone())),
        ("parameters", parameters.collect()),
    ];
    let document: Value = members.into_iter().collect();
    let millis = i64::try_from(context.api.host.now().as_millis()).ok()?;
    let now = jiff::Timestamp::from_millisecond(millis).ok()?;
    let scope = weft_workflow::expression::Context::new(document, now, rand::random());
    let value = template.evaluate(&scope, &mut Budget::default()).ok()?;
    Some(value.to_text()).filter(|text| !text.is_empty())
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
