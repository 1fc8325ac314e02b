//! What a call may know of the app and the workflow that it is part of.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

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
    pub components: Arc<dyn Components>,
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An app whose activity `echo` gives back what it gets.
    pub(crate) fn surroundings(
        settings: &[(&str, &str)],
        connections: &[(&str, &str)],
    ) -> Surroundings {
        let table = |pairs: &[(&str, &str)]| {
            let pairs = pairs.iter();
            pairs
                .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
                .collect()
        };
        Surroundings {
            settings: Arc::new(table(settings)),
            connections: Arc::new(table(connections)),
            workflow_connections: None,
            workflow_parameters: None,
            components: Arc::new(Echo),
        }
    }

    struct Echo;

    #[async_trait]
    impl Components for Echo {
        async fn call(&self, activity: &str, input: String) -> Result<String, Failed> {
            match activity {
                "echo" => Ok(input),
                other => Err(Failed::unconfigured(format!(
                    "the app has no activity {other}"
                ))),
            }
        }
    }
}
