//! What a run takes from where its workflow is deployed.

use std::collections::BTreeMap;

use crate::expression::Template;
use crate::value::Value;

use super::CallbackKey;

/// The surroundings of all runs of a workflow in one revision of its app.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The workflow's name.
    pub workflow: String,
    /// Values for parameters, whether or not the definition declares them. Expressions in them are
    /// evaluated when a run begins.
    pub parameters: BTreeMap<String, Value>,
    pub app_settings: BTreeMap<String, Value>,
    /// Orchestrators and workflows of the app, by name.
    pub callees: BTreeMap<String, Callee>,
    /// The path of the app in the data plane, empty for the default one: what signatures are made
    /// over, whatever a stored input says that URLs begin with.
    pub base_path: String,
    /// Signs callback URLs.
    pub callback_key: CallbackKey,
}

/// What may be called as a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callee {
    Orchestrator,
    Workflow {
        /// Whether it has a Response.
        responds: bool,
    },
}

impl Settings {
    /// Values without expressions, by name in lower case.
    pub(crate) fn parameters(&self) -> BTreeMap<String, Value> {
        let given = self.parameters.iter();
        given
            .filter(|(_, value)| template(value).is_none_or(|t| t.is_literal()))
            .map(|(name, value)| (name.to_lowercase(), value.clone()))
            .collect()
    }

    /// The others.
    pub(crate) fn parameter_templates(&self) -> Vec<(String, Template)> {
        let given = self.parameters.iter();
        given
            .filter_map(|(name, value)| Some((name.to_lowercase(), template(value)?)))
            .filter(|(_, template)| !template.is_literal())
            .collect()
    }

    pub(crate) fn app_setting(&self, name: &str) -> Option<Value> {
        let exact = self.app_settings.get(name);
        let found = exact.or_else(|| {
            let mut all = self.app_settings.iter();
            all.find(|(other, _)| other.eq_ignore_ascii_case(name))
                .map(|(_, value)| value)
        });
        found.cloned()
    }

    /// What is no setting of the workflow may be a secret of the app, which runs are not to know.
    pub(crate) fn defers(&self, name: &str) -> bool {
        self.app_setting(name).is_none()
    }

    /// Names are compared without regard to letter case; `My_Flow` is the workflow that was deployed
    /// under the nearest valid name.
    pub(super) fn callee(&self, name: &str) -> Option<(&str, Callee)> {
        let nearest = weft_id::Function::nearest(name);
        let is_meant = |other: &str| {
            let nearest = nearest.as_ref().is_some_and(|own| own.as_str() == other);
            nearest || other.eq_ignore_ascii_case(name)
        };
        let mut all = self.callees.iter();
        all.find(|(other, _)| is_meant(other))
            .map(|(name, callee)| (name.as_str(), *callee))
    }
}

/// `None` for what does not compile: it is taken as it stands.
fn template(value: &Value) -> Option<Template> {
    Template::compile(value).ok()
}
