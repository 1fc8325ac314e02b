//! Apps, revisions, components and functions.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;
use weft_app::{Auth, ComponentEntry, Deployment, DescribedFunction, Function, Trigger};
use weft_id::AppId;
use weft_store::Revision;

use super::{FaultView, WorkflowView};
use crate::Quarantined;
use crate::time::rfc3339;

#[derive(Serialize, ToSchema)]
pub(crate) struct AppList {
    pub(crate) apps: Vec<AppSummary>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct AppSummary {
    pub(crate) name: String,
    /// The active revision.
    pub(crate) revision: u32,
    /// When the active revision was made.
    pub(crate) deployed_at: String,
    pub(crate) functions: usize,
    pub(crate) workflows: usize,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct AppView {
    pub(crate) name: String,
    pub(crate) tenant: String,
    pub(crate) revision: u32,
    pub(crate) deployed_at: String,
    pub(crate) components: Vec<ComponentView>,
    pub(crate) functions: Vec<FunctionView>,
    pub(crate) workflows: Vec<WorkflowView>,
}

impl AppView {
    pub(crate) fn new(
        app: &AppId,
        revision: &Revision,
        deployment: &Deployment,
        quarantined: &[Quarantined],
    ) -> Self {
        let components = deployment.components().iter();
        Self {
            name: app.app.to_string(),
            tenant: app.tenant.to_string(),
            revision: revision.id.0,
            deployed_at: rfc3339(revision.created_at),
            components: components
                .map(|(name, entry)| ComponentView::new(name.as_str(), entry, quarantined))
                .collect(),
            functions: functions(deployment),
            workflows: WorkflowView::all(deployment),
        }
    }
}

pub(crate) fn functions(deployment: &Deployment) -> Vec<FunctionView> {
    let functions = deployment.functions().values();
    functions.map(FunctionView::new).collect()
}

/// A component and what was found in it.
#[derive(Serialize, ToSchema)]
pub(crate) struct ComponentView {
    pub(crate) name: String,
    /// SHA-256 of its bytes.
    pub(crate) digest: String,
    /// Its length in bytes.
    pub(crate) size: u64,
    pub(crate) functions: Vec<FoundFunction>,
    /// Why it is not run; absent where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) quarantine: Option<QuarantineView>,
}

impl ComponentView {
    pub(crate) fn new(name: &str, entry: &ComponentEntry, quarantined: &[Quarantined]) -> Self {
        let found = quarantined.iter();
        let found = found.filter(|found| found.digest.to_string() == entry.digest);
        Self {
            name: name.to_owned(),
            digest: entry.digest.clone(),
            size: entry.size,
            functions: entry.functions.iter().map(FoundFunction::new).collect(),
            quarantine: found.cloned().map(QuarantineView::new).next(),
        }
    }
}

/// A component over which the node has failed again and again.
#[derive(Serialize, ToSchema)]
pub(crate) struct QuarantineView {
    /// SHA-256 of its bytes.
    pub(crate) digest: String,
    /// `host-panic` where it is not run, `compiler` where it is not compiled.
    cause: &'static str,
    failures: u32,
    /// Of the last failure.
    message: String,
    since: String,
}

impl QuarantineView {
    pub(crate) fn new(found: Quarantined) -> Self {
        Self {
            digest: found.digest.to_string(),
            cause: found.cause,
            failures: found.failures,
            message: found.message,
            since: rfc3339(found.since),
        }
    }
}

/// The answer to an upload.
#[derive(Serialize, ToSchema)]
pub(crate) struct Uploaded {
    /// The revision that the upload made, or the active one where it changed nothing.
    pub(crate) revision: u32,
    /// Zero where the compiled code was there already.
    pub(crate) compile_ms: u64,
    #[serde(flatten)]
    pub(crate) component: ComponentView,
}

/// A function as its component describes it.
#[derive(Serialize, ToSchema)]
pub(crate) struct FoundFunction {
    name: String,
    /// `http`, `activity` or `orchestrator`.
    kind: &'static str,
    trigger: Option<TriggerView>,
    description: Option<String>,
    /// JSON Schema.
    input_schema: Option<Value>,
    /// JSON Schema.
    output_schema: Option<Value>,
}

impl FoundFunction {
    fn new(found: &DescribedFunction) -> Self {
        let route = found.route.as_ref().map(ToString::to_string);
        Self {
            name: found.name.to_string(),
            kind: found.kind.as_str(),
            trigger: (found.kind == weft_app::FunctionKind::Http).then(|| TriggerView {
                kind: "http",
                route: route.unwrap_or_else(|| found.name.to_string()),
                methods: found.methods.clone(),
            }),
            description: found.description.clone(),
            input_schema: found.input_schema.clone(),
            output_schema: found.output_schema.clone(),
        }
    }
}

/// What makes a function run from outside.
#[derive(Serialize, ToSchema)]
pub(crate) struct TriggerView {
    /// `http`
    #[serde(rename = "type")]
    kind: &'static str,
    /// Below `/api/`.
    route: String,
    /// Every method when empty.
    methods: Vec<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct FunctionList {
    pub(crate) functions: Vec<FunctionView>,
}

/// A function with everything that decides how it runs.
#[derive(Serialize, ToSchema)]
pub(crate) struct FunctionView {
    name: String,
    component: String,
    /// `http`, `activity` or `orchestrator`.
    kind: &'static str,
    /// Who may call it: `anonymous`, `function` or `admin`.
    auth: &'static str,
    trigger: Option<TriggerView>,
    limits: LimitsView,
    allowed_outbound_hosts: Vec<String>,
    env: BTreeMap<String, String>,
    description: Option<String>,
    /// JSON Schema.
    input_schema: Option<Value>,
    /// JSON Schema.
    output_schema: Option<Value>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct LimitsView {
    memory_mib: u32,
    timeout_ms: u32,
    concurrency: u32,
    /// Requests that one instance serves, one after another.
    requests_per_instance: u32,
}

impl FunctionView {
    pub(crate) fn new(function: &Function) -> Self {
        let hosts = function.allowed_outbound_hosts.iter();
        Self {
            name: function.name.to_string(),
            component: function.component.to_string(),
            kind: function.kind.as_str(),
            auth: match function.auth {
                Auth::Anonymous => "anonymous",
                Auth::Function => "function",
                Auth::Admin => "admin",
            },
            trigger: function.trigger.as_ref().map(|trigger| match trigger {
                Trigger::Http { route, methods } => TriggerView {
                    kind: "http",
                    route: route.to_string(),
                    methods: methods.clone(),
                },
            }),
            limits: LimitsView {
                memory_mib: function.limits.memory_mib,
                timeout_ms: function.limits.timeout_ms,
                concurrency: function.limits.concurrency,
                requests_per_instance: function.limits.requests_per_instance,
            },
            allowed_outbound_hosts: hosts.map(ToString::to_string).collect(),
            env: function.env.clone(),
            description: function.description.clone(),
            input_schema: function.input_schema.clone(),
            output_schema: function.output_schema.clone(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct RevisionList {
    /// Newest first.
    pub(crate) revisions: Vec<RevisionView>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct RevisionView {
    pub(crate) revision: u32,
    pub(crate) active: bool,
    pub(crate) created_at: String,
    pub(crate) functions: Vec<String>,
    pub(crate) workflows: Vec<String>,
}

/// The answer to whatever made or activated a revision.
#[derive(Serialize, ToSchema)]
pub(crate) struct Deployed {
    pub(crate) revision: u32,
    pub(crate) functions: Vec<FunctionView>,
    pub(crate) workflows: Vec<WorkflowView>,
    /// What may surprise the authors of workflows, with pointers that begin with `/workflows/{name}`.
    pub(crate) warnings: Vec<FaultView>,
    /// What the replay gate found, where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) check: Option<CheckView>,
}

/// How the code of a revision goes with the histories that there are.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CheckView {
    pub(crate) revision: u32,
    /// Whether it follows every history that was looked at.
    pub(crate) compatible: bool,
    /// Whether every open instance was looked at: there is a bound.
    pub(crate) complete: bool,
    /// Open instances, then some of those that have completed, newest first.
    pub(crate) instances: Vec<CheckedView>,
}

#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CheckedView {
    pub(crate) id: String,
    pub(crate) orchestrator: String,
    pub(crate) runtime_status: &'static str,
    /// `compatible`, `diverges` or `not-run`.
    pub(crate) verdict: &'static str,
    /// At which event it diverges, what history has and what the code asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<String>,
}
