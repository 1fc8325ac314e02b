//! Listing, showing and deleting apps.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use crate::auth::{AppAccess, Deploy, Read, TenantAccess};
use crate::model::{AppList, AppSummary, AppView};
use crate::time::rfc3339;
use crate::{Api, Problem, deploy};

/// The apps of a tenant, by name.
#[utoipa::path(get, path = "/apps", tag = "apps", responses((status = 200, body = AppList)))]
pub(super) async fn list_apps(
    State(api): State<Api>,
    access: TenantAccess<Read>,
) -> Result<Json<AppList>, Problem> {
    let mut apps = Vec::new();
    for app in api.store.apps(&access.tenant).await? {
        if !access.caller.reaches_app(&app) {
            continue;
        }
        // An app that goes while the list is made is left out.
        if let Some(revision) = api.store.active_revision(&app).await? {
            let deployment = deploy::parse(&revision)?;
            apps.push(AppSummary {
                name: app.app.to_string(),
                revision: revision.id.0,
                deployed_at: rfc3339(revision.created_at),
                functions: deployment.functions().len(),
                workflows: deployment.workflows().len(),
            });
        }
    }
    Ok(Json(AppList { apps }))
}

/// An app with its components and functions.
#[utoipa::path(get, path = "/apps/{app}", tag = "apps", responses((status = 200, body = AppView)))]
pub(super) async fn show_app(
    State(api): State<Api>,
    access: AppAccess<Read>,
) -> Result<Json<AppView>, Problem> {
    let (revision, deployment) = deploy::active(&api, &access.app).await?;
    let quarantined = api.host.quarantined(&access.app.tenant);
    let view = AppView::new(&access.app, &revision, &deployment, &quarantined);
    Ok(Json(view))
}

/// Removes an app with its revisions, instances and data.
#[utoipa::path(delete, path = "/apps/{app}", tag = "apps", responses((status = 204)))]
pub(super) async fn delete_app(
    State(api): State<Api>,
    access: AppAccess<Deploy>,
) -> Result<StatusCode, Problem> {
    let app = &access.app;
    api.store
        .delete_app(app)
        .await
        .map_err(|error| match error {
            weft_store::Error::NotFound => Problem::not_found(format!("app {}", app.app)),
            error => error.into(),
        })?;
    api.host.deployed(app).await;
    api.logs.forget(app);
    Ok(StatusCode::NO_CONTENT)
}
