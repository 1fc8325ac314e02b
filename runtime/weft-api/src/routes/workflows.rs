//! Declarative workflows: deploying, showing and removing one.

use axum::Json;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use weft_app::{Deployment, State as FlowState, Workflow};
use weft_id::{AppId, Function};

use crate::auth::{AppAccess, Deploy, Read};
use crate::model::{DeployedWorkflow, WorkflowList, WorkflowStateView, WorkflowView};
use crate::params::PathParams;
use crate::{Api, Kind, Problem, access_key, body, deploy};

/// The workflows of an app, by name.
#[utoipa::path(
    get, path = "/apps/{app}/workflows", tag = "workflows",
    responses((status = 200, body = WorkflowList))
)]
pub(super) async fn list_workflows(
    State(api): State<Api>,
    access: AppAccess<Read>,
) -> Result<Json<WorkflowList>, Problem> {
    let (_, deployment) = deploy::active(&api, &access.app).await?;
    let workflows = WorkflowView::all(&deployment);
    Ok(Json(WorkflowList { workflows }))
}

/// What was deployed of a workflow, with the keys in their order and the text as it was written.
/// It may hold secrets that its author wrote into it, so that a deployer's key is needed.
#[utoipa::path(
    get, path = "/apps/{app}/workflows/{workflow}", tag = "workflows",
    responses((status = 200, body = Value))
)]
pub(super) async fn show_workflow(
    State(api): State<Api>,
    access: AppAccess<Deploy>,
) -> Result<Response, Problem> {
    let name = name(&access.path)?;
    let (_, deployment) = deploy::active(&api, &access.app).await?;
    let workflow = deployment.workflows().get(&name);
    let workflow = workflow.ok_or_else(|| absent(&name))?;
    let mut response = workflow.document().to_owned().into_response();
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

/// Deploys a workflow: makes the app where it is new, and replaces a workflow of the same name. The
/// body is `{"definition": ..., "kind": "Stateful", "parameters": ..., "connections": ...,
/// "appSettings": ..., "artifacts": ...}`, a `workflow.json`, a bare definition or an ARM template.
/// A 400 lists every fault with its JSON pointer; `warnings` of the answer are what may surprise the
/// author of a workflow that was deployed.
#[utoipa::path(
    put, path = "/apps/{app}/workflows/{workflow}", tag = "workflows",
    request_body = Value,
    responses(
        (status = 201, body = DeployedWorkflow, description = "It is new."),
        (status = 200, body = DeployedWorkflow, description = "It was there.")
    )
)]
pub(super) async fn put_workflow(
    State(api): State<Api>,
    access: AppAccess<Deploy>,
    request: Request,
) -> Result<(StatusCode, Json<DeployedWorkflow>), Problem> {
    let name = name(&access.path)?;
    let (parts, request_body) = request.into_parts();
    body::require_media_type(&parts.headers, &["application/json"])?;
    let text = body::read(&parts.headers, request_body, api.config.json_bytes_max).await?;
    let text = std::str::from_utf8(&text)
        .map_err(|error| Problem::new(Kind::MalformedJson, format!("no UTF-8: {error}")))?;
    let workflow =
        Workflow::parse(text).map_err(|faults| Problem::faults(Kind::InvalidWorkflow, &faults))?;
    let was_there = std::sync::atomic::AtomicBool::new(false);
    let (revision, deployment) = deploy::change_to(&api, &access.app, |active| {
        let empty = Deployment::default();
        let active = active.unwrap_or(&empty);
        let before = active.workflows().contains_key(&name);
        was_there.store(before, std::sync::atomic::Ordering::Relaxed);
        active
            .with_workflow(name.clone(), workflow.clone())
            .map_err(|faults| Problem::faults(Kind::NameConflict, &faults))
    })
    .await?;
    let deployed = DeployedWorkflow {
        revision: revision.0,
        workflow: WorkflowView::new(&name, &workflow, &deployment),
        warnings: WorkflowView::warnings(&workflow),
    };
    let status = match was_there.into_inner() {
        true => StatusCode::OK,
        false => StatusCode::CREATED,
    };
    Ok((status, Json(deployed)))
}

/// Removes a workflow. Its runs go on to their end.
#[utoipa::path(
    delete, path = "/apps/{app}/workflows/{workflow}", tag = "workflows",
    responses((status = 204))
)]
pub(super) async fn delete_workflow(
    State(api): State<Api>,
    access: AppAccess<Deploy>,
) -> Result<StatusCode, Problem> {
    let name = name(&access.path)?;
    deploy::change(&api, &access.app, |active| {
        let active = active.ok_or_else(|| Problem::not_found(format!("app {}", access.app.app)))?;
        active.without_workflow(&name).ok_or_else(|| absent(&name))
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets the triggers of a workflow fire again.
#[utoipa::path(
    post, path = "/apps/{app}/workflows/{workflow}/enable", tag = "workflows",
    responses((status = 200, body = WorkflowStateView))
)]
pub(super) async fn enable_workflow(
    State(api): State<Api>,
    access: AppAccess<Deploy>,
) -> Result<Json<WorkflowStateView>, Problem> {
    let name = name(&access.path)?;
    set_state(&api, &access.app, &name, FlowState::Enabled).await
}

/// Lets no trigger of a workflow fire any more. Its runs go on, and what its triggers have accepted is
/// started. The state outlives deployments of the workflow that state none.
#[utoipa::path(
    post, path = "/apps/{app}/workflows/{workflow}/disable", tag = "workflows",
    responses((status = 200, body = WorkflowStateView))
)]
pub(super) async fn disable_workflow(
    State(api): State<Api>,
    access: AppAccess<Deploy>,
) -> Result<Json<WorkflowStateView>, Problem> {
    let name = name(&access.path)?;
    set_state(&api, &access.app, &name, FlowState::Disabled).await
}

/// The document with the workflow in that state is a revision of its own.
async fn set_state(
    api: &Api,
    app: &AppId,
    name: &Function,
    state: FlowState,
) -> Result<Json<WorkflowStateView>, Problem> {
    let (revision, deployment) = deploy::set_state(api, app, name, state).await?;
    let workflow = deployment.workflows().get(name);
    let workflow = workflow.ok_or_else(|| absent(name))?;
    Ok(Json(WorkflowStateView {
        revision: revision.0,
        workflow: WorkflowView::new(name, workflow, &deployment),
    }))
}

/// Gives a workflow another key for its URLs: those that were handed out are refused from now on, but
/// for callbacks of runs that wait.
#[utoipa::path(
    post, path = "/apps/{app}/workflows/{workflow}/regenerate-access-key", tag = "workflows",
    responses((status = 204))
)]
pub(super) async fn regenerate_access_key(
    State(api): State<Api>,
    access: AppAccess<Deploy>,
) -> Result<StatusCode, Problem> {
    let name = name(&access.path)?;
    access_key::regenerate(&api, &access.app, &name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Names in the wild have upper case, blanks and underlines: the nearest valid one is told.
fn name(path: &PathParams) -> Result<Function, Problem> {
    path.get("workflow").map_err(|problem| {
        let given = path.find("workflow").unwrap_or_default();
        match Function::nearest(given) {
            Some(nearest) => {
                let detail = format!("{}; {nearest} would do", problem.detail());
                Problem::invalid(detail)
                    .with("parameter", "workflow")
                    .with("hint", nearest.as_str())
            }
            None => problem,
        }
    })
}

fn absent(name: &Function) -> Problem {
    Problem::not_found(format!("workflow {name}"))
}
