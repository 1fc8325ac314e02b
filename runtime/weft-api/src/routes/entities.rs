//! Entities: listing, showing, and signals to them.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use weft_id::EntityId;
use weft_orchestration::Payload;
use weft_store::{EntityFilter, PageRequest, fill_in};

use super::bad_page;
use crate::auth::{AppAccess, Invoke, ReadInstances};
use crate::body::JsonBody;
use crate::entity::signal;
use crate::model::{EntityList, EntityView, SignalBody};
use crate::params::{PathParams, QueryParams};
use crate::{Api, Problem, deploy, time};

const PAGE_DEFAULT: u32 = 50;
const PAGE_MAX: u32 = 1000;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EntityQuery {
    /// The name that all of them have.
    name: Option<String>,
    /// The beginning of the id, `@{name}@{key}`.
    id_prefix: Option<String>,
    /// RFC 3339, inclusive.
    updated_from: Option<String>,
    /// RFC 3339, exclusive.
    updated_to: Option<String>,
    /// Also those without a state, which only have a lock or work to do.
    #[serde(default)]
    transient: bool,
    /// At most this many, 1 to 1000 (default 50).
    limit: Option<u32>,
    /// `next` of the page before.
    after: Option<String>,
}

/// Entities of an app in the order of their ids, in pages.
#[utoipa::path(
    get, path = "/apps/{app}/entities", tag = "entities",
    params(EntityQuery), responses((status = 200, body = EntityList))
)]
pub(super) async fn list_entities(
    State(api): State<Api>,
    access: AppAccess<ReadInstances>,
    QueryParams(query): QueryParams<EntityQuery>,
) -> Result<Json<EntityList>, Problem> {
    deploy::require_app(&api, &access.app).await?;
    let at = |name, text: Option<String>| text.map(|text| time::parse(name, &text)).transpose();
    let named = query.name.map(|name| format!("@{}@", name.to_lowercase()));
    if named.is_some() && query.id_prefix.is_some() {
        return Err(Problem::invalid("give either name or id_prefix"));
    }
    let filter = EntityFilter {
        id_prefix: named.or(query.id_prefix),
        updated_from: at("updated_from", query.updated_from)?,
        updated_to: at("updated_to", query.updated_to)?,
        transient: query.transient,
    };
    let request = PageRequest {
        limit: query.limit.unwrap_or(PAGE_DEFAULT).clamp(1, PAGE_MAX),
        after: query.after,
    };
    let page = api.store.entities(&access.app, &filter, &request).await;
    let page = page.map_err(bad_page)?;
    Ok(Json(EntityList {
        entities: page.entities.into_iter().map(EntityView::new).collect(),
        next: page.next,
    }))
}

/// An entity with its state.
#[utoipa::path(
    get, path = "/apps/{app}/entities/{entity}", tag = "entities",
    responses((status = 200, body = EntityView))
)]
pub(super) async fn show_entity(
    State(api): State<Api>,
    access: AppAccess<ReadInstances>,
) -> Result<Json<EntityView>, Problem> {
    let id = entity_id(&access.path)?;
    let found = api.store.entity(&access.app, &id).await?;
    let mut found = found.ok_or_else(|| Problem::not_found(format!("entity {id}")))?;
    fill_in(&*api.store, &mut found).await?;
    Ok(Json(EntityView::new(found)))
}

/// Sends an operation to an entity, which is created where it does not exist. When the answer
/// arrives, the operation is on disk.
#[utoipa::path(
    post, path = "/apps/{app}/entities/{entity}", tag = "entities",
    request_body = SignalBody, responses((status = 202))
)]
pub(super) async fn signal_entity(
    State(api): State<Api>,
    access: AppAccess<Invoke>,
    JsonBody(body): JsonBody<SignalBody>,
) -> Result<StatusCode, Problem> {
    let id = entity_id(&access.path)?;
    deploy::require_app(&api, &access.app).await?;
    let at = body.at.map(|at| time::parse("at", &at)).transpose()?;
    let input = Payload::from(body.input.to_string());
    signal(&api, &access.app, &id, body.operation, input, at).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Sends the operation `delete`, which leaves an entity without a state unless its code has an
/// operation of that name.
#[utoipa::path(
    delete, path = "/apps/{app}/entities/{entity}", tag = "entities",
    responses((status = 202))
)]
pub(super) async fn delete_entity(
    State(api): State<Api>,
    access: AppAccess<Invoke>,
) -> Result<StatusCode, Problem> {
    let id = entity_id(&access.path)?;
    let (operation, input) = ("delete".to_owned(), Payload::null());
    signal(&api, &access.app, &id, operation, input, None).await?;
    Ok(StatusCode::ACCEPTED)
}

fn entity_id(path: &PathParams) -> Result<EntityId, Problem> {
    path.get("entity")
}
