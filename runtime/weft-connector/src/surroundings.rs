//! What a call may know of the app and the workflow that it is part of.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use weft_workflow::wire::Around;
use weft_workflow::xml::Artifacts;

use crate::Failed;

/// Looked up by whoever calls, for each call.
#[derive(Clone)]
pub struct Surroundings {
    /// What `appsetting('X')` gives: the workflow's settings, and the app's secrets.
    pub settings: Arc<BTreeMap<String, String>>,
    /// The app's connections by name, each a JSON object.
    pub connections: Arc<BTreeMap<String, String>>,
    /// The workflow's `connections.json`.
    pub workflow_connections: Option<Arc<str>>,
    /// The workflow's parameters, `{name: {"value": ...}}`; `$connections` is looked for there.
    pub workflow_parameters: Option<Arc<str>>,
    /// The maps and schemas of the project.
    pub artifacts: Arc<Artifacts>,
    pub components: Arc<dyn Components>,
}

impl Surroundings {
    pub(crate) fn around(&self) -> Around<'_> {
        Around {
            settings: &self.settings,
            connections: &self.connections,
            workflow_connections: self.workflow_connections.as_deref(),
            workflow_parameters: self.workflow_parameters.as_deref(),
        }
    }
}

/// The app's functions.
#[async_trait]
pub trait Components: Send + Sync {
    /// Runs an activity of the app: JSON in, JSON out.
    ///
    /// # Errors
    /// Its failure, or that there is none of this name.
    async fn call(&self, activity: &str, input: String) -> Result<String, Failed>;
}
