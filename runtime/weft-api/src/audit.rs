//! Writes down who managed what.
//!
//! Every operation of the management API that changes something is written down before it takes
//! place and completed with what came of it, whatever handler it has: a route cannot forget it.
//! What is refused is written down as well, where a genuine key was shown. Paths are kept and
//! neither queries nor bodies, so that no key and no secret gets in.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Method;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use weft_id::Tenant;
use weft_store::{AuditOutcome, NewAudit};

use crate::auth::{Caller, identified};
use crate::{Api, Kind, Problem, routes};

/// Uses of what is deployed, and a question: they change nothing that is managed. Histories and
/// counters tell of them.
const CALLS: [&str; 5] = [
    "invoke_function",
    "start_instance",
    "raise_event",
    "signal_entity",
    "check_revision",
];
const TARGET_LEN_MAX: usize = 256;
const PREFIX: &str = "/admin/v1/";

/// What an action has made, for its entry: set by handlers in the extensions of their responses.
#[derive(Clone)]
pub(crate) struct Made(pub(crate) String);

/// The operations that are written down, by method and path.
pub(crate) struct Actions(HashMap<(Method, String), String>);

impl Actions {
    /// Out of what the handlers say of themselves.
    pub(crate) fn of_routes() -> Self {
        let (of_apps, of_node) = routes::openapi_parts();
        let mut actions = HashMap::new();
        for (prefix, part) in [
            ("/admin/v1", &of_apps),
            ("/admin/v1/tenants/{tenant}", &of_apps),
            ("/admin/v1", &of_node),
        ] {
            let part = serde_json::to_value(part).expect("an OpenAPI document is JSON");
            let paths = part["paths"].as_object().into_iter().flatten();
            for (path, item) in paths {
                for (method, operation) in item.as_object().into_iter().flatten() {
                    let id = operation["operationId"].as_str().unwrap_or_default();
                    if method == "get" || CALLS.contains(&id) {
                        continue;
                    }
                    let method = method.to_uppercase().parse();
                    let method = method.expect("OpenAPI knows methods of HTTP only");
                    actions.insert((method, format!("{prefix}{path}")), id.replace('_', " "));
                }
            }
        }
        Self(actions)
    }

    fn find(&self, parts: &Parts) -> Option<&str> {
        let path = parts.extensions.get::<MatchedPath>()?.as_str().to_owned();
        let action = self.0.get(&(parts.method.clone(), path));
        action.map(String::as_str)
    }

    #[cfg(test)]
    fn names(&self) -> std::collections::BTreeSet<&str> {
        self.0.values().map(String::as_str).collect()
    }
}

/// Puts itself around every operation of the router.
pub(crate) async fn record(
    State((api, actions)): State<(Api, Arc<Actions>)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let Some(action) = actions.find(&parts).map(str::to_owned) else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    let caller = match identified(&mut parts, &api).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    let (tenant, target) = subject(parts.uri.path(), &caller);
    let by = By { caller, tenant };
    let work = next.run(Request::from_parts(parts, body));
    around(&api, by, action, target, work).await
}

/// Who acts, and whose it is.
pub(crate) struct By {
    pub(crate) caller: Caller,
    pub(crate) tenant: Tenant,
}

/// Writes an action down, lets it take place, and completes the entry. That goes on when the
/// caller does not wait for it.
pub(crate) async fn around(
    api: &Api,
    by: By,
    action: String,
    mut target: String,
    work: impl Future<Output = Response> + Send + 'static,
) -> Response {
    let cut = target.char_indices().nth(TARGET_LEN_MAX);
    if let Some((at, _)) = cut {
        target.truncate(at);
    }
    let new = NewAudit {
        at: api.host.now(),
        tenant: Some(by.tenant),
        key: Some(by.caller.key),
        role: by.caller.role,
        action,
        target,
    };
    let seq = match api.store.begin_audit(new).await {
        Ok(seq) => seq,
        Err(error) => return Problem::from(error).into_response(),
    };
    let store = Arc::clone(&api.store);
    let whole = tokio::spawn(async move {
        let response = work.await;
        if let Err(error) = store.end_audit(seq, outcome(&response)).await {
            tracing::warn!(seq = seq.0, %error, "the outcome of an action was not written down");
        }
        response
    });
    whole.await.unwrap_or_else(|error| {
        Problem::internal(format!("an action did not end: {error}")).into_response()
    })
}

fn outcome(response: &Response) -> AuditOutcome {
    let extensions = response.extensions();
    let kind = extensions.get::<Kind>().map(|kind| kind.name().to_owned());
    let made = extensions.get::<Made>().map(|made| made.0.clone());
    AuditOutcome {
        status: response.status().as_u16(),
        detail: kind.or(made),
    }
}

/// Whose it is and what it is, out of a path. A caller who is no operator acts for their own tenant
/// and finds no other.
fn subject(path: &str, caller: &Caller) -> (Tenant, String) {
    let rest = path.strip_prefix(PREFIX).unwrap_or(path);
    let (named, rest) = match rest.strip_prefix("tenants/") {
        Some(below) => match below.split_once('/') {
            Some((name, rest)) => (Some(name), rest),
            None => (Some(below), rest),
        },
        None => (None, rest),
    };
    let named = named.and_then(|name| decoded(name).parse().ok());
    let own = caller.tenant.clone().or(named).unwrap_or_default();
    (own, decoded(rest))
}

fn decoded(text: &str) -> String {
    let text = percent_decode_str(text).decode_utf8_lossy();
    text.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use weft_store::{KeyId, Role};

    use super::*;

    #[test]
    fn everything_that_changes_something_is_written_down() {
        let actions = Actions::of_routes();
        let names = actions.names();
        for name in [
            "put secret",
            "create key",
            "delete app",
            "terminate instance",
            "put quota",
        ] {
            assert!(names.contains(name), "{name}: {names:?}");
        }
        for name in CALLS {
            assert!(!names.contains(name.replace('_', " ").as_str()), "{name}");
        }
        assert!(!names.iter().any(|name| name.starts_with("list ")));
    }

    #[test]
    fn a_path_tells_whose_it_is() {
        let caller = |tenant: Option<&str>| Caller {
            key: KeyId("k".into()),
            tenant: tenant.map(|name| name.parse().unwrap()),
            role: Role::Owner,
            apps: None,
        };
        let of = |path: &str, tenant| {
            let (tenant, target) = subject(path, &caller(tenant));
            format!("{tenant}: {target}")
        };
        assert_eq!(
            of("/admin/v1/apps/a/secrets/s%20t", None),
            "default: apps/a/secrets/s t"
        );
        assert_eq!(of("/admin/v1/tenants/t/apps/a", None), "t: apps/a");
        assert_eq!(of("/admin/v1/tenants/t", None), "t: tenants/t");
        assert_eq!(of("/admin/v1/tenants/t/apps/a", Some("own")), "own: apps/a");
        assert_eq!(of("/admin/v1/tenants/No/keys/%0a", None), "default: keys/ ");
    }
}
