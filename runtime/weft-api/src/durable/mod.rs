//! The Durable Functions HTTP API, on the data plane, as its clients expect it: codes, headers and
//! field names are theirs.
//!
//! Parameter names compare without regard to case, and so do the fixed parts of paths; a wrong
//! method is 404. Errors are problems.

mod control;
mod entity;
mod history;
mod links;
mod query;
mod start;
mod status;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode_str;
use tower_http::catch_panic::CatchPanicLayer;
use weft_app::scope;
use weft_id::{AppId, InstanceId, InstanceKey};

use crate::audit::{By, around};
use crate::auth::{Caller, Permission, authenticate, authenticate_basic};
use crate::{Api, Kind, Problem};
use links::Links;
use query::Query;

/// What every path of this API begins with, after the app's prefix.
pub const DURABLE_PATH: &str = "/runtime/webhooks/durabletask";

/// Answers paths that begin with [`DURABLE_PATH`], whether or not an app's prefix
/// (`/@{tenant}/{app}`) stands before it; every other path gets 404. Mount it without stripping
/// anything from the path.
pub fn router(api: Api) -> Router {
    Router::new()
        .fallback(handle)
        .layer(CatchPanicLayer::custom(crate::routes::panicked))
        .with_state(api)
}

/// One request with what all operations need.
struct Context {
    api: Api,
    app: AppId,
    query: Query,
    headers: HeaderMap,
    links: Links,
}

/// What a path and a method ask for.
enum Operation {
    Start {
        function: String,
        id: Option<String>,
    },
    Status {
        id: String,
    },
    List,
    Purge {
        id: String,
    },
    PurgeMatching,
    RaiseEvent {
        id: String,
        name: String,
    },
    Terminate {
        id: String,
    },
    Suspend {
        id: String,
    },
    Resume {
        id: String,
    },
    Restart {
        id: String,
    },
    Rewind {
        id: String,
    },
    Entities {
        name: Option<String>,
    },
    Entity {
        name: String,
        key: String,
    },
    Signal {
        name: String,
        key: String,
    },
    DeleteEntity {
        name: String,
        key: String,
    },
}

impl Operation {
    fn find(method: &Method, path: &[&str]) -> Option<Self> {
        let own = |text: &str| text.to_owned();
        let literals: Vec<_> = path.iter().map(|part| part.to_ascii_lowercase()).collect();
        let literals: Vec<_> = literals.iter().map(String::as_str).collect();
        let (first, last) = (*literals.first()?, literals.get(2).copied());
        match (method, first, path.get(1), last, path.get(3)) {
            (&Method::POST, "orchestrators", Some(function), _, None) => Some(Self::Start {
                function: own(function),
                id: path.get(2).map(|id| own(id)),
            }),
            (&Method::GET, "instances", None, None, None) => Some(Self::List),
            (&Method::DELETE, "instances", None, None, None) => Some(Self::PurgeMatching),
            (&Method::GET, "instances", Some(id), None, None) => Some(Self::Status { id: own(id) }),
            (&Method::DELETE, "instances", Some(id), None, None) => {
                Some(Self::Purge { id: own(id) })
            }
            (&Method::POST, "instances", Some(id), Some("raiseevent"), Some(name)) => {
                let (id, name) = (own(id), own(name));
                (path.len() == 4).then_some(Self::RaiseEvent { id, name })
            }
            (&Method::POST, "instances", Some(id), Some("terminate"), None) => {
                Some(Self::Terminate { id: own(id) })
            }
            (&Method::POST, "instances", Some(id), Some("suspend"), None) => {
                Some(Self::Suspend { id: own(id) })
            }
            (&Method::POST, "instances", Some(id), Some("resume"), None) => {
                Some(Self::Resume { id: own(id) })
            }
            (&Method::POST, "instances", Some(id), Some("rewind"), None) => {
                Some(Self::Rewind { id: own(id) })
            }
            (&Method::GET, "entities", name, None, None) => Some(Self::Entities {
                name: name.map(|name| own(name)),
            }),
            (_, "entities", Some(name), Some(_), None) => {
                let (name, key) = (own(name), own(path[2]));
                match *method {
                    Method::GET => Some(Self::Entity { name, key }),
                    Method::POST => Some(Self::Signal { name, key }),
                    Method::DELETE => Some(Self::DeleteEntity { name, key }),
                    _ => None,
                }
            }
            (&Method::POST, "instances", Some(id), Some("restart"), None) => {
                Some(Self::Restart { id: own(id) })
            }
            _ => None,
        }
    }

    /// What manages instances rather than using them, as the management API names it, with the
    /// instance.
    fn managed(&self) -> Option<(&'static str, String)> {
        let (action, id) = match self {
            Self::Purge { id } => ("purge instance", id),
            Self::PurgeMatching => return Some(("purge instances", String::new())),
            Self::Terminate { id } => ("terminate instance", id),
            Self::Suspend { id } => ("suspend instance", id),
            Self::Resume { id } => ("resume instance", id),
            Self::Restart { id } => ("restart instance", id),
            Self::Rewind { id } => ("rewind instance", id),
            Self::DeleteEntity { name, key } => {
                return Some(("delete entity", format!("@{name}@{key}")));
            }
            Self::Start { .. }
            | Self::Status { .. }
            | Self::List
            | Self::RaiseEvent { .. }
            | Self::Entities { .. }
            | Self::Entity { .. }
            | Self::Signal { .. } => return None,
        };
        Some((action, id.clone()))
    }

    fn needs(&self) -> Permission {
        match self {
            Self::Status { .. } | Self::List | Self::Entity { .. } | Self::Entities { .. } => {
                Permission::ReadInstances
            }
            Self::Start { .. }
            | Self::Purge { .. }
            | Self::PurgeMatching
            | Self::RaiseEvent { .. }
            | Self::Terminate { .. }
            | Self::Suspend { .. }
            | Self::Resume { .. }
            | Self::Restart { .. }
            | Self::Rewind { .. }
            | Self::Signal { .. }
            | Self::DeleteEntity { .. } => Permission::Invoke,
        }
    }
}

async fn handle(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    carry_out(api, request).await.map_err(in_their_words)
}

/// The peers' clients read why they were refused from these members.
fn in_their_words(problem: Problem) -> Problem {
    let detail = problem.detail().to_owned();
    problem
        .with("Message", detail.as_str())
        .with("ExceptionMessage", detail)
}

async fn carry_out(api: Api, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let (operation, context, caller) = admit(api, parts).await?;
    let Some((action, id)) = operation.managed() else {
        return perform(&context, operation, body).await;
    };
    let api = context.api.clone();
    let (target, by) = (
        format!("apps/{}/instances/{id}", context.app.app),
        By {
            caller,
            tenant: context.app.tenant.clone(),
        },
    );
    let work = async move {
        let done = perform(&context, operation, body).await;
        done.unwrap_or_else(|problem| in_their_words(problem).into_response())
    };
    Ok(around(&api, by, action.to_owned(), target, work).await)
}

async fn perform(context: &Context, operation: Operation, body: Body) -> Result<Response, Problem> {
    match operation {
        Operation::Start { function, id } => start::start(context, function, id, body).await,
        Operation::Status { id } => status::show(context, &id).await,
        Operation::List => status::list(context).await,
        Operation::Purge { id } => control::purge(context, &id).await,
        Operation::PurgeMatching => control::purge_matching(context).await,
        Operation::RaiseEvent { id, name } => control::raise_event(context, &id, name, body).await,
        Operation::Terminate { id } => control::terminate(context, &id).await,
        Operation::Suspend { id } => control::suspend(context, &id).await,
        Operation::Resume { id } => control::resume(context, &id).await,
        Operation::Restart { id } => start::restart(context, &id).await,
        Operation::Rewind { id } => control::rewind(context, &id).await,
        Operation::Entities { name } => entity::list(context, name.as_deref()).await,
        Operation::Entity { name, key } => entity::show(context, &name, &key).await,
        Operation::Signal { name, key } => entity::signal(context, &name, &key, body).await,
        Operation::DeleteEntity { name, key } => entity::delete(context, &name, &key).await,
    }
}

/// Finds out what is asked, and whether the caller may.
async fn admit(api: Api, parts: Parts) -> Result<(Operation, Context, Caller), Problem> {
    let path = parts.uri.path();
    let no_route = || Problem::not_found(format!("route {path}"));
    let scope = scope::parse(path).map_err(|_| no_route())?;
    let below = scope
        .rest
        .get(..DURABLE_PATH.len())
        .filter(|start| start.eq_ignore_ascii_case(DURABLE_PATH))
        .and_then(|start| scope.rest[start.len()..].strip_prefix('/'))
        .ok_or_else(no_route)?;
    // One slash at the end is no segment: clients list `instances/`.
    let below = below.strip_suffix('/').unwrap_or(below);
    let segments: Vec<_> = below
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8())
        .collect::<Result<_, _>>()
        .map_err(|_| no_route())?;
    let segments: Vec<_> = segments.iter().map(AsRef::as_ref).collect();
    let operation = Operation::find(&parts.method, &segments).ok_or_else(no_route)?;
    let now = api.host.now();
    let caller = match authenticate(&*api.store, &parts.headers, &parts.uri, now).await? {
        Some(caller) => Some(caller),
        // The peers' clients append paths to a base URL, which leaves no place for `?code=`.
        None => authenticate_basic(&*api.store, &parts.headers, now).await?,
    };
    let caller = caller
        .ok_or_else(|| Problem::new(Kind::Unauthenticated, "send a key, for instance ?code=KEY"))?;
    if !caller.reaches_app(&scope.app) {
        return Err(Problem::not_found(format!("app {}", scope.app.app)));
    }
    caller.require(operation.needs())?;
    if let Some(tenant) = &caller.tenant {
        api.host.admit(tenant)?;
    }
    let links = Links::new(&api.config, &parts, &scope);
    let context = Context {
        app: scope.app,
        query: Query::new(&parts.uri),
        headers: parts.headers,
        links,
        api,
    };
    Ok((operation, context, caller))
}

impl Context {
    /// The instance of that id. An id that no instance can have names none.
    fn key(&self, id: &str) -> Result<InstanceKey, Problem> {
        let parsed: Result<InstanceId, _> = id.parse();
        match parsed {
            Ok(id) if !id.is_entity() => Ok(InstanceKey::new(self.app.clone(), id)),
            Ok(_) | Err(_) => Err(Problem::not_found(format!("instance {id}"))),
        }
    }
}
