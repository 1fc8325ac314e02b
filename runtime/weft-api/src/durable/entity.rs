//! Entities: their state, and signals to them.

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use weft_id::EntityId;
use weft_orchestration::{Payload, Timestamp};
use weft_store::{EntityFilter, EntityView, PageRequest, filled_entities};

use super::Context;
use super::status::{CONTINUATION, PAGE_MAX, SHOWN_BYTES_MAX};
use crate::entity::{signal as send, state_of};
use crate::model::payload_view;
use crate::time::rfc3339;
use crate::wait::text;
use crate::{Problem, body, routes};

/// `GET entities/[{name}]`
pub(super) async fn list(context: &Context, name: Option<&str>) -> Result<Response, Problem> {
    let (api, query) = (&context.api, &context.query);
    let with_state = query.flag("fetchState", false)?;
    let updated_to = query.time("lastOperationTimeTo")?;
    let filter = EntityFilter {
        id_prefix: name.map(|name| format!("@{}@", name.to_lowercase())),
        updated_from: query.time("lastOperationTimeFrom")?,
        // Theirs is inclusive.
        updated_to: updated_to.map(|at| Timestamp::from_millis(at.as_millis().saturating_add(1))),
        transient: false,
    };
    let after = context.headers.get(CONTINUATION);
    let after = after.and_then(|token| token.to_str().ok());
    let request = PageRequest {
        limit: query.count("top")?.unwrap_or(PAGE_MAX).min(PAGE_MAX),
        after: after.filter(|token| !token.is_empty()).map(str::to_owned),
    };
    let page = api.store.entities(&context.app, &filter, &request).await;
    let mut page = page.map_err(routes::bad_page)?;
    if with_state {
        page = page.bound(SHOWN_BYTES_MAX);
        page.entities = filled_entities(&*api.store, &context.app, page.entities).await?;
    }
    let views: Vec<_> = page.entities.iter().map(|e| view(e, with_state)).collect();
    let mut response = Json(views).into_response();
    if let Some(next) = page.next {
        let next = HeaderValue::try_from(next).map_err(Problem::internal)?;
        response.headers_mut().insert(CONTINUATION, next);
    }
    Ok(response)
}

fn view(entity: &EntityView, with_state: bool) -> Value {
    let mut view = json!({
        "entityId": {"name": entity.id.name(), "key": entity.id.key()},
        "lastOperationTime": rfc3339(entity.updated_at),
    });
    if with_state && let Some(state) = &entity.state {
        view["state"] = payload_view(state);
    }
    view
}

/// `GET entities/{name}/{key}`: the state as it is.
pub(super) async fn show(context: &Context, name: &str, key: &str) -> Result<Response, Problem> {
    let absent = || Problem::not_found(format!("entity @{name}@{key}"));
    let id = entity_id(name, key).map_err(|_| absent())?;
    let state = state_of(&context.api, &context.app, &id).await?;
    let json = [(header::CONTENT_TYPE, "application/json")];
    Ok((json, text(&context.api, &state).await?).into_response())
}

/// `POST entities/{name}/{key}?op=...`
pub(super) async fn signal(
    context: &Context,
    name: &str,
    key: &str,
    request_body: Body,
) -> Result<Response, Problem> {
    let id = entity_id(name, key)?;
    let operation = context.query.text("op").unwrap_or_default().to_owned();
    let max = context.api.config.json_bytes_max;
    let bytes = body::read(&context.headers, request_body, max).await?;
    let input = match bytes.is_empty() {
        true => Payload::null(),
        false => body::payload(&bytes)?,
    };
    send(&context.api, &context.app, &id, operation, input, None).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// `DELETE entities/{name}/{key}`
pub(super) async fn delete(context: &Context, name: &str, key: &str) -> Result<Response, Problem> {
    let id = entity_id(name, key)?;
    let (operation, input) = ("delete".to_owned(), Payload::null());
    send(&context.api, &context.app, &id, operation, input, None).await?;
    Ok(StatusCode::ACCEPTED.into_response())
}

/// A key of `$` stands for the empty one, which no path can hold.
fn entity_id(name: &str, key: &str) -> Result<EntityId, Problem> {
    let key = if key == "$" { "" } else { key };
    EntityId::new(name, key).map_err(|error| Problem::invalid(error.to_string()))
}
