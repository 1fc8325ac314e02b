//! Callbacks: the outside world answers a webhook action.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use weft_id::InstanceKey;
use weft_orchestration::{Message, Payload};
use weft_workflow::http::trigger_outputs;
use weft_workflow::run::Callback;

use super::{Context, Refused};
use crate::body;

/// `POST .../workflows/{workflow}/runs/{run}/actions/{action}/run?repetition=...&sig=...`
pub(super) async fn call_back(
    context: &Context,
    workflow: &str,
    run: &str,
    action: &str,
    request_body: Body,
) -> Result<Response, Refused> {
    let callback = Callback {
        workflow: workflow.to_owned(),
        run: run.to_owned(),
        action: action.to_owned(),
        repetition: context
            .parameter("repetition")
            .unwrap_or_default()
            .to_owned(),
    };
    let signature = context.parameter("sig").unwrap_or_default();
    if !context.links.is_callback(&callback, signature) {
        return Err(Refused::new(
            StatusCode::UNAUTHORIZED,
            "DirectApiInvalidAuthorizationScheme",
            "The signature is not of this callback.",
        ));
    }
    let max = context.api.config.json_bytes_max;
    let bytes = body::read(&context.headers, request_body, max).await?;
    let headers = context
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let headers: Vec<(&str, &str)> = headers.collect();
    let payload = trigger_outputs(headers, &[], &[], &bytes).map_err(|fault| {
        Refused::new(
            StatusCode::BAD_REQUEST,
            "InvalidRequestContent",
            fault.to_string(),
        )
    })?;
    let id = run
        .parse()
        .map_err(|_| Refused::absent("WorkflowRunNotFound", format!("run {run}")))?;
    let key = InstanceKey::new(context.app.clone(), id);
    let message = Message::Event {
        name: callback.event(),
        payload: Payload::from(payload.to_string()),
    };
    let now = context.api.host.now();
    context
        .api
        .store_of(&key)
        .await?
        .send(&key, message, now)
        .await?;
    Ok(StatusCode::ACCEPTED.into_response())
}
