//! Starting an orchestration, or one over again, and waiting for it where the client wants that.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use tokio::time::Instant;
use weft_id::{InstanceId, InstanceKey};
use weft_orchestration::{Outcome, Payload};

use super::Context;
use super::status::{self, Shown};
use crate::start::{
    Order, StartOptions, check_foreign, is_orchestrator, random_id, start as begin, trace_parent,
};
use crate::wait::{text, until_ended};
use crate::{Problem, body};

/// How long the news of this process is waited for alone; then the store is asked as well, since
/// another node may run the instance.
const TOLD_MAX: Duration = Duration::from_millis(250);

/// `POST orchestrators/{function}[/{id}]`
pub(super) async fn start(
    context: &Context,
    function: String,
    id: Option<String>,
    request_body: Body,
) -> Result<Response, Problem> {
    let timeout = timeout(context)?;
    let id: Option<InstanceId> = id
        .map(|id| id.parse())
        .transpose()
        .map_err(|error: weft_id::Error| Problem::invalid(error.to_string()))?;
    let max = context.api.config.json_bytes_max;
    let bytes = body::read(&context.headers, request_body, max).await?;
    let input = match bytes.is_empty() {
        true => Payload::null(),
        false => body::payload(&bytes)?,
    };
    check_foreign(&function, &input)?;
    let options = StartOptions {
        version: context.query.text("version").map(str::to_owned),
        ..StartOptions::default()
    };
    carry_out(context, function, id, input, options, timeout).await
}

/// `POST instances/{id}/restart`: the same orchestrator with the same input, as a new instance or,
/// where the client wants that, in place of the ended one. After a continuation as new, the input
/// is the one that it was continued with, as the status shows it.
pub(super) async fn restart(context: &Context, id: &str) -> Result<Response, Problem> {
    let timeout = timeout(context)?;
    let anew = context.query.flag("restartWithNewInstanceId", true)?;
    let key = context.key(id).ok();
    let instance = match &key {
        Some(key) => context.api.store.instance(key).await?,
        None => None,
    };
    let Some(instance) = instance else {
        // The peers answer 400 here, not 404.
        return Err(Problem::invalid(format!("there is no instance {id}")));
    };
    let id = (!anew).then_some(instance.key.id);
    let options = StartOptions {
        tags: instance.tags,
        version: instance.version,
        ..StartOptions::default()
    };
    carry_out(context, instance.name, id, instance.input, options, timeout).await
}

/// How long the client wants to wait for the end; absent where it does not.
fn timeout(context: &Context) -> Result<Option<Duration>, Problem> {
    let timeout = context.query.seconds("timeout")?;
    let interval = context.query.seconds("pollingInterval")?;
    if let (Some(timeout), Some(interval)) = (timeout, interval)
        && interval > timeout
    {
        return Err(Problem::invalid("pollingInterval must not exceed timeout"));
    }
    Ok(timeout)
}

/// Starts the instance, and answers with its links or, within `timeout`, with its end.
async fn carry_out(
    context: &Context,
    orchestrator: String,
    id: Option<InstanceId>,
    input: Payload,
    options: StartOptions,
    timeout: Option<Duration>,
) -> Result<Response, Problem> {
    if !is_orchestrator(&context.api, &context.app, &orchestrator).await? {
        // The peers answer 400 here, not 404.
        let detail = format!("there is no orchestrator {orchestrator}");
        return Err(Problem::invalid(detail));
    }
    let order = Order {
        app: context.app.clone(),
        orchestrator,
        id: id.clone().unwrap_or_else(random_id),
        input,
        trace_parent: trace_parent(&context.headers),
        options,
    };
    let Some(timeout) = timeout else {
        let key = begin(&context.api, order).await?;
        return Ok(check_status(context, &key));
    };
    let key = InstanceKey::new(order.app.clone(), order.id.clone());
    // Before the start, so that no end is missed and none has to be read. Under an id that was
    // named, an instance before this one may still be ending: only the store tells them apart.
    let ending = id.is_none().then(|| context.api.store.ending(&key));
    begin(&context.api, order).await?;
    let begun = Instant::now();
    if let Some(mut ending) = ending
        && let Ok(Outcome::Completed(output)) =
            tokio::time::timeout(timeout.min(TOLD_MAX), ending.outcome()).await
    {
        return completed(context, &output).await;
    }
    let left = timeout.saturating_sub(begun.elapsed());
    let instance = until_ended(&context.api, &key, left).await?;
    match &instance.outcome {
        None => Ok(check_status(context, &key)),
        Some(Outcome::Completed(output)) => completed(context, output).await,
        Some(Outcome::Failed(_) | Outcome::Terminated { .. }) => {
            status::response(context, instance, Shown::from_query(&context.query)?).await
        }
    }
}

async fn completed(context: &Context, output: &Payload) -> Result<Response, Problem> {
    let json = [(header::CONTENT_TYPE, "application/json")];
    Ok((json, text(&context.api, output).await?).into_response())
}

fn check_status(context: &Context, key: &InstanceKey) -> Response {
    let body = Json(context.links.management(&key.id));
    let mut response = (StatusCode::ACCEPTED, body).into_response();
    let headers = response.headers_mut();
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
    if let Ok(location) = HeaderValue::try_from(context.links.status(&key.id)) {
        headers.insert(header::LOCATION, location);
    }
    response
}
