//! Workflows.

use serde::Serialize;
use utoipa::ToSchema;
use weft_app::{Deployment, Workflow};
use weft_id::Function;

#[derive(Serialize, ToSchema)]
pub(crate) struct WorkflowList {
    pub(crate) workflows: Vec<WorkflowView>,
}

/// An outline of a workflow.
#[derive(Serialize, ToSchema)]
pub(crate) struct WorkflowView {
    name: String,
    /// `Stateful` or `Stateless`.
    kind: &'static str,
    triggers: Vec<WorkflowTriggerView>,
    /// How many actions it has, those inside others included.
    actions: usize,
}

#[derive(Serialize, ToSchema)]
struct WorkflowTriggerView {
    name: String,
    /// `Request`, `Recurrence` and so on.
    #[serde(rename = "type")]
    kind: String,
}

/// The answer to a deployment.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeployedWorkflow {
    /// The revision that the deployment made, or the active one where it changed nothing.
    pub(crate) revision: u32,
    #[serde(flatten)]
    pub(crate) workflow: WorkflowView,
}

impl WorkflowView {
    pub(crate) fn new(name: &Function, workflow: &Workflow) -> Self {
        let outline = workflow.outline();
        let triggers = outline.triggers.into_iter();
        Self {
            name: name.to_string(),
            kind: workflow.kind().as_str(),
            triggers: triggers
                .map(|(name, kind)| WorkflowTriggerView { name, kind })
                .collect(),
            actions: outline.actions,
        }
    }

    pub(crate) fn all(deployment: &Deployment) -> Vec<Self> {
        let workflows = deployment.workflows().iter();
        workflows
            .map(|(name, workflow)| Self::new(name, workflow))
            .collect()
    }
}
