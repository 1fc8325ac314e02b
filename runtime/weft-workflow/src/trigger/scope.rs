//! What the expressions of a trigger see: parameters, app settings, and the trigger where it has
//! fired. There is no run yet, so there are no actions and no variables.

use std::cell::Cell;
use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::expression::{Budget, EvalError, Scope, Template};
use crate::program::Program;
use crate::run::Settings;
use crate::value::{Object, Value};

/// The values of a workflow's parameters, by name in lower case.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parameters {
    pub values: BTreeMap<String, Value>,
    /// Of those that hold secrets, the expression that each stands for.
    pub deferred: BTreeMap<String, String>,
}

/// The surroundings of a trigger's expressions.
#[derive(Debug, Clone)]
pub struct Surroundings<'a> {
    pub settings: &'a Settings,
    pub parameters: &'a Parameters,
    /// The trigger's object, as far as it is known.
    pub trigger: Value,
    /// What `listCallbackUrl()` gives.
    pub callback_url: Option<String>,
    pub now: Timestamp,
    random: Cell<u64>,
}

impl<'a> Surroundings<'a> {
    /// `seed` starts the sequence of random numbers.
    #[must_use]
    pub fn new(
        settings: &'a Settings,
        parameters: &'a Parameters,
        now: Timestamp,
        seed: u64,
    ) -> Self {
        Self {
            settings,
            parameters,
            trigger: Value::Null,
            callback_url: None,
            now,
            random: Cell::new(seed),
        }
    }

    /// The same with the trigger's object.
    #[must_use]
    pub fn with_trigger(mut self, trigger: Value) -> Self {
        self.trigger = trigger;
        self
    }

    /// The same with a URL by which the trigger is called.
    #[must_use]
    pub fn with_callback_url(mut self, url: Option<String>) -> Self {
        self.callback_url = url;
        self
    }
}

impl Scope for Surroundings<'_> {
    fn parameter(&self, name: &str) -> Option<Value> {
        self.parameters.values.get(&name.to_lowercase()).cloned()
    }

    fn variable(&self, _name: &str) -> Option<Value> {
        None
    }

    fn trigger(&self) -> Option<Value> {
        Some(self.trigger.clone())
    }

    fn action(&self, name: &str) -> Option<Value> {
        let trigger = self.trigger.get("name")?.to_text();
        (trigger.eq_ignore_ascii_case(name)).then(|| self.trigger.clone())
    }

    fn workflow(&self) -> Option<Value> {
        let name = &*self.settings.workflow;
        let members = [
            ("id", Value::from(format!("/workflows/{name}"))),
            ("name", Value::from(name)),
            ("type", Value::from("workflows")),
            ("location", Value::from("local")),
            ("tags", Value::Object(Object::new())),
        ];
        Some(members.into_iter().collect())
    }

    fn list_callback_url(&self) -> Option<Value> {
        self.callback_url.as_deref().map(Value::from)
    }

    fn defers_setting(&self, name: &str) -> bool {
        self.settings.defers(name)
    }

    fn deferred_parameter(&self, name: &str) -> Option<String> {
        self.parameters.deferred.get(&name.to_lowercase()).cloned()
    }

    fn app_setting(&self, name: &str) -> Option<Value> {
        self.settings.app_setting(name)
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    /// SplitMix64: every seed gives a good sequence.
    fn random(&self) -> u64 {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The values of a workflow's parameters. A text that holds a secret stays an expression; a larger
/// value that holds one is not there.
///
/// # Errors
/// A default or a given value cannot be evaluated.
pub fn parameters(
    program: &Program,
    settings: &Settings,
    now: Timestamp,
    seed: u64,
) -> Result<Parameters, EvalError> {
    let mut known = Parameters {
        values: settings.parameters(),
        deferred: BTreeMap::new(),
    };
    let mut budget = Budget::default();
    let mut read = |known: &mut Parameters, name: String, template: &Template| {
        let here = Surroundings::new(settings, known, now, seed);
        let (value, deferred) = template.evaluate_deferring(&here, &mut budget)?;
        match deferred.first() {
            None => {
                known.values.insert(name, value);
            }
            Some((pointer, rest)) if pointer.is_empty() => {
                let rest = rest.trim_start_matches('@').to_owned();
                known.deferred.insert(name, rest);
            }
            Some(_) => {}
        }
        Ok::<_, EvalError>(())
    };
    for parameter in program.parameters() {
        let name = parameter.name.to_lowercase();
        if let (None, Some(default)) = (known.values.get(&name), &parameter.default) {
            read(&mut known, name, default)?;
        }
    }
    for (name, template) in settings.parameter_templates() {
        read(&mut known, name, &template)?;
    }
    Ok(known)
}
