//! Starting an orchestration, and waiting for it where the client wants that.

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use weft_id::{InstanceId, InstanceKey};
use weft_orchestration::Outcome;

use super::Context;
use super::status::{self, Shown};
use crate::start::{Order, is_orchestrator, start as begin, trace_parent};
use crate::wait::until_ended;
use crate::{Problem, body, deploy};

/// `POST orchestrators/{function}[/{id}]`
pub(super) async fn start(
    context: &Context,
    function: String,
    id: Option<String>,
    request_body: Body,
) -> Result<Response, Problem> {
    let timeout = context.query.seconds("timeout")?;
    let interval = context.query.seconds("pollingInterval")?;
    if let (Some(timeout), Some(interval)) = (timeout, interval)
        && interval > timeout
    {
        return Err(Problem::invalid("pollingInterval must not exceed timeout"));
    }
    let id: Option<InstanceId> = id
        .map(|id| id.parse())
        .transpose()
        .map_err(|error: weft_id::Error| Problem::invalid(error.to_string()))?;
    let max = context.api.config.json_bytes_max;
    let bytes = body::read(&context.headers, request_body, max).await?;
    let input = match bytes.is_empty() {
        true => weft_orchestration::Payload::null(),
        false => body::payload(&bytes)?,
    };
    let (_, deployment) = deploy::active(&context.api, &context.app).await?;
    if !is_orchestrator(&deployment, &function) {
        // The peers answer 400 here, not 404.
        let detail = format!("there is no orchestrator {function}");
        return Err(Problem::invalid(detail));
    }
    let order = Order {
        app: context.app.clone(),
        orchestrator: function,
        id,
        input,
        trace_parent: trace_parent(&context.headers),
    };
    let key = begin(&context.api, order).await?;
    let Some(timeout) = timeout else {
        return Ok(check_status(context, &key));
    };
    let instance = until_ended(&context.api, &key, timeout).await?;
    match instance.outcome.clone() {
        None => Ok(check_status(context, &key)),
        Some(Outcome::Completed(output)) => {
            let json = [(header::CONTENT_TYPE, "application/json")];
            Ok((json, output.as_str().to_owned()).into_response())
        }
        Some(Outcome::Failed(_) | Outcome::Terminated { .. }) => {
            status::response(context, instance, Shown::from_query(&context.query)?).await
        }
    }
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
