//! Functions: showing, settings, and calling one directly.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use weft_app::{Deployment, Function, FunctionKind, Grants, Settings, SettingsError, Trigger};

use crate::auth::{AppAccess, Deploy, Invoke, Read};
use crate::body::{JsonBody, PayloadBody};
use crate::model::{FunctionList, FunctionView};
use crate::start::trace_parent;
use crate::{Api, Call, Kind, Problem, deploy};

/// The functions of an app, by name.
#[utoipa::path(
    get, path = "/apps/{app}/functions", tag = "functions",
    responses((status = 200, body = FunctionList))
)]
pub(super) async fn list_functions(
    State(api): State<Api>,
    access: AppAccess<Read>,
) -> Result<Json<FunctionList>, Problem> {
    let (_, deployment) = deploy::active(&api, &access.app).await?;
    let functions = deployment.functions().values();
    let functions = functions.map(FunctionView::new).collect();
    Ok(Json(FunctionList { functions }))
}

/// A function with everything that decides how it runs.
#[utoipa::path(
    get, path = "/apps/{app}/functions/{function}", tag = "functions",
    responses((status = 200, body = FunctionView))
)]
pub(super) async fn show_function(
    State(api): State<Api>,
    access: AppAccess<Read>,
) -> Result<Json<FunctionView>, Problem> {
    let name: weft_id::Function = access.path.get("function")?;
    let (_, deployment) = deploy::active(&api, &access.app).await?;
    Ok(Json(FunctionView::new(find(&deployment, &name)?)))
}

/// What a function may reach: what it asks for (`asks`), what its tenant is granted within the policy
/// of the operator (`granted`), and what both have in common (`effective`), which is checked at every
/// use. A kind that is absent is open.
#[utoipa::path(
    get, path = "/apps/{app}/functions/{function}/capabilities", tag = "functions",
    responses((status = 200, body = Capabilities))
)]
pub(super) async fn show_capabilities(
    State(api): State<Api>,
    access: AppAccess<Read>,
) -> Result<Json<Capabilities>, Problem> {
    let name: weft_id::Function = access.path.get("function")?;
    let (_, deployment) = deploy::active(&api, &access.app).await?;
    let asks = find(&deployment, &name)?.asks();
    let granted = api.host.grants(&access.app.tenant);
    Ok(Json(Capabilities {
        function: name.to_string(),
        effective: asks.meet(&granted),
        granted: granted.as_ref().clone(),
        asks,
    }))
}

#[derive(Serialize, ToSchema)]
pub(super) struct Capabilities {
    function: String,
    #[schema(value_type = Object)]
    asks: Grants,
    #[schema(value_type = Object)]
    granted: Grants,
    #[schema(value_type = Object)]
    effective: Grants,
}

/// Replaces the settings of a function; what is left out falls back to what its component says,
/// or to a default. The body is an entry of `[functions.*]` in `weft.toml`, as JSON.
#[utoipa::path(
    put, path = "/apps/{app}/functions/{function}", tag = "functions",
    request_body(content = ref("#/components/schemas/FunctionSettings")),
    responses((status = 200, body = FunctionView))
)]
pub(super) async fn put_function(
    State(api): State<Api>,
    access: AppAccess<Deploy>,
    JsonBody(settings): JsonBody<Value>,
) -> Result<Json<FunctionView>, Problem> {
    let name: weft_id::Function = access.path.get("function")?;
    let refused = |faults| Problem::faults(Kind::InvalidDocument, &faults);
    let settings = Settings::from_json(&settings).map_err(refused)?;
    deploy::change(&api, &access.app, |active| {
        let active = active.ok_or_else(|| Problem::not_found(format!("app {}", access.app.app)))?;
        active
            .with_settings(&name, settings.clone())
            .map_err(|error| match error {
                SettingsError::UnknownFunction(name) => absent(&name),
                SettingsError::Faults(faults) => refused(faults),
            })
    })
    .await?;
    let (_, deployment) = deploy::active(&api, &access.app).await?;
    Ok(Json(FunctionView::new(find(&deployment, &name)?)))
}

/// Runs an activity once, now: JSON in, JSON out. Headers tell what it took:
/// `x-weft-duration-us`, `x-weft-cpu-us`, `x-weft-memory-bytes`.
#[utoipa::path(
    post, path = "/apps/{app}/functions/{function}/invoke", tag = "functions",
    request_body = Value,
    responses((status = 200, body = Value))
)]
pub(super) async fn invoke_function(
    State(api): State<Api>,
    access: AppAccess<Invoke>,
    headers: HeaderMap,
    PayloadBody(input): PayloadBody,
) -> Result<Response, Problem> {
    let name: weft_id::Function = access.path.get("function")?;
    let (revision, deployment) = deploy::active(&api, &access.app).await?;
    let function = find(&deployment, &name)?;
    require_activity(function)?;
    let component = deployment.component_of(function);
    let digest = component
        .and_then(|entry| entry.digest.parse().ok())
        .ok_or_else(|| Problem::internal(format!("{} {name} has no component", access.app)))?;
    let call = Call {
        app: access.app,
        revision: revision.id,
        function: function.clone(),
        digest,
        input,
        trace_parent: trace_parent(&headers),
    };
    let invoked = api.host.invoke(call).await?;
    let json = HeaderValue::from_static("application/json");
    let output = invoked.output.text().unwrap_or_default();
    let mut response = output.to_owned().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, json);
    let figures = [
        ("x-weft-duration-us", Some(invoked.duration_us)),
        ("x-weft-cpu-us", invoked.cpu_us),
        ("x-weft-memory-bytes", Some(invoked.memory_bytes)),
    ];
    for (name, figure) in figures {
        if let Some(figure) = figure {
            headers.insert(HeaderName::from_static(name), figure.into());
        }
    }
    Ok(response)
}

fn find<'a>(deployment: &'a Deployment, name: &weft_id::Function) -> Result<&'a Function, Problem> {
    let function = deployment.functions().get(name);
    function.ok_or_else(|| absent(name))
}

fn absent(name: &weft_id::Function) -> Problem {
    Problem::not_found(format!("function {name}"))
}

fn require_activity(function: &Function) -> Result<(), Problem> {
    let hint = match function.kind {
        FunctionKind::Activity => return Ok(()),
        FunctionKind::Http => match &function.trigger {
            Some(Trigger::Http { route, .. }) => format!("send a request to /api/{route}"),
            None => "it has no route".to_owned(),
        },
        FunctionKind::Entity => {
            "signal it with POST /admin/v1/apps/{app}/entities/{entity}".to_owned()
        }
        FunctionKind::Orchestrator => {
            "start it with POST /admin/v1/apps/{app}/instances".to_owned()
        }
    };
    let (name, kind) = (&function.name, function.kind.as_str());
    let detail = format!("{name} is of the kind {kind}; {hint}");
    Err(Problem::new(Kind::NotInvocable, detail).with("hint", hint))
}
