//! A function as it runs: everything resolved.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use weft_id::Component;

use crate::{Grants, Limits, OutboundHost, RouteTemplate};

/// A deployed function with all that decides how it runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Function {
    pub name: weft_id::Function,
    pub component: Component,
    pub kind: FunctionKind,
    /// Who may call it through the data plane.
    pub auth: Auth,
    /// What calls it from outside; `None` for what is called by orchestrators, by the management
    /// API and by the durable webhooks only.
    pub trigger: Option<Trigger>,
    pub limits: Limits,
    /// Where outbound requests may go; nowhere when empty.
    pub allowed_outbound_hosts: Vec<OutboundHost>,
    /// What it asks to reach besides; see [`Function::asks`].
    #[serde(default, skip_serializing_if = "is_default")]
    pub capabilities: Grants,
    pub env: BTreeMap<String, String>,
    pub description: Option<String>,
    pub input_schema: Option<Value>,
    pub output_schema: Option<Value>,
}

fn is_default(grants: &Grants) -> bool {
    *grants == Grants::default()
}

impl Function {
    /// Everything that it asks to reach: hosts and secrets only by name, the other things of its app
    /// where it does not say otherwise.
    #[must_use]
    pub fn asks(&self) -> Grants {
        Grants {
            outbound_hosts: Some(self.allowed_outbound_hosts.clone()),
            secrets: Some(self.capabilities.secrets.clone().unwrap_or_default()),
            ..self.capabilities.clone()
        }
    }
}

/// What a function implements.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum FunctionKind {
    Http,
    Activity,
    Orchestrator,
    Entity,
}

impl FunctionKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Activity => "activity",
            Self::Orchestrator => "orchestrator",
            Self::Entity => "entity",
        }
    }
}

/// Who may call an HTTP function.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Auth {
    /// Everybody.
    Anonymous,
    /// A key of the tenant that may invoke.
    #[default]
    Function,
    /// A key of the tenant's owner or of the operator.
    Admin,
}

/// What makes a function run without being called by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Trigger {
    Http {
        /// Below `/api/`.
        route: RouteTemplate,
        /// Upper case; every method when empty.
        methods: Vec<String>,
    },
}
