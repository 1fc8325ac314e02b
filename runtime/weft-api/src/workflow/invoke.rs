//! The endpoint of Request triggers: a request starts a run, and waits for its Response where the
//! workflow has one.

use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use weft_id::InstanceKey;
use weft_orchestration::{EventKind, Payload};
use weft_store::with_text;
use weft_workflow::http::{answer, match_path, trigger_outputs};
use weft_workflow::program::Trigger;
use weft_workflow::trigger::is_watched;
use weft_workflow::value::Value;

use super::request::{Started, is_request, start};
use super::responders::RESPOND;
use super::start::{create, prepare, tracking_id};
use super::{Context, Refused, links, runs, triggers};
use crate::body;
use crate::host::DeployedWorkflow;

/// How long a caller waits for a Response; the peer's bound for a synchronous one.
const WAIT_MAX: Duration = Duration::from_secs(230);
/// Between two looks for a run that is still to be started.
const NOT_YET: Duration = Duration::from_millis(50);
/// Parameters that are the signature's and not the caller's.
const OWN_PARAMETERS: [&str; 7] = ["api-version", "sp", "sv", "sig", "se", "st", "code"];

/// Whether the request carries the signature of the trigger's URL.
pub(super) fn is_signed(context: &Context, workflow: &str, trigger: &str) -> bool {
    let signature = |name: &str| {
        context
            .links
            .is_signed(context, workflow, &links::trigger(name))
    };
    signature(trigger)
}

/// `ANY /api/{workflow}/triggers/{trigger}/invoke[/{path}]`
pub(super) async fn invoke(
    context: &Context,
    workflow: &str,
    trigger: &str,
    path: Vec<String>,
    request_body: Body,
) -> Result<Response, Refused> {
    let deployed = runs::workflow(context, workflow).await?;
    let declared = runs::trigger(&deployed, trigger)?;
    runs::require_enabled(&deployed)?;
    if is_watched(declared) && !is_request(declared) {
        let outputs = outputs(context, declared, path, request_body).await?;
        return triggers::tell(context, &deployed, declared, outputs).await;
    }
    if !is_request(declared) {
        let message = format!(
            "The trigger '{trigger}' is of the type '{}'.",
            declared.kind
        );
        return Err(Refused::new(
            StatusCode::BAD_REQUEST,
            "WorkflowTriggerIsNotEnabled",
            message,
        ));
    }
    let outputs = outputs(context, declared, path, request_body).await?;
    check_schema(declared, &outputs)?;
    let splits = declared
        .definition
        .get("splitOn")
        .is_some_and(|on| !on.is_null());
    let responds = deployed.program.responds() && !splits;
    let asynchronous = deployed.program.responds_asynchronously();
    let (key, tracking, new, handed) =
        match start(context, &deployed, declared, outputs, responds).await? {
            Started::Nothing(response) => return Ok(response),
            Started::Run(start) => {
                let run = prepare(context, &deployed, *start);
                let tracking = run.client_tracking_id.clone();
                (run.key.clone(), tracking, Some(run), None)
            }
            Started::Handed(key, waiting) => {
                let tracking = tracking_id(context).unwrap_or_else(|| key.id.to_string());
                (key, tracking, None, waiting)
            }
        };
    let mut headers = run_headers(context, &deployed, &key, &tracking);
    // Before the run exists, so that no answer is missed.
    let waits = responds && !asynchronous;
    let responders = context.api.host.responders();
    let awaited = waits.then(|| handed.unwrap_or_else(|| responders.wait_for(key.clone())));
    if let Some(run) = new {
        create(context, &deployed, run).await?;
    }
    let Some(mut awaited) = awaited else {
        if responds {
            accepted(context, &deployed, &key, &mut headers);
        }
        return Ok((StatusCode::ACCEPTED, headers).into_response());
    };
    let ended = until_ended(context, &deployed, &key);
    let given = tokio::select! {
        given = awaited.answer() => Some(given),
        ended = ended => {
            ended?;
            recorded(context, &deployed, &key).await?
        }
        () = tokio::time::sleep(WAIT_MAX) => {
            let message = "The workflow has not responded in time.";
            return Err(Refused::new(StatusCode::GATEWAY_TIMEOUT, "GatewayTimeout", message));
        }
        () = context.api.stopping.clone().asked() => {
            let message = "The node shuts down; the run goes on.";
            return Err(Refused::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message));
        }
    };
    match given {
        Some(given) => respond(&given, headers),
        None => Ok(no_response(&key, headers)),
    }
}

fn no_response(key: &InstanceKey, headers: HeaderMap) -> Response {
    let message = format!(
        "The server did not receive a response from an upstream server. Request tracking id '{}'.",
        key.id
    );
    let refused = Refused::new(StatusCode::BAD_GATEWAY, "NoResponse", message);
    let mut response = refused.into_response();
    response.headers_mut().extend(headers);
    response
}

/// Completes when the run has ended.
async fn until_ended(
    context: &Context,
    deployed: &DeployedWorkflow,
    key: &InstanceKey,
) -> Result<(), Refused> {
    let deadline = tokio::time::Instant::now() + WAIT_MAX;
    let store = &**context.api.store_for(deployed);
    // A run that waits for others to end does not exist yet.
    while weft_store::until_ended(store, key, deadline)
        .await?
        .is_none()
    {
        if tokio::time::Instant::now() >= deadline {
            break;
        }
        tokio::time::sleep(NOT_YET).await;
    }
    Ok(())
}

/// The answer that a run has recorded.
async fn recorded(
    context: &Context,
    deployed: &DeployedWorkflow,
    key: &InstanceKey,
) -> Result<Option<Payload>, Refused> {
    let store = context.api.store_for(deployed);
    let recorded = store.history(key, 0, u64::MAX).await?;
    let answer = recorded
        .events
        .into_iter()
        .find_map(|event| match event.kind {
            EventKind::TaskScheduled { name, input, .. } if name == RESPOND => Some(input),
            _ => None,
        });
    match answer {
        Some(answer) => Ok(Some(with_text(&**store, &answer).await?)),
        None => Ok(None),
    }
}

/// `GET .../runs/{run}/operations/{run}`: the answer of an asynchronous Response, 202 until then.
pub(super) async fn operation(
    context: &Context,
    workflow: &str,
    run: &str,
) -> Result<Response, Refused> {
    let (deployed, instance) = runs::instance(context, workflow, run).await?;
    let key = &instance.key;
    let mut headers = run_headers(context, &deployed, key, run);
    if let Some(given) = recorded(context, &deployed, key).await? {
        return respond(&given, headers);
    }
    if instance.outcome.is_some() {
        return Ok(no_response(key, headers));
    }
    accepted(context, &deployed, key, &mut headers);
    Ok((StatusCode::ACCEPTED, headers).into_response())
}

/// Tells where to ask for the answer.
fn accepted(
    context: &Context,
    deployed: &DeployedWorkflow,
    key: &InstanceKey,
    headers: &mut HeaderMap,
) {
    let run = key.id.as_str();
    let location = context.links.of_run(
        &deployed.settings.workflow,
        &["runs", run, "operations", run],
        &links::operation(run),
    );
    if let Ok(location) = HeaderValue::try_from(location) {
        headers.insert(header::LOCATION, location);
    }
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
}

/// Sends what a Response says.
fn respond(given: &Payload, mut headers: HeaderMap) -> Result<Response, Refused> {
    let given: Value =
        serde_json::from_str(given.text().unwrap_or_default()).map_err(crate::Problem::internal)?;
    let answer = answer(&given);
    for (name, value) in answer.headers {
        let name = HeaderName::try_from(name);
        let value = HeaderValue::try_from(value.replace(['\r', '\n'], " "));
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = Response::new(Body::from(answer.body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    Ok(response)
}

async fn outputs(
    context: &Context,
    trigger: &Trigger,
    path: Vec<String>,
    request_body: Body,
) -> Result<Value, Refused> {
    let inputs = trigger.definition.get("inputs");
    let text = |name: &str| {
        inputs
            .and_then(|inputs| inputs.get(name))
            .map(Value::to_text)
    };
    if let Some(method) = text("method").filter(|method| !method.is_empty())
        && !method.eq_ignore_ascii_case(context.method.as_str())
    {
        let message = format!("The trigger takes {}.", method.to_uppercase());
        return Err(Refused::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "MethodNotAllowed",
            message,
        ));
    }
    let path: Vec<String> = path.into_iter().filter(|part| !part.is_empty()).collect();
    let template = text("relativePath").unwrap_or_default();
    let parameters = match_path(&template, &path).ok_or_else(|| {
        let message = format!("The path does not fit the trigger's '{template}'.");
        Refused::new(
            StatusCode::NOT_FOUND,
            "WorkflowTriggerRelativePathNotMatched",
            message,
        )
    })?;
    let queries: Vec<(String, String)> = context
        .query
        .iter()
        .filter(|(name, _)| {
            !OWN_PARAMETERS
                .iter()
                .any(|own| own.eq_ignore_ascii_case(name))
        })
        .cloned()
        .collect();
    // What authenticates the caller is not the workflow's business.
    let secret = |name: &HeaderName| name == "x-functions-key";
    let headers: Vec<(&str, &str)> = context
        .headers
        .iter()
        .filter(|(name, _)| !secret(name))
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
        .collect();
    let max = context.api.config.json_bytes_max;
    let bytes = body::read(&context.headers, request_body, max).await?;
    trigger_outputs(headers, &queries, &parameters, &bytes).map_err(|fault| {
        Refused::new(
            StatusCode::BAD_REQUEST,
            "InvalidRequestContent",
            fault.to_string(),
        )
    })
}

/// The body against the trigger's schema, where the trigger asks for that.
fn check_schema(trigger: &Trigger, outputs: &Value) -> Result<(), Refused> {
    let options = trigger
        .definition
        .get("operationOptions")
        .map(Value::to_text);
    let asked = options.is_some_and(|options| {
        options
            .split(',')
            .any(|option| option.trim().eq_ignore_ascii_case("EnableSchemaValidation"))
    });
    let Some(schema) = trigger
        .definition
        .pointer("/inputs/schema")
        .filter(|_| asked)
    else {
        return Ok(());
    };
    let body = outputs.get("body").cloned().unwrap_or_default();
    let faults = weft_workflow::program::schema_faults(schema, &body);
    if faults.is_empty() {
        return Ok(());
    }
    Err(Refused::new(
        StatusCode::BAD_REQUEST,
        "TriggerInputSchemaMismatch",
        format!(
            "The input body for the trigger does not match its schema: {}.",
            faults.join("; ")
        ),
    ))
}

/// The headers by which a caller finds the run.
fn run_headers(
    context: &Context,
    deployed: &DeployedWorkflow,
    key: &InstanceKey,
    client_tracking_id: &str,
) -> HeaderMap {
    let workflow = &deployed.settings.workflow;
    let run = key.id.as_str();
    let location = context
        .links
        .management(&format!("workflows/{workflow}/runs/{run}"));
    let values = [
        ("x-ms-workflow-run-id", run.to_owned()),
        ("x-ms-workflow-id", workflow.clone()),
        ("x-ms-workflow-name", workflow.clone()),
        ("x-ms-workflow-version", deployed.revision.to_string()),
        ("x-ms-trigger-history-name", run.to_owned()),
        ("x-ms-correlation-id", run.to_owned()),
        ("x-ms-client-tracking-id", client_tracking_id.to_owned()),
        ("x-ms-execution-location", "local".to_owned()),
        ("x-weft-run", location),
    ];
    let mut headers = HeaderMap::new();
    for (name, value) in values {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}
