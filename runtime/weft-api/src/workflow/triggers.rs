//! Triggers: their URLs, and firing one by hand.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode};
use serde_json::{Value as Shown, json};
use weft_workflow::program::Trigger;
use weft_workflow::trigger::{Told, is_watched};
use weft_workflow::value::{Object, Value};

use super::request::{Started, is_request, start};
use super::start::{create, prepare, tracking_id};
use super::{Context, Refused, histories, links, manage, runs, shape};
use crate::host::DeployedWorkflow;

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
        (&Method::GET, [_, "histories"]) => histories::list(context, &deployed, own[0]).await,
        (&Method::GET, [_, "histories", _]) => {
            histories::show(context, &deployed, own[0], own[2]).await
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
    runs::require_enabled(deployed)?;
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
