//! Triggers: their URLs, their history, and firing one by hand.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode};
use percent_encoding::utf8_percent_encode;
use serde_json::{Value as Shown, json};
use weft_store::{Filter, Instance, PageRequest, filled_instances};
use weft_workflow::program::Trigger;
use weft_workflow::run::RunStart;
use weft_workflow::trigger::{Entry, Told, is_watched};
use weft_workflow::value::{Object, Value};

use super::request::{Started, is_request, start};
use super::start::{create, prepare, tracking_id};
use super::{Context, Refused, links, manage, runs, shape};
use crate::host::DeployedWorkflow;
use crate::params::SEGMENT;
use crate::time::precise;

const HISTORIES_MAX: u32 = 100;

/// By the segments below `triggers`.
pub(super) async fn manage(
    context: &Context,
    workflow: &str,
    words: &[&str],
    own: &[&str],
) -> Result<Response, Refused> {
    let deployed = runs::workflow(context, workflow).await?;
    match (&context.method, words) {
        (&Method::GET, []) => {
            let triggers = deployed.program.triggers().iter();
            let shown: Vec<_> = triggers.map(|own| outline(&deployed, own)).collect();
            Ok(Json(json!({"value": shown})).into_response())
        }
        (&Method::GET, [_]) => {
            let trigger = runs::trigger(&deployed, own[0])?;
            Ok(Json(outline(&deployed, trigger)).into_response())
        }
        (&Method::POST, [_, "listcallbackurl"]) => callback_url(context, &deployed, own[0]),
        (&Method::POST, [_, "run"]) => fire(context, &deployed, own[0]).await,
        (&Method::GET, [_, "histories"]) => histories(context, &deployed, own[0]).await,
        (&Method::GET, [_, "histories", _]) => {
            let trigger = runs::trigger(&deployed, own[0])?;
            if is_watched(trigger) {
                let shown = watched(context, &deployed, trigger, &|_| true).await?;
                let found = shown.into_iter().find(|one| one["name"] == own[2]);
                if let Some(found) = found {
                    return Ok(Json(found).into_response());
                }
            }
            let (_, instance) = runs::instance(context, workflow, own[2]).await?;
            Ok(Json(history(&deployed, own[0], &instance)?).into_response())
        }
        (&Method::POST, [_, "histories", _, "resubmit"]) => {
            manage::again(context, workflow, own[2], None).await
        }
        _ => Err(Refused::absent("NotFound", "such route")),
    }
}

fn outline(deployed: &DeployedWorkflow, trigger: &Trigger) -> Shown {
    let workflow = &deployed.settings.workflow;
    let name = &*trigger.name;
    json!({
        "properties": {
            "provisioningState": "Succeeded",
            "state": if deployed.is_disabled() { "Disabled" } else { "Enabled" },
            "type": &*trigger.kind,
            "recurrence": trigger.definition.get("recurrence").map(shape::plain),
        },
        "id": format!("/workflows/{workflow}/triggers/{name}"),
        "name": name,
        "type": "workflows/triggers",
    })
}

/// `POST .../triggers/{trigger}/listCallbackUrl`
fn callback_url(
    context: &Context,
    deployed: &DeployedWorkflow,
    name: &str,
) -> Result<Response, Refused> {
    let trigger = runs::trigger(deployed, name)?;
    let workflow = &deployed.settings.workflow;
    let name = &*trigger.name;
    let text = |member: &str| {
        let value = trigger.definition.pointer(&format!("/inputs/{member}"));
        value.map(Value::to_text).filter(|text| !text.is_empty())
    };
    let base = context.links.trigger_base(workflow, name);
    let path = text("relativePath");
    let allows = links::trigger(name);
    let query = context.links.query(workflow, &allows);
    let below = path
        .as_ref()
        .map_or_else(String::new, |path| format!("/{path}"));
    let mut shown = json!({
        "value": format!("{base}{below}?{query}"),
        "method": text("method").unwrap_or_else(|| "POST".to_owned()),
        "basePath": base,
        "queries": {
            "api-version": links::API_VERSION,
            "sp": allows,
            "sv": "1.0",
            "sig": context.links.signature(workflow, &allows),
        },
    });
    if let Some(path) = path {
        let parameters = path.split('/');
        let parameters = parameters.filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        shown["relativePathParameters"] = parameters.collect::<Vec<_>>().into();
        shown["relativePath"] = path.into();
    }
    Ok(Json(shown).into_response())
}

/// `POST .../triggers/{trigger}/run`: fires it now, as if by itself.
async fn fire(
    context: &Context,
    deployed: &DeployedWorkflow,
    name: &str,
) -> Result<Response, Refused> {
    let trigger = runs::trigger(deployed, name)?;
    let outputs = Value::Object(Object::new());
    if is_watched(trigger) && !is_request(trigger) {
        return tell(context, deployed, trigger, outputs).await;
    }
    let id = match start(context, deployed, trigger, outputs, false).await? {
        Started::Nothing(response) => return Ok(response),
        Started::Handed(key, _) => key.id.to_string(),
        Started::Run(start) => {
            let run = prepare(context, deployed, *start);
            let id = run.key.id.to_string();
            create(context, deployed, run).await?;
            id
        }
    };
    let mut response = StatusCode::ACCEPTED.into_response();
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert("x-ms-workflow-run-id", id);
    }
    Ok(response)
}

/// Fires a trigger that an orchestration watches. Its runs are started by that one, so that its
/// conditions, its batches and the limit of its runs hold.
pub(super) async fn tell(
    context: &Context,
    deployed: &DeployedWorkflow,
    trigger: &Trigger,
    outputs: Value,
) -> Result<Response, Refused> {
    let told = Told {
        outputs,
        client_tracking_id: tracking_id(context),
        ..Told::default()
    };
    let workflow = &deployed.settings.workflow;
    let host = &context.api.host;
    host.fire(&context.app, workflow, &trigger.name, told)
        .await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// What became of the last firings of a trigger that is watched, of those that are `wanted`.
async fn watched(
    context: &Context,
    deployed: &DeployedWorkflow,
    trigger: &Trigger,
    wanted: &(dyn Fn(&Entry) -> bool + Sync),
) -> Result<Vec<Shown>, Refused> {
    let workflow = &deployed.settings.workflow;
    let host = &context.api.host;
    let entries = host.trigger_history(&context.app, workflow, &trigger.name);
    let entries = entries.await?;
    let name = utf8_percent_encode(&trigger.name, SEGMENT);
    let shown = entries.iter().filter(|entry| wanted(entry)).map(|entry| {
        // A run's name stands for the firing that has started it, so that it can be resubmitted.
        let history = entry.run.as_ref().unwrap_or(&entry.name);
        let mut properties = json!({
            "startTime": precise(entry.start_time),
            "endTime": precise(entry.end_time),
            "status": entry.status,
            "code": entry.code,
            "fired": entry.fired,
        });
        if let Some(scheduled) = entry.scheduled_time {
            properties["scheduledTime"] = precise(scheduled).into();
        }
        if let Some(message) = &entry.message {
            properties["error"] = json!({"code": entry.code, "message": message});
        }
        if let Some(run) = &entry.run {
            properties["run"] = json!({
                "id": format!("/workflows/{workflow}/runs/{run}"),
                "name": run,
                "type": "workflows/runs",
            });
        }
        json!({
            "properties": properties,
            "id": format!("/workflows/{workflow}/triggers/{name}/histories/{history}"),
            "name": history,
            "type": "workflows/triggers/histories",
        })
    });
    Ok(shown.collect())
}

/// The runs that a trigger has started, newest first.
async fn histories(
    context: &Context,
    deployed: &DeployedWorkflow,
    name: &str,
) -> Result<Response, Refused> {
    let trigger = runs::trigger(deployed, name)?;
    if is_watched(trigger) && !is_request(trigger) {
        let shown = watched(context, deployed, trigger, &|_| true).await?;
        return Ok(Json(json!({"value": shown})).into_response());
    }
    let filter = Filter {
        name: Some(deployed.settings.workflow.clone()),
        ..Filter::default()
    };
    let request = PageRequest {
        limit: HISTORIES_MAX,
        after: None,
    };
    let store = context.api.store_for(deployed);
    let page = store.instances(&context.app, &filter, &request).await?;
    let mut shown = Vec::new();
    for mut instance in page.instances {
        // One at a time, and no more of it than is looked at: each may be very long.
        instance.outcome = None;
        instance.custom_status = None;
        let filled = filled_instances(&**store, vec![instance]).await?;
        // It was purged, or changes too fast to be looked at.
        let read = |instance: &&Instance| instance.input.text().is_some();
        let Some(instance) = filled.first().filter(read) else {
            continue;
        };
        let start = RunStart::read(instance.input.text().unwrap_or_default()).unwrap_or_default();
        let by = start.trigger.get("name").map(Value::to_text);
        if by.is_none_or(|by| by.eq_ignore_ascii_case(name)) {
            shown.push(history(deployed, name, instance)?);
        }
    }
    if is_watched(trigger) {
        // Of a request that started something, the run tells.
        let no_run = |entry: &Entry| entry.run.is_none();
        shown.extend(watched(context, deployed, trigger, &no_run).await?);
        let started = |one: &Shown| one["properties"]["startTime"].as_str().map(str::to_owned);
        shown.sort_by_key(|one| std::cmp::Reverse(started(one)));
    }
    Ok(Json(json!({"value": shown})).into_response())
}

fn history(deployed: &DeployedWorkflow, name: &str, instance: &Instance) -> Result<Shown, Refused> {
    let workflow = &deployed.settings.workflow;
    let run = instance.key.id.as_str();
    let input = instance.input.text().unwrap_or_default();
    let start = RunStart::read(input).map_err(crate::Problem::internal)?;
    let tracking = start.client_tracking_id.unwrap_or_else(|| run.to_owned());
    let encoded = utf8_percent_encode(name, SEGMENT);
    Ok(json!({
        "properties": {
            "startTime": precise(instance.created_at),
            "endTime": precise(instance.created_at),
            "status": "Succeeded",
            "code": "OK",
            "fired": true,
            "correlation": {"clientTrackingId": tracking},
            "run": {
                "id": format!("/workflows/{workflow}/runs/{run}"),
                "name": run,
                "type": "workflows/runs",
            },
        },
        "id": format!("/workflows/{workflow}/triggers/{encoded}/histories/{run}"),
        "name": run,
        "type": "workflows/triggers/histories",
    }))
}
