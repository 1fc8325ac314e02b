//! Revisions: what was deployed before, and going back to it.

use axum::Json;
use axum::extract::State;
use weft_store::RevisionId;

use crate::auth::{AppAccess, Deploy, Read};
use crate::model::{Deployed, FunctionView, RevisionList, RevisionView};
use crate::time::rfc3339;
use crate::{Api, Problem, deploy};

/// The revisions of an app, newest first.
#[utoipa::path(
    get, path = "/apps/{app}/revisions", tag = "revisions",
    responses((status = 200, body = RevisionList))
)]
pub(super) async fn list_revisions(
    State(api): State<Api>,
    access: AppAccess<Read>,
) -> Result<Json<RevisionList>, Problem> {
    let found = api.store.revisions(&access.app).await?;
    if found.is_empty() {
        return Err(Problem::not_found(format!("app {}", access.app.app)));
    }
    let mut revisions = Vec::with_capacity(found.len());
    for revision in found {
        let deployment = deploy::parse(&revision)?;
        let functions = deployment.functions().keys();
        revisions.push(RevisionView {
            revision: revision.id.0,
            active: revision.active,
            created_at: rfc3339(revision.created_at),
            functions: functions.map(ToString::to_string).collect(),
        });
    }
    Ok(Json(RevisionList { revisions }))
}

/// Makes a revision the active one: rolls back or forward. Instances that run stay on theirs.
#[utoipa::path(
    post, path = "/apps/{app}/revisions/{revision}/activate", tag = "revisions",
    responses((status = 200, body = Deployed))
)]
pub(super) async fn activate_revision(
    State(api): State<Api>,
    access: AppAccess<Deploy>,
) -> Result<Json<Deployed>, Problem> {
    let id = RevisionId(access.path.get("revision")?);
    let absent = || Problem::not_found(format!("revision {id}"));
    let revision = api.store.revision(&access.app, id).await?;
    let deployment = deploy::parse(&revision.ok_or_else(absent)?)?;
    let activated = api.store.activate_revision(&access.app, id).await;
    activated.map_err(|error| match error {
        weft_store::Error::NotFound => absent(),
        error => error.into(),
    })?;
    api.host.deployed(&access.app).await;
    let functions = deployment.functions().values();
    Ok(Json(Deployed {
        revision: id.0,
        functions: functions.map(FunctionView::new).collect(),
    }))
}
