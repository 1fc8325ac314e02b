//! The routes of one revision of an app.

use std::sync::Arc;

use http::Method;
use weft_app::{Auth, Deployment};
use weft_id::AppId;
use weft_sandbox::Invocation;

use crate::{Match, RouteTable};

/// Where each path of an app leads to; made once for a revision.
#[derive(Debug, Default)]
pub struct AppRoutes {
    table: RouteTable<Arc<Target>>,
}

/// An HTTP function, ready to be called.
#[derive(Debug, Clone)]
pub struct Target {
    pub invocation: Invocation,
    pub auth: Auth,
}

impl AppRoutes {
    /// The HTTP functions of a deployment. A function whose component is missing is left out: it
    /// could not run.
    #[must_use]
    pub fn new(app: &AppId, deployment: &Deployment) -> Self {
        let mut table = RouteTable::default();
        for (function, route, methods) in deployment.http_routes() {
            let entry = deployment.component_of(function);
            let Some(component) = entry.and_then(|entry| entry.digest.parse().ok()) else {
                tracing::error!(%app, function = %function.name, "no component has this function");
                continue;
            };
            let methods = methods.iter().filter_map(|method| method.parse().ok());
            let target = Target {
                auth: function.auth,
                invocation: Invocation {
                    app: app.clone(),
                    function: Arc::new(function.clone()),
                    component,
                    instance: None,
                },
            };
            table.insert(route, methods.collect(), Arc::new(target));
        }
        Self { table }
    }

    /// Finds the function of a path below `/api/`.
    #[must_use]
    pub fn find(&self, path: &str, method: &Method) -> Match<'_, Arc<Target>> {
        self.table.find(path, method)
    }
}
