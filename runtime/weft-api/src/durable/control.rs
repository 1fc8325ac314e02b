//! Events, terminate, suspend, resume, purge.

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::json;
use weft_orchestration::{Message, Payload};
use weft_store::{Error, Family};

use super::{Context, status};
use crate::routes::{check_event_name, of_instance};
use crate::start::random_execution;
use crate::{Problem, body, deploy};

const PURGE_BATCH: u32 = 500;
/// One request purges this many batches at most; what is left is for the next.
const PURGE_BATCHES_MAX: u32 = 1000;

/// `POST instances/{id}/raiseEvent/{name}`
pub(super) async fn raise_event(
    context: &Context,
    id: &str,
    name: String,
    request_body: Body,
) -> Result<Response, Problem> {
    check_event_name(&name)?;
    let max = context.api.config.json_bytes_max;
    let bytes = body::read(&context.headers, request_body, max).await?;
    let payload = if bytes.is_empty() {
        Payload::null()
    } else {
        let media_type = body::media_type(&context.headers);
        if media_type.as_deref() != Some("application/json") {
            // The peers answer 400 here, not 415.
            return Err(Problem::invalid(
                "the content type must be application/json",
            ));
        }
        body::payload(&bytes)?
    };
    send(context, id, Message::Event { name, payload }).await
}

/// `POST instances/{id}/terminate`
pub(super) async fn terminate(context: &Context, id: &str) -> Result<Response, Problem> {
    let message = Message::Terminate {
        reason: reason(context),
        recursive: flag(context, "recursive")?,
    };
    send(context, id, message).await
}

/// `POST instances/{id}/suspend`
pub(super) async fn suspend(context: &Context, id: &str) -> Result<Response, Problem> {
    let reason = reason(context);
    send(context, id, Message::Suspend { reason }).await
}

/// `POST instances/{id}/resume`
pub(super) async fn resume(context: &Context, id: &str) -> Result<Response, Problem> {
    let reason = reason(context);
    send(context, id, Message::Resume { reason }).await
}

/// `POST instances/{id}/rewind`
pub(super) async fn rewind(context: &Context, id: &str) -> Result<Response, Problem> {
    let key = context.key(id)?;
    let (execution, now) = (random_execution(), context.api.host.now());
    let rewound = context
        .api
        .store
        .rewind(&key, execution, reason(context), None, now);
    match rewound.await {
        Ok(()) => Ok(StatusCode::ACCEPTED.into_response()),
        // The peers answer 400 for one that has not ended.
        Err(error @ Error::StillOpen { .. }) => Err(Problem::invalid(error.to_string())),
        Err(error) => Err(of_instance(error, &key)),
    }
}

fn reason(context: &Context) -> String {
    context.query.text("reason").unwrap_or_default().to_owned()
}

async fn send(context: &Context, id: &str, message: Message) -> Result<Response, Problem> {
    let key = context.key(id)?;
    let now = context.api.host.now();
    let sent = context.api.store.send(&key, message, now).await;
    sent.map_err(|error| of_instance(error, &key))?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// `DELETE instances/{id}`
pub(super) async fn purge(context: &Context, id: &str) -> Result<Response, Problem> {
    let key = context.key(id)?;
    let family = family(context)?;
    match context.api.store.purge(&key, family).await {
        Ok(purged) => Ok(deleted(purged.instances)),
        // To the peers an instance that cannot be purged yet is one that was not found to purge.
        Err(Error::StillOpen { .. }) => {
            Err(Problem::not_found(format!("ended instance {}", key.id)))
        }
        Err(error) => Err(of_instance(error, &key)),
    }
}

/// `DELETE instances/`
pub(super) async fn purge_matching(context: &Context) -> Result<Response, Problem> {
    let filter = status::filter(&context.query)?;
    if context.query.text("createdTimeFrom").is_none() {
        return Err(Problem::invalid("createdTimeFrom is required"));
    }
    deploy::require_app(&context.api, &context.app).await?;
    let family = family(context)?;
    let mut instances = 0;
    if let Some(filter) = filter {
        for _ in 0..PURGE_BATCHES_MAX {
            let store = &context.api.store;
            let purged = store
                .purge_matching(&context.app, &filter, family, PURGE_BATCH)
                .await?;
            instances += purged.instances;
            if purged.instances == 0 {
                break;
            }
        }
    }
    match instances {
        0 => Err(Problem::not_found("ended instance that matches")),
        instances => Ok(deleted(instances)),
    }
}

/// The peers have no such parameter here; their other clients have.
fn family(context: &Context) -> Result<Family, Problem> {
    Ok(match flag(context, "recursive")? {
        true => Family::Goes,
        false => Family::Stays,
    })
}

fn flag(context: &Context, name: &str) -> Result<bool, Problem> {
    context.query.flag(name, false)
}

fn deleted(instances: u64) -> Response {
    Json(json!({"instancesDeleted": instances})).into_response()
}
