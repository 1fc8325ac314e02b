//! What actions of workflows ask of the outside world: HTTP requests, connections, scripts, maps and
//! schemas.
//!
//! The interpreter schedules an activity whose name begins with [`PREFIX`], which no function can
//! have; [`Connector::call`] carries it out: JSON in, JSON or a [`Failed`] out. One call is one
//! attempt: retries, polling and paging are the interpreter's, so that each of them is recorded.
//!
//! Invariants:
//! - every request leaves through the sandbox's egress, which checks where it goes;
//! - secrets are looked up here, at the last moment, and stand in no output and no message;
//! - every wait, body and script is bounded.

mod answer;
mod authentication;
mod chunked;
mod connection;
mod error;
mod request;
mod script;
mod secrets;
mod surroundings;
mod token;

use std::sync::Arc;
use std::time::Duration;

use weft_sandbox::{Outbound, TenantMeter};
use weft_workflow::value::Value;
use weft_workflow::wire::fill_in;

pub use error::Failed;
pub use script::{ScriptLimits, Scripts, script_main};
pub use surroundings::{Components, Surroundings};
pub use token::{Identity, IdentityEndpoint};

/// What the names of these activities begin with.
pub const PREFIX: &str = "workflow/";

/// Bounds of every call.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest that one request may take, whatever its action says (default 15 min).
    pub timeout_max: Duration,
    /// What a request may take where its action says nothing (default 2 min).
    pub timeout: Duration,
    /// Bytes of a response (default 3 MiB: what a history takes, also when it is encoded).
    pub response_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout_max: Duration::from_secs(900),
            timeout: Duration::from_secs(120),
            response_bytes_max: 3 << 20,
        }
    }
}

/// Carries out what workflows ask for. Cheap to clone.
#[derive(Clone)]
pub struct Connector {
    outbound: Outbound,
    tokens: Arc<token::Tokens>,
    scripts: Arc<Scripts>,
    limits: Limits,
}

impl Connector {
    #[must_use]
    pub fn new(outbound: Outbound, identity: IdentityEndpoint, scripts: Scripts) -> Self {
        Self {
            outbound,
            tokens: Arc::new(token::Tokens::new(identity)),
            scripts: Arc::new(scripts),
            limits: Limits::default(),
        }
    }

    /// The same in the name of a tenant: see [`Outbound::of_tenant`].
    #[must_use]
    pub fn of_tenant(&self, tenant: Arc<TenantMeter>) -> Self {
        Self {
            outbound: self.outbound.of_tenant(tenant),
            ..self.clone()
        }
    }

    /// Carries out the activity `name`, [`PREFIX`] included.
    ///
    /// # Errors
    /// [`Failed`], whose message holds no secret.
    pub async fn call(
        &self,
        name: &str,
        input: &str,
        surroundings: &Surroundings,
    ) -> Result<String, Failed> {
        let input: Value = serde_json::from_str(input)
            .map_err(|error| Failed::invalid(format!("the input is not JSON: {error}")))?;
        let mut known = secrets::Known::default();
        let (input, secrets) = fill_in(input, surroundings.around())?;
        secrets.iter().for_each(|secret| known.add_all(secret));
        let done = match name.strip_prefix(PREFIX).unwrap_or(name) {
            "http" => self.http(&input, &mut known).await,
            "connection" => self.connection(&input, surroundings, &mut known).await,
            "service-provider" => self.service(&input, surroundings, &mut known).await,
            "javascript" => self.scripts.run(&input).await,
            "xslt" => {
                self.scripts
                    .transform(&input, &surroundings.artifacts)
                    .await
            }
            "xml-validation" => self.scripts.validate(&input, &surroundings.artifacts).await,
            other => Err(Failed::unsupported(format!(
                "this node has no connector for {other:?}"
            ))),
        };
        done.map_err(|failed| known.redact(failed))
    }
}
