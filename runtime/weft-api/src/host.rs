//! What the API asks of the node that it is part of.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use serde::Serialize;
use utoipa::ToSchema;
use weft_app::{DescribedFunction, Function, Grants, Quota};
use weft_id::{AppId, Component, Tenant};
use weft_orchestration::{Failure, Payload, Timestamp};
use weft_store::{Digest, Error, Instance, RevisionId, Sealed, SealedKind, Store};
use weft_workflow::definition::{State, Workflow};
use weft_workflow::program::Program;
use weft_workflow::run::{CallbackKey, Settings};
use weft_workflow::trigger::{Entry, Told};

use crate::Problem;
use crate::workflow::{Deciders, Responders};

/// The node as the API sees it.
#[async_trait]
pub trait Host: Send + Sync + 'static {
    /// Checks and compiles an upload and finds its functions. A component that does not describe
    /// itself is one function, named like `name`. Nothing is deployed by this.
    ///
    /// # Errors
    /// [`PrepareError`].
    async fn prepare(
        &self,
        tenant: &Tenant,
        name: &Component,
        wasm: Bytes,
    ) -> Result<Prepared, PrepareError>;

    /// Runs an activity once, now, outside of any orchestration. Dropping the future cancels it.
    ///
    /// # Errors
    /// [`InvokeError`].
    async fn invoke(&self, call: Call) -> Result<Invoked, InvokeError>;

    /// Called after another revision of the app became active, and after the app was deleted.
    /// When it returns, this node serves the change.
    async fn deployed(&self, app: &AppId);

    /// Whether the active revision of the app has an orchestrator of this name, or a worker that is
    /// connected takes it; from memory where that is at hand: every start asks. `None` where there
    /// is no such app.
    ///
    /// # Errors
    /// The store's.
    async fn has_orchestrator(&self, app: &AppId, name: &str) -> Result<Option<bool>, Error>;

    /// Whether an instance is a run of a workflow that secures inputs or outputs, so that its events
    /// are shown without payloads: the run history of the workflow tells what may be seen.
    ///
    /// # Errors
    /// The store's.
    async fn conceals(&self, instance: &Instance) -> Result<bool, Error>;

    /// Runs the code that `revision` has for an instance over the instance's history. Nothing that
    /// the code asks for takes effect.
    ///
    /// # Errors
    /// The store's.
    async fn rehearse(&self, instance: &Instance, revision: RevisionId)
    -> Result<Rehearsed, Error>;

    /// What an open instance waits for that nobody serves now, for a person: `activity charge`.
    ///
    /// # Errors
    /// The store's.
    async fn unserved(&self, instance: &Instance) -> Result<Vec<String>, Error>;

    /// A workflow of an app; of the given revision, else of the active one. `None` where there is
    /// none of that name; the failure of its runs where it cannot be run.
    ///
    /// # Errors
    /// The store's.
    async fn workflow(
        &self,
        app: &AppId,
        revision: Option<RevisionId>,
        name: &str,
    ) -> Result<Option<Result<Arc<DeployedWorkflow>, Failure>>, Error>;

    /// The names of the active revision's workflows.
    ///
    /// # Errors
    /// The store's.
    async fn workflows(&self, app: &AppId) -> Result<Vec<String>, Error>;

    /// Signs the URLs by which the outside world answers runs that wait.
    fn callback_key(&self) -> CallbackKey;

    /// Signs all other URLs of a workflow that work without a key: those of its triggers, and what they
    /// lead to. Takes any name.
    ///
    /// # Errors
    /// The store's; [`Error::Broken`] where the key is told by what cannot be read.
    async fn access_key(&self, app: &AppId, workflow: &str) -> Result<CallbackKey, Error>;

    /// Where callers wait for the Response of a run.
    fn responders(&self) -> &Responders;

    /// Where callers wait for what comes of a firing that they have told of. It is told on the node that
    /// runs what watches the trigger.
    fn deciders(&self) -> &Deciders;

    /// Fires a trigger that is watched ([`weft_workflow::trigger::is_watched`]). What it starts is
    /// started later; when this returns, it is kept that it was fired.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is no such trigger; the store's.
    async fn fire(
        &self,
        app: &AppId,
        workflow: &str,
        trigger: &str,
        told: Told,
    ) -> Result<(), Error>;

    /// What became of the last firings of a trigger that is watched, the newest first.
    ///
    /// # Errors
    /// The store's.
    async fn trigger_history(
        &self,
        app: &AppId,
        workflow: &str,
        trigger: &str,
    ) -> Result<Vec<Entry>, Error>;

    /// Holds the runs of stateless workflows.
    fn stateless(&self) -> &Arc<dyn Store>;

    /// Encrypts what is to be kept of an app, so that it can be read under this name alone.
    fn seal(&self, app: &AppId, kind: SealedKind, name: &str, plain: &str) -> Vec<u8>;

    /// # Errors
    /// Where it was sealed with another key or for another place.
    fn unseal(&self, app: &AppId, kind: SealedKind, sealed: &Sealed) -> Result<String, String>;

    /// Called after secrets or connections of the app have changed.
    fn sealed_changed(&self, app: &AppId);

    /// Counts a request against the rate of a tenant.
    ///
    /// # Errors
    /// [`Kind::RateLimited`](crate::Kind::RateLimited).
    fn admit(&self, tenant: &Tenant) -> Result<(), Problem>;

    /// Whether so many bytes more may be kept of a tenant; for what is written before it is known
    /// to belong to one.
    ///
    /// # Errors
    /// [`Error::QuotaExceeded`]; the store's.
    async fn has_room(&self, tenant: &Tenant, bytes: u64) -> Result<(), Error>;

    /// Called after the terms of a tenant have changed, and after it was deleted. When it returns,
    /// this node keeps to the change.
    ///
    /// # Errors
    /// The store's.
    async fn terms_changed(&self, tenant: &Tenant) -> Result<(), Error>;

    /// What a tenant may reach: what it is granted, within the operator's policy.
    fn grants(&self, tenant: &Tenant) -> Arc<Grants>;

    /// What a tenant uses now, and has used since the node started.
    ///
    /// # Errors
    /// The store's.
    async fn usage(&self, tenant: &Tenant) -> Result<TenantUsage, Error>;
    /// The components of a tenant over which the node has failed too often to run them.
    fn quarantined(&self, tenant: &Tenant) -> Vec<Quarantined>;

    /// Lets a component of the tenant run again; whether it was quarantined.
    fn release(&self, tenant: &Tenant, digest: &Digest) -> bool;

    fn now(&self) -> Timestamp;

    /// Whether the node takes requests.
    ///
    /// # Errors
    /// Why not, for an operator.
    fn readiness(&self) -> Result<(), String>;
}

/// A workflow that can be run, in one revision of its app.
#[derive(Debug)]
pub struct DeployedWorkflow {
    pub revision: RevisionId,
    pub program: Arc<Program>,
    pub settings: Arc<Settings>,
    /// As it was deployed.
    pub workflow: Workflow,
    pub state: State,
}

impl DeployedWorkflow {
    /// Whether none of its triggers fires.
    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.state == State::Disabled
    }
}

/// What became of a rehearsal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rehearsed {
    /// The code follows the history, or the history tells nothing of the code.
    Follows,
    /// What the history has and what the code asks for.
    Diverges(String),
    /// The code could not be run now.
    NotRun(String),
}

/// A component that may be deployed.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    pub digest: Digest,
    /// Zero where the compiled code was there already.
    pub compile_ms: u64,
    pub functions: Vec<DescribedFunction>,
}

/// Why an upload cannot be deployed.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// These bytes are no component (truncated, a core module, precompiled code, ...).
    #[error("{0}")]
    NotAComponent(String),
    /// A component, but it exports nothing that weft runs, imports what weft does not offer, or
    /// describes itself wrongly.
    #[error("{0}")]
    WrongWorld(String),
    /// It passes a bound of the scan or of the compiler.
    #[error("{0}")]
    Limit(String),
    /// Too many compilations are under way; another try may succeed.
    #[error("too many components are being compiled")]
    Busy,
    /// The host failed.
    #[error("the compiler could not be run: {0}")]
    Internal(String),
}

/// What is said of a component over which the node has failed again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    pub digest: Digest,
    /// `host-panic` or `compiler`.
    pub cause: &'static str,
    pub failures: u32,
    /// Of the last failure.
    pub message: String,
    pub since: Timestamp,
}

/// One direct call of an activity.
#[derive(Debug, Clone)]
pub struct Call {
    pub app: AppId,
    pub revision: RevisionId,
    pub function: Function,
    /// The digest of the function's component.
    pub digest: Digest,
    pub input: Payload,
    /// W3C `traceparent` of the request.
    pub trace_parent: Option<String>,
}

/// What a direct call gave and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoked {
    pub output: Payload,
    pub duration_us: u64,
    /// Processor time of the guest, where the node measures it.
    pub cpu_us: Option<u64>,
    /// The most linear memory that the guest had.
    pub memory_bytes: u64,
}

/// What a tenant uses, beside what it may.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TenantUsage {
    /// When counting began.
    pub since: Timestamp,
    /// With the defaults of the node.
    pub quota: Quota,
    pub total: Used,
    pub by_function: Vec<FunctionUsage>,
    /// Calls that run now.
    pub running: u64,
    /// Linear memory of its instances now.
    pub memory_bytes: u64,
    /// What is deployed and kept now.
    pub kept: Kept,
}

/// What was used since counting began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Used {
    /// Calls of functions, whatever called them.
    pub requests: u64,
    /// Calls that gave no answer, or a failure.
    pub errors: u64,
    pub cpu_us: u64,
    /// The most linear memory at one time: of one call, or of the tenant in all.
    pub memory_bytes_peak: u64,
    /// Bytes exchanged with other hosts.
    pub egress_bytes: u64,
    pub log_bytes: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionUsage {
    pub app: weft_id::App,
    pub function: weft_id::Function,
    pub used: Used,
}

/// What quotas bound of that which is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Kept {
    /// Functions and workflows that are deployed.
    pub functions: u64,
    /// Components of all revisions, key-value pairs, objects, secrets and connections.
    pub stored_bytes: u64,
    /// Orchestrations and entities.
    pub instances: u64,
    pub history_bytes: u64,
}

/// Why a direct call gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The function says so itself.
    #[error("the function failed: {}", .0.message)]
    Failed(Failure),
    /// The guest trapped, or passed a bound other than time.
    #[error("{0}")]
    Trapped(String),
    #[error("the function did not answer within {limit_ms} ms")]
    TimedOut { limit_ms: u64 },
    /// As many calls run as may; another try may succeed.
    #[error("{0}")]
    Busy(String),
    /// The tenant has used up a rate of its quota.
    #[error("{}", .0.detail())]
    Limited(Problem),
    /// The node has failed over the component too often to run it.
    #[error("{0}")]
    Quarantined(String),
    /// The host failed.
    #[error("the function could not be run: {0}")]
    Internal(String),
}
