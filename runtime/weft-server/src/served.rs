//! What is there to be started and signalled: deployed, or in a worker that is connected.

use std::sync::Arc;

use weft_app::FunctionKind;
use weft_durabletask::{Kind, Workers};
use weft_id::AppId;
use weft_store::Error;

use crate::deployments::Deployments;

/// Who serves the names of apps.
#[derive(Clone)]
pub(crate) struct Served {
    pub(crate) deployments: Arc<Deployments>,
    pub(crate) workers: Workers,
}

impl Served {
    /// Whether the active revision of the app has an orchestrator or a workflow of this name, or a
    /// worker takes it. `None` where there is no such app.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn orchestrator(
        &self,
        app: &AppId,
        name: &str,
    ) -> Result<Option<bool>, Error> {
        let active = self.deployments.active(app).await?;
        let deployed = active.as_ref().is_some_and(|active| {
            let found = active.deployment.function(name, FunctionKind::Orchestrator);
            found.is_some() || active.deployment.workflow(name).is_some()
        });
        if deployed || self.workers.serve(app, Kind::Orchestration, name, None) {
            return Ok(Some(true));
        }
        // The app of workers need not be deployed.
        let known = active.is_some() || self.workers.has(app).await?;
        Ok(known.then_some(false))
    }

    /// Whether entities of this name are there.
    ///
    /// # Errors
    /// The store's.
    pub(crate) async fn entity(&self, app: &AppId, name: &str) -> Result<bool, Error> {
        let kind = FunctionKind::Entity;
        let found = self.deployments.find(app, None, name, kind).await?;
        Ok(found.is_some() || self.workers.serve(app, Kind::Entity, name, None))
    }
}
