//! The routes of the management API, one noun per file.

mod apps;
mod audit;
mod bundle;
mod components;
mod entities;
mod functions;
mod gate;
mod grants;
mod health;
mod history;
mod instances;
mod keys;
mod logs;
mod messages;
mod quarantine;
mod quota;
mod revisions;
mod tenants;
mod usage;
mod vault;
mod workflows;

use std::any::Any;
use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::audit::{Actions, record};
use crate::body::Uploads;
use crate::{Api, Kind, Problem};

pub(crate) use instances::{bad_page, of_instance, parse_statuses};
pub(crate) use messages::check_event_name;

/// Everything of the control plane that this crate answers: `/admin/v1`, `/openapi.json`,
/// `/healthz`, `/readyz`. Whatever else is asked gets a problem.
pub fn router(api: Api) -> Router {
    let (of_apps, _) = apps_routes().split_for_parts();
    let (of_node, _) = node_routes().split_for_parts();
    let uploads = Uploads::new(api.config.uploads_max);
    let actions = Arc::new(Actions::of_routes());
    Router::new()
        .nest("/admin/v1", of_apps.clone())
        .nest("/admin/v1/tenants/{tenant}", of_apps)
        .nest("/admin/v1", of_node)
        .merge(health::router())
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .layer(Extension(uploads))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state((api.clone(), actions), record))
        .with_state(api)
}

/// Routes below `/admin/v1` (the caller's tenant) and below `/admin/v1/tenants/{tenant}`.
fn apps_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(apps::list_apps))
        .routes(routes!(
            apps::show_app,
            bundle::deploy_app,
            apps::delete_app
        ))
        .routes(routes!(components::list_components))
        .routes(routes!(
            components::show_component,
            components::put_component,
            components::delete_component
        ))
        .routes(routes!(quarantine::list_quarantined))
        .routes(routes!(quarantine::release_component))
        .routes(routes!(functions::list_functions))
        .routes(routes!(functions::show_function, functions::put_function))
        .routes(routes!(functions::show_capabilities))
        .routes(routes!(functions::invoke_function))
        .routes(routes!(workflows::list_workflows))
        .routes(routes!(
            workflows::show_workflow,
            workflows::put_workflow,
            workflows::delete_workflow
        ))
        .routes(routes!(workflows::enable_workflow))
        .routes(routes!(workflows::disable_workflow))
        .routes(routes!(workflows::regenerate_access_key))
        .routes(routes!(vault::list_secrets))
        .routes(routes!(
            vault::show_secret,
            vault::put_secret,
            vault::delete_secret
        ))
        .routes(routes!(vault::list_connections))
        .routes(routes!(
            vault::show_connection,
            vault::put_connection,
            vault::delete_connection
        ))
        .routes(routes!(revisions::list_revisions))
        .routes(routes!(revisions::activate_revision))
        .routes(routes!(gate::check_revision))
        .routes(routes!(
            instances::list_instances,
            instances::start_instance,
            instances::purge_instances
        ))
        .routes(routes!(instances::show_instance, instances::purge_instance))
        .routes(routes!(history::show_history))
        .routes(routes!(instances::rewind_instance))
        .routes(routes!(instances::restart_instance))
        .routes(routes!(gate::move_instance))
        .routes(routes!(entities::list_entities))
        .routes(routes!(
            entities::show_entity,
            entities::signal_entity,
            entities::delete_entity
        ))
        .routes(routes!(messages::raise_event))
        .routes(routes!(messages::terminate_instance))
        .routes(routes!(messages::suspend_instance))
        .routes(routes!(messages::resume_instance))
        .routes(routes!(logs::show_logs))
        .routes(routes!(keys::list_keys, keys::create_key))
        .routes(routes!(keys::show_key, keys::delete_key))
        .routes(routes!(keys::rotate_key))
        .routes(routes!(
            quota::show_quota,
            quota::put_quota,
            quota::delete_quota
        ))
        .routes(routes!(
            grants::show_grants,
            grants::put_grants,
            grants::delete_grants
        ))
        .routes(routes!(usage::show_usage))
        .routes(routes!(audit::list_audit))
}

/// Routes of the operator below `/admin/v1`.
fn node_routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(tenants::list_tenants))
        .routes(routes!(
            tenants::show_tenant,
            tenants::put_tenant,
            tenants::delete_tenant
        ))
}

/// What the handlers of [`apps_routes`] and [`node_routes`] say of themselves.
pub(crate) fn openapi_parts() -> (OpenApi, OpenApi) {
    (apps_routes().into_openapi(), node_routes().into_openapi())
}

async fn no_route(request: Request) -> Problem {
    Problem::not_found(format!("route {}", request.uri().path()))
}

async fn no_method(request: Request) -> Problem {
    Problem::new(
        Kind::MethodNotAllowed,
        format!("this route does not take {}", request.method()),
    )
}

#[expect(clippy::needless_pass_by_value, reason = "the layer's signature")]
pub(crate) fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned());
    Problem::internal(text.unwrap_or_else(|| "a handler panicked".into())).into_response()
}
