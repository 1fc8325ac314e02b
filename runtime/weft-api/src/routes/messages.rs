//! Messages to open instances: events, terminate, suspend, resume. Each answers 202: the message is
//! on disk, the instance takes it with its next turn.

use axum::extract::State;
use http::StatusCode;
use weft_orchestration::{Limits, Message};

use super::instances::{instance_key, of_instance};
use crate::auth::{AppAccess, Invoke};
use crate::body::{OptionalJsonBody, PayloadBody};
use crate::model::{ReasonBody, TerminateBody};
use crate::{Api, Problem};

/// Raises an event; the body is its payload.
#[utoipa::path(
    post, path = "/apps/{app}/instances/{instance}/raise-event/{event}", tag = "instances",
    request_body = serde_json::Value, responses((status = 202))
)]
pub(super) async fn raise_event(
    State(api): State<Api>,
    access: AppAccess<Invoke>,
    PayloadBody(payload): PayloadBody,
) -> Result<StatusCode, Problem> {
    let name: String = access.path.get("event")?;
    check_event_name(&name)?;
    send(&api, &access, Message::Event { name, payload }).await
}

/// # Errors
/// 400 for a name that no orchestrator could wait for.
pub(crate) fn check_event_name(name: &str) -> Result<(), Problem> {
    let max = Limits::default().name_bytes_max;
    if name.is_empty() || name.len() > max || name.chars().any(char::is_control) {
        let detail = format!("an event's name has 1 to {max} bytes and no control characters");
        return Err(Problem::invalid(detail));
    }
    Ok(())
}

/// Ends an instance with the status Terminated.
#[utoipa::path(
    post, path = "/apps/{app}/instances/{instance}/terminate", tag = "instances",
    request_body = TerminateBody, responses((status = 202))
)]
pub(super) async fn terminate_instance(
    State(api): State<Api>,
    access: AppAccess<Invoke>,
    OptionalJsonBody(body): OptionalJsonBody<TerminateBody>,
) -> Result<StatusCode, Problem> {
    let TerminateBody { reason, recursive } = body;
    send(&api, &access, Message::Terminate { reason, recursive }).await
}

/// Holds an instance back until it is resumed.
#[utoipa::path(
    post, path = "/apps/{app}/instances/{instance}/suspend", tag = "instances",
    request_body = ReasonBody, responses((status = 202))
)]
pub(super) async fn suspend_instance(
    State(api): State<Api>,
    access: AppAccess<Invoke>,
    OptionalJsonBody(ReasonBody { reason }): OptionalJsonBody<ReasonBody>,
) -> Result<StatusCode, Problem> {
    send(&api, &access, Message::Suspend { reason }).await
}

/// Lets a suspended instance go on.
#[utoipa::path(
    post, path = "/apps/{app}/instances/{instance}/resume", tag = "instances",
    request_body = ReasonBody, responses((status = 202))
)]
pub(super) async fn resume_instance(
    State(api): State<Api>,
    access: AppAccess<Invoke>,
    OptionalJsonBody(ReasonBody { reason }): OptionalJsonBody<ReasonBody>,
) -> Result<StatusCode, Problem> {
    send(&api, &access, Message::Resume { reason }).await
}

async fn send(
    api: &Api,
    access: &AppAccess<Invoke>,
    message: Message,
) -> Result<StatusCode, Problem> {
    let key = instance_key(&access.app, &access.path)?;
    let sent = api.store.send(&key, message, api.host.now()).await;
    sent.map_err(|error| of_instance(error, &key))?;
    Ok(StatusCode::ACCEPTED)
}
