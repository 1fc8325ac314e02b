//! The document that one revision of an app is.
//!
//! Values in, values out: each change makes a new document from the old one. Settings are kept
//! beside the functions resolved from them, so that a component may be replaced without losing
//! them; those of a function that goes away go with it, because whoever takes the name later must
//! not inherit its grants.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use weft_id::Component;

use crate::fault::{Fault, Faults};
use crate::{Function, FunctionKind, Retention, RouteTemplate, Settings, State, Trigger, Workflow};

/// Everything that is deployed of one app.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    components: BTreeMap<Component, ComponentEntry>,
    settings: BTreeMap<weft_id::Function, Settings>,
    functions: BTreeMap<weft_id::Function, Function>,
    /// Share one space of names with the functions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    workflows: BTreeMap<weft_id::Function, Workflow>,
    /// What was said of workflows since they were deployed; it comes before what their documents say.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    states: BTreeMap<weft_id::Function, State>,
    #[serde(default, skip_serializing_if = "Retention::is_empty")]
    retention: Retention,
}

/// An uploaded component and what was found in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentEntry {
    /// SHA-256 of its bytes as 64 hexadecimal digits.
    pub digest: String,
    /// Its length in bytes.
    pub size: u64,
    pub functions: Vec<DescribedFunction>,
}

/// A function as its component describes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DescribedFunction {
    pub name: weft_id::Function,
    pub kind: FunctionKind,
    pub description: Option<String>,
    pub input_schema: Option<Value>,
    pub output_schema: Option<Value>,
    /// For HTTP functions.
    pub route: Option<RouteTemplate>,
    /// For HTTP functions: upper case; every method when empty.
    pub methods: Vec<String>,
}

/// Why settings were not applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("there is no function {0}")]
    UnknownFunction(weft_id::Function),
    #[error(transparent)]
    Faults(#[from] Faults),
}

impl Deployment {
    /// A document of these components, with settings for some of their functions. Pointers of
    /// faults are those of the manifest.
    ///
    /// # Errors
    /// Every fault: names that occur twice, settings for absent functions, settings that a kind
    /// of function cannot have, routes that collide.
    pub fn new(
        components: BTreeMap<Component, ComponentEntry>,
        settings: BTreeMap<weft_id::Function, Settings>,
    ) -> Result<Self, Faults> {
        let mut faults = Vec::new();
        let mut functions: BTreeMap<_, Function> = BTreeMap::new();
        for (component, entry) in &components {
            for described in &entry.functions {
                let name = &described.name;
                if let Some(other) = functions.get(name) {
                    faults.push(name_taken(component, described, &other.component));
                    continue;
                }
                let own = settings.get(name).cloned().unwrap_or_default();
                faults.extend(own.check_kind(described.kind, &format!("/functions/{name}")));
                functions.insert(name.clone(), resolve(component, described, own));
            }
        }
        for name in settings
            .keys()
            .filter(|name| !functions.contains_key(*name))
        {
            let names: Vec<_> = functions.keys().map(ToString::to_string).collect();
            let hint = format!("the components hold: {}", names.join(", "));
            let pointer = format!("/functions/{name}");
            faults.push(Fault::new(pointer, "no component holds this function").hint(hint));
        }
        faults.extend(colliding_routes(&functions));
        Faults::check(faults)?;
        Ok(Self {
            components,
            settings,
            functions,
            workflows: BTreeMap::new(),
            states: BTreeMap::new(),
            retention: Retention::default(),
        })
    }

    /// This document with a component added or replaced.
    ///
    /// # Errors
    /// The faults of [`Self::new`].
    pub fn with_component(&self, name: Component, entry: ComponentEntry) -> Result<Self, Faults> {
        let mut components = self.components.clone();
        components.insert(name, entry);
        self.with_components(components)
    }

    /// This document without a component; `None` where it has none of that name.
    #[must_use]
    pub fn without_component(&self, name: &Component) -> Option<Self> {
        let mut components = self.components.clone();
        components.remove(name)?;
        let fewer = self.with_components(components);
        Some(fewer.expect("what is left was free of faults before"))
    }

    fn with_components(
        &self,
        components: BTreeMap<Component, ComponentEntry>,
    ) -> Result<Self, Faults> {
        let kept = |(name, _): &(&weft_id::Function, &Settings)| {
            let own = self.functions.get(*name).map(|f| (&f.component, f.kind));
            own.is_some_and(|(component, kind)| {
                let entry = components.get(component);
                let described = entry.into_iter().flat_map(|entry| &entry.functions);
                described
                    .filter(|described| described.kind == kind)
                    .any(|described| described.name == **name)
            })
        };
        let settings = self.settings.iter().filter(kept);
        let settings = settings.map(|(name, own)| (name.clone(), own.clone()));
        let settings = settings.collect();
        let changed = Self::new(components, settings)?
            .with_retention(self.retention)
            .with_workflows(self.workflows.clone())?;
        Ok(Self {
            states: self.states.clone(),
            ..changed
        })
    }

    /// This document with these workflows in place of those it has.
    ///
    /// # Errors
    /// Names that functions have.
    pub fn with_workflows(
        self,
        workflows: BTreeMap<weft_id::Function, Workflow>,
    ) -> Result<Self, Faults> {
        let taken = workflows.keys().filter_map(|name| {
            let function = self.functions.get(name)?;
            let component = &function.component;
            let message = format!("the component {component} holds a function {name}");
            let hint = "functions and workflows of an app share their names; rename one of them";
            Some(Fault::new(format!("/workflows/{name}"), message).hint(hint))
        });
        Faults::check(taken.collect())?;
        Ok(Self { workflows, ..self })
    }

    /// This document with a workflow added or replaced. A state that it was given stays, unless the
    /// new one states one of its own.
    ///
    /// # Errors
    /// Where a function has the name.
    pub fn with_workflow(
        &self,
        name: weft_id::Function,
        workflow: Workflow,
    ) -> Result<Self, Faults> {
        let mut workflows = self.workflows.clone();
        workflows.insert(name, workflow);
        let changed = Self {
            states: BTreeMap::new(),
            ..self.clone()
        };
        Ok(changed.with_workflows(workflows)?.with_states_of(self))
    }

    /// This document with the states that were given to workflows of an earlier one: of those that it
    /// has too, and that state none of their own now.
    #[must_use]
    pub fn with_states_of(mut self, earlier: &Self) -> Self {
        for (name, state) in &earlier.states {
            let own = self.workflows.get(name);
            if own.is_some_and(|own| own.state(name).is_none()) {
                self.states.insert(name.clone(), *state);
            }
        }
        self
    }

    /// This document with a workflow enabled or disabled; `None` where it has none of that name.
    #[must_use]
    pub fn with_state(&self, name: &weft_id::Function, state: State) -> Option<Self> {
        let stated = self.workflows.get(name)?.state(name);
        let mut changed = self.clone();
        match stated.unwrap_or(State::Enabled) == state {
            true => changed.states.remove(name),
            false => changed.states.insert(name.clone(), state),
        };
        Some(changed)
    }

    /// This document without a workflow; `None` where it has none of that name.
    #[must_use]
    pub fn without_workflow(&self, name: &weft_id::Function) -> Option<Self> {
        let mut fewer = self.clone();
        fewer.workflows.remove(name)?;
        fewer.states.remove(name);
        Some(fewer)
    }

    /// This document with the settings of one function replaced. Pointers of faults are relative
    /// to the settings.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn with_settings(
        &self,
        name: &weft_id::Function,
        new: Settings,
    ) -> Result<Self, SettingsError> {
        if !self.functions.contains_key(name) {
            return Err(SettingsError::UnknownFunction(name.clone()));
        }
        let mut settings = self.settings.clone();
        settings.insert(name.clone(), new);
        let new = Self::new(self.components.clone(), settings);
        let new = new.map(|new| Self {
            workflows: self.workflows.clone(),
            states: self.states.clone(),
            ..new.with_retention(self.retention)
        });
        new.map_err(|faults| {
            let prefix = format!("/functions/{name}");
            let relative = faults.as_slice().iter().map(|fault| Fault {
                pointer: fault
                    .pointer
                    .strip_prefix(&prefix)
                    .unwrap_or(&fault.pointer)
                    .to_owned(),
                ..fault.clone()
            });
            let relative = Faults::check(relative.collect());
            relative.expect_err("as many faults as before").into()
        })
    }

    /// This document with another time that ended instances are kept.
    #[must_use]
    pub fn with_retention(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    #[must_use]
    pub fn retention(&self) -> Retention {
        self.retention
    }

    #[must_use]
    pub fn components(&self) -> &BTreeMap<Component, ComponentEntry> {
        &self.components
    }

    #[must_use]
    pub fn functions(&self) -> &BTreeMap<weft_id::Function, Function> {
        &self.functions
    }

    #[must_use]
    pub fn workflows(&self) -> &BTreeMap<weft_id::Function, Workflow> {
        &self.workflows
    }

    /// The workflow of that name. Takes any text: definitions in the wild name others with upper
    /// case, blanks and underlines, and mean what was deployed under the nearest valid name.
    #[must_use]
    pub fn workflow(&self, name: &str) -> Option<(&weft_id::Function, &Workflow)> {
        let name = weft_id::Function::nearest(name)?;
        self.workflows.get_key_value(&name)
    }

    /// Whether the triggers of a workflow fire, where that was said since it was deployed: else its
    /// document says it.
    #[must_use]
    pub fn given_state(&self, name: &weft_id::Function) -> Option<State> {
        self.states.get(name).copied()
    }

    /// Whether the triggers of a workflow fire.
    #[must_use]
    pub fn state(&self, name: &weft_id::Function) -> State {
        let stated = || self.workflows.get(name)?.state(name);
        let state = self.given_state(name).or_else(stated);
        state.unwrap_or(State::Enabled)
    }

    /// The settings that were given for a function; defaults where none were.
    #[must_use]
    pub fn settings(&self, name: &weft_id::Function) -> Settings {
        self.settings.get(name).cloned().unwrap_or_default()
    }

    /// The function of that name, where it is of that kind. Takes any text: guests may ask for
    /// names that no function can have.
    #[must_use]
    pub fn function(&self, name: &str, kind: FunctionKind) -> Option<&Function> {
        let name: weft_id::Function = name.parse().ok()?;
        self.functions
            .get(&name)
            .filter(|function| function.kind == kind)
    }

    /// HTTP functions with their routes and methods (every method when empty), by name.
    pub fn http_routes(&self) -> impl Iterator<Item = (&Function, &RouteTemplate, &[String])> {
        self.functions.values().filter_map(|function| {
            let Trigger::Http { route, methods } = function.trigger.as_ref()?;
            Some((function, route, methods.as_slice()))
        })
    }

    /// The component that holds a function, with its digest.
    #[must_use]
    pub fn component_of(&self, function: &Function) -> Option<&ComponentEntry> {
        self.components.get(&function.component)
    }

    /// # Errors
    /// Where the text is no such document, in `serde_json`'s words.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("string keys and plain values only")
    }
}

fn resolve(component: &Component, described: &DescribedFunction, own: Settings) -> Function {
    let trigger = (described.kind == FunctionKind::Http).then(|| Trigger::Http {
        route: own
            .route
            .or_else(|| described.route.clone())
            .unwrap_or_else(|| RouteTemplate::from(&described.name)),
        methods: own.methods.unwrap_or_else(|| described.methods.clone()),
    });
    Function {
        name: described.name.clone(),
        component: component.clone(),
        kind: described.kind,
        auth: own.auth.unwrap_or_default(),
        trigger,
        limits: own.limits.resolve(),
        allowed_outbound_hosts: own.allowed_outbound_hosts,
        capabilities: own.capabilities,
        env: own.env,
        description: described.description.clone(),
        input_schema: described.input_schema.clone(),
        output_schema: described.output_schema.clone(),
    }
}

fn name_taken(component: &Component, described: &DescribedFunction, other: &Component) -> Fault {
    let name = &described.name;
    let message = if component == other {
        format!("the component {component} describes the function {name} twice")
    } else {
        format!("the components {other} and {component} both hold a function {name}")
    };
    let hint = "a function's name is unique within its app; rename one or remove a component";
    Fault::new(format!("/components/{component}"), message).hint(hint)
}

/// Two functions may share a route only when each names its methods and none is named twice.
fn colliding_routes(functions: &BTreeMap<weft_id::Function, Function>) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut seen: Vec<(String, &[String], &weft_id::Function)> = Vec::new();
    for function in functions.values() {
        let Some(Trigger::Http { route, methods }) = &function.trigger else {
            continue;
        };
        let shape = route.shape();
        let overlaps = |other: &[String]| {
            other.is_empty() || methods.is_empty() || other.iter().any(|m| methods.contains(m))
        };
        let other = seen
            .iter()
            .find(|(other_shape, other, _)| *other_shape == shape && overlaps(other));
        if let Some((_, _, other)) = other {
            let name = &function.name;
            let message = format!(
                "the route {route:?} is the one of the function {other}",
                route = route.to_string()
            );
            let hint = "give one of them another route or other methods";
            faults.push(Fault::new(format!("/functions/{name}/route"), message).hint(hint));
        }
        seen.push((shape, methods, &function.name));
    }
    faults
}

#[cfg(test)]
mod tests;
