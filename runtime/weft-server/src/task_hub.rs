//! The node as the gRPC service sees it, and the service on its listener.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Body;
use http::{HeaderMap, Request, Response, Uri};
use tokio::sync::{Notify, watch};
use tonic::Status;
use tower::ServiceExt as _;
use weft_api::auth::{self, Caller, authenticate};
use weft_api::{Kind, Problem};
use weft_app::FunctionKind;
use weft_durabletask::{Node, Permission, Workers};
use weft_id::{App, AppId};
use weft_orchestration::Timestamp;
use weft_sandbox::Metering;
use weft_store::{AuditOutcome, AuditSeq, Error, Instance, NewAudit, Role, Store};
use weft_worker::Clock;

use crate::deployments::Deployments;
use crate::linger::RequestBody;
use crate::workflows::Workflows;

const WAKE_EVERY: Duration = Duration::from_millis(20);

pub(crate) struct TaskHub {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) deployments: Arc<Deployments>,
    pub(crate) workflows: Arc<Workflows>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metering: Metering,
    pub(crate) payload_bytes_max: usize,
    /// No key is asked for: nothing is kept, and only this machine reaches the node.
    pub(crate) open: bool,
}

/// Whether a node may be used without a key.
pub(crate) fn is_open(memory: bool, address: IpAddr) -> bool {
    memory && address.is_loopback()
}

/// Calls that manage instances rather than using them, as the management API names it.
const MANAGED: [(&str, &str); 7] = [
    ("/TerminateInstance", "terminate instance"),
    ("/SuspendInstance", "suspend instance"),
    ("/ResumeInstance", "resume instance"),
    ("/RewindInstance", "rewind instance"),
    ("/RestartInstance", "restart instance"),
    ("/PurgeInstances", "purge instances"),
    ("/CleanEntityStorage", "delete entity"),
];

/// Calls of workers begin so.
const OF_WORKERS: [&str; 4] = [
    "/GetWorkItems",
    "/Complete",
    "/Abandon",
    "/StreamInstanceHistory",
];

impl TaskHub {
    /// Lets a call in: counts it against the rate of its tenant, and writes it down where it manages
    /// something. The message is not read for that, so that the entry names the task hub only.
    async fn admit(&self, headers: &HeaderMap, path: &str) -> Result<Option<AuditSeq>, Status> {
        let caller = self.caller(headers).await?;
        let tenant = caller.as_ref().and_then(|caller| caller.tenant.clone());
        // What workers send is part of work that was admitted.
        let of_worker = OF_WORKERS.iter().any(|call| path.contains(call));
        if let Some(tenant) = tenant.as_ref().filter(|_| !of_worker) {
            let admitted = self.metering.of(tenant).admit_request();
            admitted.map_err(|limited| Status::resource_exhausted(limited.to_string()))?;
        }
        let managed = MANAGED.iter().find(|(call, _)| path.ends_with(call));
        let Some((_, action)) = managed else {
            return Ok(None);
        };
        let hub = headers.get("taskhub").and_then(|name| name.to_str().ok());
        let hub = hub.filter(|name| !name.is_empty()).unwrap_or("default");
        let new = NewAudit {
            at: self.clock.now(),
            tenant: Some(tenant.unwrap_or_default()),
            role: caller.as_ref().map_or(Role::Operator, |caller| caller.role),
            key: caller.map(|caller| caller.key),
            action: (*action).to_owned(),
            target: format!(
                "apps/{}/instances",
                hub.chars().take(63).collect::<String>()
            ),
        };
        let seq = self.store.begin_audit(new).await;
        seq.map(Some)
            .map_err(|error| Status::unavailable(error.to_string()))
    }

    async fn complete(&self, seq: AuditSeq, outcome: AuditOutcome) {
        if let Err(error) = self.store.end_audit(seq, outcome).await {
            tracing::warn!(seq = seq.0, %error, "the outcome of an action was not written down");
        }
    }

    /// Whose key a call has; `None` where none is asked for.
    async fn caller(&self, headers: &HeaderMap) -> Result<Option<Caller>, Status> {
        let now = self.clock.now();
        let caller = authenticate(&*self.store, headers, &Uri::default(), now).await;
        match caller.map_err(|problem| refused(&problem))? {
            None if !self.open => Err(Status::unauthenticated(
                "send a key as the metadata `authorization: Bearer KEY`",
            )),
            caller => Ok(caller),
        }
    }
}

fn outcome(response: &Response<Body>) -> AuditOutcome {
    // A refusal without a message stands in the head of the response.
    let code = response.headers().get("grpc-status");
    let code = code.and_then(|code| code.to_str().ok());
    let failed = code.filter(|code| *code != "0");
    AuditOutcome {
        status: if failed.is_some() { 400 } else { 200 },
        detail: failed.map(|code| format!("grpc-status {code}")),
    }
}

#[async_trait]
impl Node for TaskHub {
    async fn app(&self, metadata: &HeaderMap, permission: Permission) -> Result<AppId, Status> {
        let app = match metadata.get("taskhub").map(|value| value.to_str()) {
            None | Some(Ok("")) => App::default(),
            Some(Ok(name)) => {
                let name = name.to_lowercase();
                name.parse()
                    .map_err(|error: weft_id::Error| Status::invalid_argument(error.to_string()))?
            }
            Some(Err(_)) => return Err(Status::invalid_argument("taskhub is no text")),
        };
        let Some(caller) = self.caller(metadata).await? else {
            return Ok(AppId::new(weft_id::Tenant::default(), app));
        };
        let needed = match permission {
            Permission::Read => auth::Permission::ReadInstances,
            Permission::Invoke => auth::Permission::Invoke,
            Permission::Serve => auth::Permission::Deploy,
        };
        caller
            .require(needed)
            .map_err(|problem| refused(&problem))?;
        let app = AppId::new(caller.tenant.clone().unwrap_or_default(), app);
        if !caller.reaches_app(&app) {
            return Err(Status::permission_denied(format!(
                "the key is not for the app {}",
                app.app
            )));
        }
        Ok(app)
    }

    async fn has_orchestrator(&self, app: &AppId, name: &str) -> Result<bool, Error> {
        let kind = FunctionKind::Orchestrator;
        let found = self.deployments.find(app, None, name, kind).await?;
        Ok(found.is_some())
    }

    async fn conceals(&self, instance: &Instance) -> Result<bool, Error> {
        self.workflows.conceals(instance).await
    }

    fn payload_bytes_max(&self) -> usize {
        self.payload_bytes_max
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

fn refused(problem: &Problem) -> Status {
    match problem.kind() {
        Kind::Unauthenticated => Status::unauthenticated("the key is unknown or has expired"),
        Kind::Forbidden => Status::permission_denied("a key of this role may not do this"),
        _ => Status::unavailable("the store does not answer now"),
    }
}

/// Tells the node of workers that have connected, so that what waited for one is tried at once.
pub(crate) async fn wake(
    workers: Workers,
    nudge: Arc<Notify>,
    mut stopping: watch::Receiver<bool>,
) {
    loop {
        tokio::select! {
            () = workers.connected() => nudge.notify_one(),
            _ = stopping.changed() => return,
        }
        // However many connect, this is the most that it costs.
        tokio::time::sleep(WAKE_EVERY).await;
    }
}

/// The service as its listener calls it.
pub(crate) fn service(
    hub: TaskHub,
    workers: Workers,
) -> impl Fn(Request<RequestBody>) -> Answer + Clone + Send + 'static {
    let (store, hub) = (Arc::clone(&hub.store), Arc::new(hub));
    let node: Arc<dyn Node> = Arc::<TaskHub>::clone(&hub);
    let service = weft_durabletask::router(store, workers, node);
    move |request| {
        let (service, hub) = (service.clone(), Arc::clone(&hub));
        Box::pin(async move {
            // Messages may be long: those of strangers are not read.
            let admitted = hub.admit(request.headers(), request.uri().path()).await;
            let entry = match admitted {
                Ok(entry) => entry,
                Err(status) => return Ok(status.into_http()),
            };
            let answered = service.oneshot(request).await;
            let response = answered.map(|response| response.map(Body::new))?;
            if let Some(entry) = entry {
                let outcome = outcome(&response);
                hub.complete(entry, outcome).await;
            }
            Ok(response)
        })
    }
}

type Answer =
    std::pin::Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send + 'static>>;
