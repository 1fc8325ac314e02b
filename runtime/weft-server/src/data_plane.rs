//! The data plane: HTTP functions, the durable webhooks and workflows on one address.

use std::convert::Infallible;
use std::sync::Arc;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use http::request::Parts;
use http::{HeaderValue, Request, Response, header};
use tower::ServiceExt;
use weft_api::auth::authenticate;
use weft_api::logs::{Level, Record, Source};
use weft_api::{DURABLE_PATH, Kind, LogBook, Problem, is_workflow};
use weft_app::{Auth, scope};
use weft_id::AppId;
use weft_store::Store;
use weft_telemetry::Outcome;
use weft_trigger::{AppRoutes, Gateway, Host, Observed, Refused};
use weft_worker::Clock;

use crate::api_host::limited;
use crate::deployments::Deployments;
use crate::linger::RequestBody;

#[derive(Clone)]
pub(crate) struct DataPlane {
    gateway: Arc<Gateway<DataHost>>,
    durable: Router,
    workflow: Router,
}

impl DataPlane {
    pub(crate) fn new(gateway: Gateway<DataHost>, durable: Router, workflow: Router) -> Self {
        Self {
            gateway: Arc::new(gateway),
            durable,
            workflow,
        }
    }

    /// Answers every request; what fails is a problem document.
    pub(crate) async fn answer(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<Body>, Infallible> {
        if is_durable(request.uri().path()) {
            return self.durable.clone().oneshot(request.map(Body::new)).await;
        }
        if is_workflow(request.uri().path()) {
            return self.workflow.clone().oneshot(request.map(Body::new)).await;
        }
        Ok(match self.gateway.call(request).await {
            Ok(response) => response.map(Body::new),
            Err(refused) => problem(refused),
        })
    }
}

/// Whether a path belongs to the durable webhooks, with or without the prefix of an app.
fn is_durable(path: &str) -> bool {
    if path.starts_with("/api/") {
        return false;
    }
    let Ok(scope) = scope::parse(path) else {
        return false;
    };
    let start = scope.rest.get(..DURABLE_PATH.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(DURABLE_PATH))
}

fn problem(refused: Refused) -> Response<Body> {
    let problem = match refused {
        Refused::NotFound => Problem::new(Kind::NotFound, "no function has this route"),
        Refused::MethodNotAllowed(methods) => {
            let names: Vec<_> = methods.iter().map(http::Method::as_str).collect();
            let allow = names.join(", ");
            let detail = format!("this route takes {allow}");
            let mut response = Problem::new(Kind::MethodNotAllowed, detail).into_response();
            if let Ok(allow) = HeaderValue::try_from(allow) {
                response.headers_mut().insert(header::ALLOW, allow);
            }
            return response;
        }
        Refused::BadRequest(why) => Problem::new(Kind::InvalidRequest, why),
        Refused::Unauthenticated => Problem::new(
            Kind::Unauthenticated,
            "send a key as `Authorization: Bearer KEY`, `x-functions-key: KEY` or `?code=KEY`",
        ),
        Refused::Forbidden => Problem::new(Kind::Forbidden, "the key may not call this function"),
        Refused::TooLarge { bytes_max } => {
            let detail = format!("the body is limited to {bytes_max} bytes");
            Problem::new(Kind::TooLarge, detail).with("limit_bytes", bytes_max)
        }
        Refused::Busy(why) => Problem::new(Kind::Busy, why).retry_after(1),
        Refused::Limited(by) => limited(by),
        Refused::Quarantined => Problem::new(
            Kind::Quarantined,
            "the node failed over the function's component too often: it runs again when it is \
             deployed again, or released by an operator",
        ),
        Refused::Unavailable => {
            Problem::new(Kind::Unavailable, "the node cannot answer now").retry_after(1)
        }
        Refused::Crashed => Problem::new(Kind::FunctionTrapped, "why stands in the app's log"),
        Refused::TimedOut { limit_ms } => {
            let detail = format!("the function did not answer within {limit_ms} ms");
            Problem::new(Kind::FunctionTimeout, detail).with("limit_ms", limit_ms)
        }
        Refused::Internal => Problem::new(Kind::Internal, "the cause is in the node's log"),
    };
    problem.into_response()
}

/// What the gateway asks of the node.
pub(crate) struct DataHost {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) deployments: Arc<Deployments>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) logs: Arc<LogBook>,
}

#[async_trait]
impl Host for DataHost {
    async fn routes(&self, app: &AppId) -> Result<Option<Arc<AppRoutes>>, Refused> {
        match self.deployments.active(app).await {
            Ok(active) => Ok(active.map(|active| Arc::clone(&active.routes))),
            Err(error) => {
                tracing::error!(%app, %error, "the routes of an app cannot be read");
                Err(Refused::Unavailable)
            }
        }
    }

    async fn authorize(&self, request: &Parts, app: &AppId, auth: Auth) -> Result<(), Refused> {
        let (headers, uri) = (&request.headers, &request.uri);
        let caller = authenticate(&*self.store, headers, uri, self.clock.now()).await;
        let caller = caller.map_err(|problem| match problem.kind() {
            Kind::Unauthenticated => Refused::Unauthenticated,
            _ => Refused::Unavailable,
        })?;
        let caller = caller.ok_or(Refused::Unauthenticated)?;
        if caller.may_call(app, auth) {
            Ok(())
        } else if caller.reaches_app(app) {
            Err(Refused::Forbidden)
        } else {
            Err(Refused::NotFound)
        }
    }

    fn observe(&self, observed: Observed<'_>) {
        let call = &observed.target.invocation;
        let function = &call.function.name;
        if let Some(active) = self.deployments.known(&call.app)
            && let Some(metrics) = active.metrics.get(function)
        {
            let outcome = match observed.outcome {
                Ok(status) => Outcome::of_status(status.as_u16()),
                Err(_) => Outcome::ServerError,
            };
            metrics.observe(outcome, observed.duration);
        }
        if let Err(error) = observed.outcome
            && error.is_guest_fault()
        {
            let record = Record {
                at: self.clock.now(),
                level: Level::Error,
                source: Source::Host,
                function: Some(function.clone()),
                instance: None,
                message: error.to_string().replace(char::is_control, " "),
            };
            self.logs.push(&call.app, record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webhooks_are_told_from_functions() {
        assert!(is_durable("/runtime/webhooks/durabletask/instances/x"));
        assert!(is_durable("/@t/a/Runtime/webhooks/DurableTask/instances"));
        assert!(!is_durable("/api/runtime/webhooks/durabletask"));
        assert!(!is_durable("/@t/a/api/x"));
        assert!(!is_durable("/@t"));
    }

    #[test]
    fn a_wrong_method_says_which_are_right() {
        let methods = vec![http::Method::GET, http::Method::POST];
        let response = problem(Refused::MethodNotAllowed(methods));
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()[header::ALLOW], "GET, POST");
    }
}
