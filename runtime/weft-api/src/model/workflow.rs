//! Workflows.

use serde::Serialize;
use utoipa::ToSchema;
use weft_app::{Deployment, Workflow};
use weft_id::Function;

use super::FaultView;

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
    /// `Enabled`, or `Disabled`: its triggers do not fire.
    state: &'static str,
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

/// What was made of a workflow.
#[derive(Serialize, ToSchema)]
pub(crate) struct WorkflowStateView {
    /// The revision that has it, new where it is another state than before.
    pub(crate) revision: u32,
    #[serde(flatten)]
    pub(crate) workflow: WorkflowView,
}

/// The answer to a deployment.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeployedWorkflow {
    /// The revision that the deployment made, or the active one where it changed nothing.
    pub(crate) revision: u32,
    #[serde(flatten)]
    pub(crate) workflow: WorkflowView,
    /// What may surprise the author: the workflow is deployed all the same.
    pub(crate) warnings: Vec<FaultView>,
}

impl WorkflowView {
    /// `deployment` is the one that has the workflow.
    pub(crate) fn new(name: &Function, workflow: &Workflow, deployment: &Deployment) -> Self {
        let outline = workflow.outline();
        let triggers = outline.triggers.into_iter();
        Self {
            name: name.to_string(),
            kind: workflow.kind().as_str(),
            state: deployment.state(name).as_str(),
            triggers: triggers
                .map(|(name, kind)| WorkflowTriggerView { name, kind })
                .collect(),
            actions: outline.actions,
        }
    }

    /// What may surprise the author of a workflow.
    pub(crate) fn warnings(workflow: &Workflow) -> Vec<FaultView> {
        let found = Workflow::examine(workflow.document()).warnings;
        found.iter().map(FaultView::new).collect()
    }

    /// The same for all workflows, with pointers that begin with `/workflows/{name}`.
    pub(crate) fn all_warnings(deployment: &Deployment) -> Vec<FaultView> {
        let workflows = deployment.workflows().iter();
        workflows
            .flat_map(|(name, workflow)| {
                let found = Self::warnings(workflow).into_iter();
                found.map(move |warning| warning.below(&format!("/workflows/{name}")))
            })
            .collect()
    }

    pub(crate) fn all(deployment: &Deployment) -> Vec<Self> {
        let workflows = deployment.workflows().iter();
        workflows
            .map(|(name, workflow)| Self::new(name, workflow, deployment))
            .collect()
    }
}
