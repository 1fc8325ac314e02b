//! Workflows over HTTP, on the data plane, as the peer's clients expect it: the endpoint of Request
//! triggers, callbacks of webhook actions, and the management API of runs.
//!
//! What is shown of a run is derived from its durable history. URLs that work without a key carry a
//! signature over the app, the workflow and what they allow.

mod callback;
mod contents;
mod histories;
mod id;
mod invoke;
mod links;
mod manage;
mod request;
mod responders;
mod runs;
mod shape;
mod start;
mod triggers;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::json;
use tower_http::catch_panic::CatchPanicLayer;
use weft_app::scope;
use weft_id::AppId;

use crate::audit::{By, around};
use crate::auth::{Caller, Permission, authenticate, authenticate_basic};
use crate::params::query_pairs;
use crate::{Api, Problem};
use links::Links;
pub use links::base_path;
pub use responders::{Awaited, Deciders, RESPOND, Responders};

/// What the paths of this API begin with, after the app's prefix, but for those of triggers.
pub const WORKFLOW_PATH: &str = "/runtime/webhooks/workflow";

/// Answers paths that [`is_workflow`] takes. Mount it without stripping anything from the path.
pub fn router(api: Api) -> Router {
    Router::new()
        .fallback(handle)
        .layer(CatchPanicLayer::custom(crate::routes::panicked))
        .with_state(api)
}

/// Whether a path, with or without the prefix of an app, is one of this API:
/// `/api/{workflow}/triggers/{trigger}/invoke[/...]`, or below [`WORKFLOW_PATH`].
#[must_use]
pub fn is_workflow(path: &str) -> bool {
    let Ok(scope) = scope::parse(path) else {
        return false;
    };
    let start = scope.rest.get(..WORKFLOW_PATH.len());
    if start.is_some_and(|start| start.eq_ignore_ascii_case(WORKFLOW_PATH)) {
        return true;
    }
    let mut parts = scope.rest.split('/').skip(1);
    let fixed = |part: Option<&str>, word: &str| part.is_some_and(|p| p.eq_ignore_ascii_case(word));
    fixed(parts.next(), "api")
        && parts.next().is_some()
        && fixed(parts.next(), "triggers")
        && parts.next().is_some()
        && fixed(parts.next(), "invoke")
}

/// One request with what all operations need.
pub(crate) struct Context {
    pub(crate) api: Api,
    pub(crate) app: AppId,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    /// In the order of the query, with the signature's parameters.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) links: Links,
}

impl Context {
    /// The first value of a query parameter, in whatever letter case.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let found = self
            .query
            .iter()
            .find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// An error in the peer's shape.
#[derive(Debug)]
pub(crate) struct Refused {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refused {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub(crate) fn absent(code: &'static str, what: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, format!("There is no {what}."))
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        let status = problem.kind().status();
        let code = match status {
            StatusCode::BAD_REQUEST => "BadRequest",
            StatusCode::UNAUTHORIZED => "Unauthorized",
            StatusCode::FORBIDDEN => "Forbidden",
            StatusCode::NOT_FOUND => "NotFound",
            StatusCode::CONFLICT | StatusCode::GONE => "Conflict",
            StatusCode::PAYLOAD_TOO_LARGE => "RequestEntityTooLarge",
            StatusCode::TOO_MANY_REQUESTS => "TooManyRequests",
            StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
            StatusCode::INSUFFICIENT_STORAGE => "InsufficientStorage",
            _ => "InternalServerError",
        };
        Self::new(status, code, problem.detail())
    }
}

impl From<weft_store::Error> for Refused {
    fn from(error: weft_store::Error) -> Self {
        Problem::from(error).into()
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = json!({"error": {"code": self.code, "message": self.message}});
        (self.status, axum::Json(body)).into_response()
    }
}

async fn handle(State(api): State<Api>, request: Request) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let no_route = || Refused::absent("NotFound", format!("route {path}"));
    let scope = scope::parse(&path).map_err(|_| no_route())?;
    let segments: Vec<String> = scope
        .rest
        .split('/')
        .skip(1)
        .map(|segment| Ok(percent_decode_str(segment).decode_utf8()?.into_owned()))
        .collect::<Result<_, std::str::Utf8Error>>()
        .map_err(|_| no_route())?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let literals: Vec<String> = segments.iter().map(|s| s.to_ascii_lowercase()).collect();
    let literals: Vec<&str> = literals.iter().map(String::as_str).collect();
    let workflow = workflow_of(&literals, &segments).unwrap_or_default();
    let key = api.host.access_key(&scope.app, workflow).await?;
    let context = Context {
        links: Links::new(&api, &parts, &scope.app, key),
        app: scope.app.clone(),
        method: parts.method.clone(),
        headers: parts.headers.clone(),
        query: query_pairs(&parts.uri).collect(),
        api,
    };
    match literals.as_slice() {
        ["api", _, "triggers", _, "invoke", ..] => {
            let (workflow, trigger) = (segments[1], segments[3]);
            if invoke::is_signed(&context, workflow, trigger) {
                context.api.host.admit(&context.app.tenant)?;
            } else {
                admit(&context, &parts, Permission::Invoke).await?;
            }
            let path = segments[5..].iter().map(|s| (*s).to_owned()).collect();
            invoke::invoke(&context, workflow, trigger, path, body).await
        }
        [_, _, _, "scaleunits", _, "workflows", _, rest @ ..] => {
            let workflow = segments[6];
            let own: Vec<&str> = segments[7..].to_vec();
            signed(&context, &parts, workflow, rest, &own, body).await
        }
        [_, _, _, "api", "management", rest @ ..] => {
            let own: Vec<&str> = segments[5..].to_vec();
            let needs = match (&parts.method, rest) {
                (&Method::GET, _) => Permission::ReadInstances,
                (_, ["workflows", _, "enable" | "disable" | "regenerateaccesskey"]) => {
                    Permission::Deploy
                }
                _ => Permission::Invoke,
            };
            let caller = admit(&context, &parts, needs).await?;
            if parts.method == Method::GET || rest.last() == Some(&"listcallbackurl") {
                return manage::manage(&context, rest, &own, body).await;
            }
            // Everything else that this API has manages workflows and their runs.
            let (api, app) = (context.api.clone(), context.app.clone());
            let action = format!("{} workflow", parts.method.as_str().to_lowercase());
            let target = format!("apps/{}/{}", app.app, own.join("/"));
            let owned = |parts: &[&str]| -> Vec<String> {
                parts.iter().map(|part| (*part).to_owned()).collect()
            };
            let (rest, own) = (owned(rest), owned(&own));
            let by = By {
                caller,
                tenant: app.tenant,
            };
            let work = async move {
                let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
                let own: Vec<&str> = own.iter().map(String::as_str).collect();
                let done = manage::manage(&context, &rest, &own, body).await;
                done.unwrap_or_else(IntoResponse::into_response)
            };
            Ok(around(&api, by, action, target, work).await)
        }
        _ => Err(no_route()),
    }
}

/// The workflow that a path is about, by the segments in lower case and as they came.
fn workflow_of<'a>(literals: &[&str], own: &[&'a str]) -> Option<&'a str> {
    let at = match literals {
        ["api", _, "triggers", ..] => 1,
        [_, _, _, "scaleunits", _, "workflows", ..] => 6,
        [_, _, _, "api", "management", "workflows", ..] => 6,
        _ => return None,
    };
    own.get(at).copied()
}

/// What URLs with a signature lead to.
async fn signed(
    context: &Context,
    parts: &Parts,
    workflow: &str,
    literals: &[&str],
    own: &[&str],
    body: Body,
) -> Result<Response, Refused> {
    match literals {
        ["runs", _, "actions", _, "run"] => {
            callback::call_back(context, workflow, own[1], own[3], body).await
        }
        ["runs", _, "operations", _] => {
            if !context
                .links
                .is_signed(context, workflow, &links::operation(own[1]))
            {
                admit(context, parts, Permission::ReadInstances).await?;
            }
            invoke::operation(context, workflow, own[1]).await
        }
        ["runs", _, "contents", _]
        | ["runs", _, "actions", _, "contents", _]
        | ["runs", _, "actions", _, "repetitions", _, "contents", _] => {
            if !context
                .links
                .is_signed(context, workflow, &links::contents(own))
            {
                admit(context, parts, Permission::ReadInstances).await?;
            }
            contents::show(context, workflow, own).await
        }
        _ => Err(Refused::absent("NotFound", "such route")),
    }
}

/// Lets a caller with a key through.
async fn admit(context: &Context, parts: &Parts, needs: Permission) -> Result<Caller, Refused> {
    let api = &context.api;
    let now = api.host.now();
    let caller = match authenticate(&*api.store, &parts.headers, &parts.uri, now).await? {
        Some(caller) => Some(caller),
        None => authenticate_basic(&*api.store, &parts.headers, now).await?,
    };
    let caller = caller.ok_or_else(|| {
        Refused::new(
            StatusCode::UNAUTHORIZED,
            "DirectApiAuthorizationRequired",
            "The request must be signed by the Shared Access scheme (the URL of listCallbackUrl), or \
             carry a key.",
        )
    })?;
    if !caller.reaches_app(&context.app) {
        return Err(Refused::absent(
            "NotFound",
            format!("app {}", context.app.app),
        ));
    }
    caller.require(needs)?;
    if let Some(tenant) = &caller.tenant {
        api.host.admit(tenant)?;
    }
    Ok(caller)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_those_of_functions() {
        assert!(is_workflow("/api/w/triggers/manual/invoke"));
        assert!(is_workflow("/@t/a/api/w/triggers/manual/invoke/x/y"));
        assert!(is_workflow(
            "/runtime/webhooks/workflow/api/management/workflows"
        ));
        assert!(!is_workflow("/api/w/triggers/manual"));
        assert!(!is_workflow("/api/triggers"));
        assert!(!is_workflow("/runtime/webhooks/durabletask/instances"));
    }
}
