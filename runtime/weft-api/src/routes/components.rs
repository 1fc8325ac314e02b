//! Uploading, showing and removing components.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::{Extension, Json};
use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use weft_app::{ComponentEntry, Deployment};
use weft_id::{Component, Tenant};

use crate::audit::Made;
use crate::auth::{AppAccess, Deploy, Read};
use crate::body::Uploads;
use crate::model::{ComponentView, Uploaded};
use crate::{Api, Kind, Problem, body, deploy};

/// The content type of components; tools that do not know it send the general one.
const WASM: [&str; 2] = ["application/wasm", "application/octet-stream"];

#[derive(Serialize, ToSchema)]
pub(super) struct ComponentList {
    components: Vec<ComponentView>,
}

/// The components of an app, by name.
#[utoipa::path(
    get, path = "/apps/{app}/components", tag = "components",
    responses((status = 200, body = ComponentList))
)]
pub(super) async fn list_components(
    State(api): State<Api>,
    access: AppAccess<Read>,
) -> Result<Json<ComponentList>, Problem> {
    let (_, deployment) = deploy::active(&api, &access.app).await?;
    let quarantined = api.host.quarantined(&access.app.tenant);
    let components = deployment.components().iter();
    let components = components
        .map(|(name, entry)| ComponentView::new(name.as_str(), entry, &quarantined))
        .collect();
    Ok(Json(ComponentList { components }))
}

/// A component and the functions found in it.
#[utoipa::path(
    get, path = "/apps/{app}/components/{component}", tag = "components",
    responses((status = 200, body = ComponentView))
)]
pub(super) async fn show_component(
    State(api): State<Api>,
    access: AppAccess<Read>,
) -> Result<Json<ComponentView>, Problem> {
    let name: Component = access.path.get("component")?;
    let (_, deployment) = deploy::active(&api, &access.app).await?;
    let entry = deployment.components().get(&name);
    let entry = entry.ok_or_else(|| absent(&name))?;
    let quarantined = api.host.quarantined(&access.app.tenant);
    let view = ComponentView::new(name.as_str(), entry, &quarantined);
    Ok(Json(view))
}

/// Uploads a component: checks and compiles it, finds its functions and deploys them. Makes the
/// app where it is new, and replaces a component of the same name.
#[utoipa::path(
    put, path = "/apps/{app}/components/{component}", tag = "components",
    request_body(content = Vec<u8>, content_type = "application/wasm"),
    responses((status = 201, body = Uploaded))
)]
pub(super) async fn put_component(
    State(api): State<Api>,
    access: AppAccess<Deploy>,
    Extension(uploads): Extension<Uploads>,
    request: Request,
) -> Result<(StatusCode, Extension<Made>, Json<Uploaded>), Problem> {
    let name: Component = access.path.get("component")?;
    let permit = uploads.admit().await?;
    let wasm = read_wasm(&api, request).await?;
    let (entry, compile_ms) = prepare(&api, &access.app.tenant, &name, wasm).await?;
    drop(permit);
    let revision = deploy::change(&api, &access.app, |active| {
        let empty = Deployment::default();
        active
            .unwrap_or(&empty)
            .with_component(name.clone(), entry.clone())
            .map_err(|faults| Problem::faults(Kind::NameConflict, &faults))
    })
    .await?;
    let uploaded = Uploaded {
        revision: revision.0,
        compile_ms,
        component: ComponentView::new(name.as_str(), &entry, &[]),
    };
    let made = Made(format!("revision {revision}"));
    Ok((StatusCode::CREATED, Extension(made), Json(uploaded)))
}

/// Removes a component with its functions and their settings.
#[utoipa::path(
    delete, path = "/apps/{app}/components/{component}", tag = "components",
    responses((status = 204))
)]
pub(super) async fn delete_component(
    State(api): State<Api>,
    access: AppAccess<Deploy>,
) -> Result<StatusCode, Problem> {
    let name: Component = access.path.get("component")?;
    deploy::change(&api, &access.app, |active| {
        let active = active.ok_or_else(|| Problem::not_found(format!("app {}", access.app.app)))?;
        active.without_component(&name).ok_or_else(|| absent(&name))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

fn absent(name: &Component) -> Problem {
    Problem::not_found(format!("component {name}"))
}

async fn read_wasm(api: &Api, request: Request<Body>) -> Result<Bytes, Problem> {
    let (parts, body) = request.into_parts();
    body::require_media_type(&parts.headers, &WASM)?;
    body::read(&parts.headers, body, api.config.component_bytes_max).await
}

/// Compiles and keeps a component; deploys nothing. Returns its entry and the milliseconds that
/// compiling took.
pub(super) async fn prepare(
    api: &Api,
    tenant: &Tenant,
    name: &Component,
    wasm: Bytes,
) -> Result<(ComponentEntry, u64), Problem> {
    // Refused before it costs anything; what others add meanwhile counts when it is deployed.
    api.host.has_room(tenant, wasm.len() as u64).await?;
    let prepared = api.host.prepare(tenant, name, wasm.clone()).await?;
    api.store.put_component(&prepared.digest, &wasm).await?;
    let entry = ComponentEntry {
        digest: prepared.digest.to_string(),
        size: wasm.len() as u64,
        functions: prepared.functions,
    };
    Ok((entry, prepared.compile_ms))
}
