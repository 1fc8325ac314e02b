//! The management REST API and the Durable Functions HTTP API.
//!
//! Owns routes, their wire types, keys and what each role may do, problems (RFC 9457) and the
//! book of recent log lines. It never runs a component: whoever composes a node hands in a
//! [`Host`] that does.
//!
//! Invariants:
//! - the tenant comes from the key alone; what belongs to another tenant answers exactly as what
//!   does not exist;
//! - every body has a bound, every error is a [`Problem`];
//! - a deployment reads the active revision, changes it and appends the result, and does so again
//!   when somebody else was faster, so that no upload is lost.

mod access_key;
mod audit;
pub mod auth;
mod body;
mod config;
mod deploy;
mod durable;
mod entity;
mod host;
pub mod logs;
mod model;
mod openapi;
mod params;
mod problem;
mod routes;
mod start;
mod stopping;
mod time;
mod wait;
mod workflow;

use std::sync::Arc;

use weft_store::Store;

pub use config::Config;
pub use durable::{DURABLE_PATH, router as durable_router};
pub use host::{
    Call, DeployedWorkflow, FunctionUsage, Host, InvokeError, Invoked, Kept, PrepareError,
    Prepared, Quarantined, Rehearsed, TenantUsage, Used,
};
pub use logs::LogBook;
pub use openapi::document as openapi_document;
pub use problem::{Kind, Problem};
pub use routes::router as admin_router;
pub use start::check_labels;
pub use stopping::Stopping;
pub use workflow::{
    Awaited, Deciders, RESPOND, Responders, WORKFLOW_PATH, base_path, is_workflow,
    router as workflow_router,
};

/// What every handler works with.
#[derive(Clone)]
pub struct Api {
    pub store: Arc<dyn Store>,
    pub host: Arc<dyn Host>,
    pub logs: Arc<LogBook>,
    pub config: Arc<Config>,
    pub stopping: Stopping,
}

impl Api {
    /// Where the runs of a workflow are kept.
    fn store_for(&self, deployed: &DeployedWorkflow) -> &Arc<dyn Store> {
        match deployed.workflow.kind {
            weft_workflow::definition::Kind::Stateful => &self.store,
            weft_workflow::definition::Kind::Stateless => self.host.stateless(),
        }
    }

    /// Where an instance is kept that may be a run of either kind of workflow.
    async fn store_of(&self, key: &weft_id::InstanceKey) -> Result<&Arc<dyn Store>, Problem> {
        let stateless = self.host.stateless();
        match stateless.instance(key).await? {
            Some(_) => Ok(stateless),
            None => Ok(&self.store),
        }
    }
}
