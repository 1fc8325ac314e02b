//! Revisions: what was deployed before, and going back to it.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use utoipa::IntoParams;
use weft_store::RevisionId;

use super::gate::{check, require_revision};

use crate::auth::{AppAccess, Deploy, Read};
use crate::model::{Deployed, FunctionView, RevisionList, RevisionView, WorkflowView};
use crate::params::QueryParams;
use crate::time::rfc3339;
use crate::{Api, Kind, Problem, deploy};

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
        let workflows = deployment.workflows().keys();
        revisions.push(RevisionView {
            revision: revision.id.0,
            active: revision.active,
            created_at: rfc3339(revision.created_at),
            functions: functions.map(ToString::to_string).collect(),
            workflows: workflows.map(ToString::to_string).collect(),
        });
    }
    Ok(Json(RevisionList { revisions }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ActivateQuery {
    /// `replay`: run the code over the histories that there are first, and activate it only where
    /// it follows all of them.
    check: Option<String>,
}

/// Makes a revision the active one: rolls back or forward. Instances that run stay on theirs.
#[utoipa::path(
    post, path = "/apps/{app}/revisions/{revision}/activate", tag = "revisions",
    params(ActivateQuery), responses((status = 200, body = Deployed))
)]
pub(super) async fn activate_revision(
    State(api): State<Api>,
    access: AppAccess<Deploy>,
    QueryParams(query): QueryParams<ActivateQuery>,
) -> Result<Json<Deployed>, Problem> {
    let id = RevisionId(access.path.get("revision")?);
    let absent = || Problem::not_found(format!("revision {id}"));
    let revision = require_revision(&api, &access.app, id).await?;
    let deployment = deploy::parse(&revision)?;
    let check = match query.check.as_deref() {
        None => None,
        Some("replay") => Some(check(&api, &access.app, id).await?),
        Some(other) => {
            let why = format!("{other:?} is no check; there is \"replay\"");
            return Err(Problem::invalid(why).with("parameter", "check"));
        }
    };
    if let Some(check) = check.as_ref().filter(|check| !check.compatible) {
        let failed = check.instances.iter().filter(|i| i.detail.is_some());
        let why = format!(
            "revision {id} was not activated: {} of {} instances do not go on with it",
            failed.count(),
            check.instances.len()
        );
        return Err(Problem::new(Kind::Diverges, why).with("check", json!(check)));
    }
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
        workflows: WorkflowView::all(&deployment),
        warnings: WorkflowView::all_warnings(&deployment),
        check,
    }))
}
