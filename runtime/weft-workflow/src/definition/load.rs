//! From a document to the workflows in it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::value::{Object, Value};

use super::fault::Fault;
use super::template::{self, Names, Resolver};
use super::text;
use super::validate::{Known, validate};

/// What a deployment gives beside the document.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The name under which the workflow is deployed; replaces `#workflowname#`.
    pub name: Option<String>,
    /// Values for the parameters of a deployment template.
    pub template_parameters: Object,
    /// What else a template asks: `subscriptionId`, `resourceGroup`, `location`, `deployment`,
    /// `tenantId`.
    pub facts: Vec<(String, String)>,
    /// Values for the parameters of the workflow; those in the document win.
    pub parameters: Object,
    /// In the form of `connections.json`; the document wins.
    pub connections: Value,
    pub app_settings: Object,
}

impl Options {
    /// Takes the parameters of a file of parameters (`{"parameters": {"x": {"value": 1}}}`), or of its
    /// inner object.
    #[must_use]
    pub fn with_template_parameters(mut self, file: &Value) -> Options {
        let inner = file.get("parameters").unwrap_or(file);
        self.template_parameters = values(inner);
        self
    }
}

/// The form that a document has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A deployment template, or one resource of it.
    Template,
    /// `workflow.json`: `definition` and `kind`.
    Standard,
    /// The body of a deployment: `definition` beside parameters, connections, settings or artifacts.
    Body,
    /// The definition itself.
    Bare,
}

/// Whether the state of a run is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    #[default]
    Stateful,
    Stateless,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Stateful => "Stateful",
            Kind::Stateless => "Stateless",
        })
    }
}

/// Whether the triggers of a workflow fire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    Enabled,
    Disabled,
}

impl State {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            State::Enabled => "Enabled",
            State::Disabled => "Disabled",
        }
    }

    /// In whatever letter case; `None` for what says nothing.
    fn read(value: &Value) -> Option<Self> {
        let text = value.as_str()?;
        let mut all = [State::Enabled, State::Disabled].into_iter();
        all.find(|state| state.as_str().eq_ignore_ascii_case(text))
    }
}

/// A document, read.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub form: Form,
    /// At least one, in the order of the document.
    pub workflows: Vec<Workflow>,
    /// What does not keep the document from being used.
    pub warnings: Vec<Fault>,
}

impl Loaded {
    /// The only workflow of the document.
    ///
    /// # Errors
    /// A fault where there are several.
    pub fn single(mut self) -> Result<Workflow, Fault> {
        match self.workflows.len() {
            1 => Ok(self.workflows.remove(0)),
            count => {
                let message = format!("The document holds {count} workflows, not one.");
                let pointers: Vec<&str> = self.workflows.iter().map(|w| &*w.pointer).collect();
                let hint = format!("They are at {}.", pointers.join(", "));
                Err(Fault::error("", message).hint(hint))
            }
        }
    }
}

/// A workflow as it is deployed.
#[derive(Debug, Clone, PartialEq)]
pub struct Workflow {
    /// Where the form has one.
    pub name: Option<String>,
    /// Where the definition stands in the document.
    pub pointer: String,
    /// Bare, with everything resolved that deployment resolves.
    pub definition: Value,
    pub kind: Kind,
    /// Its `state`, where it has one.
    pub state: Option<State>,
    /// Values by name. Strings may be expressions of `appsetting()`.
    pub parameters: Object,
    /// As in `connections.json`; null where there are none.
    pub connections: Value,
    pub app_settings: Object,
    /// `{"maps": {file: text}, "schemas": ...}`; null where there are none.
    pub artifacts: Value,
}

impl Workflow {
    /// What is said about whether its triggers fire: by its `state`, and by the setting
    /// `Workflows.{name}.FlowState` of its app. Either of them disables it.
    #[must_use]
    pub fn state(&self, name: &weft_id::Function) -> Option<State> {
        let by_setting = self.app_settings.iter().find_map(|(setting, value)| {
            let mut parts = setting.split('.');
            let of = (parts.next(), parts.next(), parts.next(), parts.next());
            let (Some(first), Some(own), Some(last), None) = of else {
                return None;
            };
            let is_own = first.eq_ignore_ascii_case("Workflows")
                && last.eq_ignore_ascii_case("FlowState")
                && weft_id::Function::nearest(own).as_ref() == Some(name);
            is_own.then(|| State::read(value))?
        });
        let stated = [self.state, by_setting];
        let disabled = stated.contains(&Some(State::Disabled));
        let disabled = disabled.then_some(State::Disabled);
        disabled.or(self.state).or(by_setting)
    }

    /// Every fault of the definition, with pointers from the root of the document.
    pub fn validate(&self) -> Vec<Fault> {
        let mut known = Known::default();
        if !self.parameters.is_empty() {
            let names = self.parameters.iter().map(|(name, _)| name.to_string());
            known.parameters = Some(names.collect());
        }
        let mut faults = validate(&self.definition, &known);
        for fault in &mut faults {
            fault.pointer = format!("{}{}", self.pointer, fault.pointer);
        }
        faults
    }
}

/// Reads JSON text and finds the workflows in it.
///
/// # Errors
/// What keeps the document from being read; faults of the definitions are for
/// [`Workflow::validate`].
pub fn load_text(text: &str, options: &Options) -> Result<Loaded, Vec<Fault>> {
    let (value, duplicates) = text::parse(text).map_err(|fault| vec![fault])?;
    let mut loaded = load(&value, options)?;
    loaded.warnings.splice(0..0, duplicates);
    Ok(loaded)
}

/// Finds the workflows in a document.
///
/// # Errors
/// As for [`load_text`].
pub fn load(document: &Value, options: &Options) -> Result<Loaded, Vec<Fault>> {
    const DEPTH_MAX: u32 = 128;
    if document.depth() > DEPTH_MAX {
        let message = format!("The document nests deeper than {DEPTH_MAX} levels.");
        return Err(vec![Fault::error("", message)]);
    }
    let Some(object) = document.as_object() else {
        let message = "A definition is a JSON object.";
        return Err(vec![Fault::error("", message)]);
    };
    if object.get("resources").is_some() {
        return from_template(document, options);
    }
    let kind = object.get("type").and_then(Value::as_str).unwrap_or("");
    let resource = document.pointer("/properties/definition").is_some();
    if kind.eq_ignore_ascii_case("Microsoft.Logic/workflows") || resource {
        return from_resource(document, options);
    }
    if object.get("definition").is_some() {
        return from_body(object, options);
    }
    if object.get("actions").is_some() || object.get("triggers").is_some() {
        return Ok(bare(document, options));
    }
    let message = "The document holds no workflow definition.";
    let hint = "Expected are a deployment template with a resource of type \
                'Microsoft.Logic/workflows', an object with a member 'definition', or a definition \
                with 'triggers' and 'actions'.";
    Err(vec![Fault::error("", message).hint(hint)])
}

fn from_template(document: &Value, options: &Options) -> Result<Loaded, Vec<Fault>> {
    let (resources, faults) = template::workflows(document, options);
    let (mut errors, mut warnings): (Vec<Fault>, Vec<Fault>) =
        faults.into_iter().partition(Fault::is_error);
    let mut workflows = Vec::new();
    for resource in resources {
        let found = of_resource(&resource.value, &resource.pointer, options, &mut warnings);
        match found {
            Ok(workflow) => workflows.push(workflow),
            Err(fault) => errors.push(fault),
        }
    }
    if workflows.is_empty() && errors.is_empty() {
        let message = "The template holds no resource of type 'Microsoft.Logic/workflows'.";
        errors.push(Fault::error("/resources", message));
    }
    match errors.is_empty() {
        true => Ok(Loaded {
            form: Form::Template,
            workflows,
            warnings,
        }),
        false => Err(errors),
    }
}

fn from_resource(document: &Value, options: &Options) -> Result<Loaded, Vec<Fault>> {
    let names = Names::given(options);
    let mut resolver = Resolver::new(&names, true);
    let value = resolver.resolve(document, "");
    let mut warnings = resolver.warnings();
    let workflow = of_resource(&value, "", options, &mut warnings).map_err(|fault| vec![fault])?;
    Ok(Loaded {
        form: Form::Template,
        workflows: vec![workflow],
        warnings,
    })
}

fn of_resource(
    resource: &Value,
    pointer: &str,
    options: &Options,
    warnings: &mut Vec<Fault>,
) -> Result<Workflow, Fault> {
    let pointer = format!("{pointer}/properties/definition");
    let definition = match resource.pointer("/properties/definition") {
        Some(definition @ Value::Object(_)) => definition.clone(),
        found => {
            let message = match found {
                None | Some(Value::Null) => "The workflow has no definition.".to_owned(),
                Some(other) => format!("The definition is of type '{}'.", other.kind()),
            };
            return Err(Fault::error(pointer, message));
        }
    };
    let properties = resource.get("properties").unwrap_or(&Value::Null);
    let name = resource.get("name").and_then(Value::as_str);
    let kind = resource.get("kind").and_then(Value::as_str);
    let parameters = properties.get("parameters").unwrap_or(&Value::Null);
    let mut workflow = Workflow {
        name: name.map(str::to_owned),
        definition,
        kind: kind_of(kind, &pointer, warnings),
        state: properties.get("state").and_then(State::read),
        pointer,
        parameters: values(parameters),
        connections: Value::Null,
        app_settings: Object::new(),
        artifacts: Value::Null,
    };
    complete(&mut workflow, options);
    Ok(workflow)
}

fn from_body(object: &Object, options: &Options) -> Result<Loaded, Vec<Fault>> {
    const BESIDE: [&str; 4] = ["parameters", "connections", "appSettings", "artifacts"];
    let mut errors = Vec::new();
    let definition = match object.get("definition") {
        Some(definition @ Value::Object(_)) => definition,
        found => {
            let kind = found.map_or("Null", Value::kind);
            let message = format!("The definition should be an object; it is of type '{kind}'.");
            errors.push(Fault::error("/definition", message));
            &Value::Null
        }
    };
    for name in BESIDE {
        if let Some(found) = object.get(name)
            && !matches!(found, Value::Object(_) | Value::Null)
        {
            let message = format!(
                "'{name}' should be an object; it is of type '{}'.",
                found.kind()
            );
            errors.push(Fault::error(format!("/{name}"), message));
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    let names = Names::given(options);
    let mut resolver = Resolver::new(&names, false);
    let definition = resolver.resolve(definition, "/definition");
    let mut warnings = resolver.warnings();
    let member = |name: &str| object.get(name).cloned().unwrap_or_default();
    let kind = object.get("kind").and_then(Value::as_str);
    let name = object.get("name").and_then(Value::as_str);
    let mut workflow = Workflow {
        name: name.map(str::to_owned),
        pointer: "/definition".to_owned(),
        definition,
        kind: kind_of(kind, "/kind", &mut warnings),
        state: object.get("state").and_then(State::read),
        parameters: values(&member("parameters")),
        connections: member("connections"),
        app_settings: values(&member("appSettings")),
        artifacts: member("artifacts"),
    };
    complete(&mut workflow, options);
    let body = BESIDE.iter().any(|name| object.get(name).is_some());
    Ok(Loaded {
        form: if body { Form::Body } else { Form::Standard },
        workflows: vec![workflow],
        warnings,
    })
}

/// A definition that was cut out of a template may still hold the template's expressions.
fn bare(document: &Value, options: &Options) -> Loaded {
    let names = Names::given(options);
    let mut resolver = Resolver::new(&names, false);
    let mut workflow = Workflow {
        name: None,
        pointer: String::new(),
        definition: resolver.resolve(document, ""),
        kind: Kind::default(),
        state: None,
        parameters: Object::new(),
        connections: Value::Null,
        app_settings: Object::new(),
        artifacts: Value::Null,
    };
    complete(&mut workflow, options);
    Loaded {
        form: Form::Bare,
        workflows: vec![workflow],
        warnings: resolver.warnings(),
    }
}

/// Agents and state machines keep their state.
fn kind_of(kind: Option<&str>, pointer: &str, warnings: &mut Vec<Fault>) -> Kind {
    const STATEFUL: [&str; 5] = ["stateful", "agentic", "agent", "statemachine", ""];
    let lower = kind.unwrap_or_default().to_ascii_lowercase();
    if lower == "stateless" {
        return Kind::Stateless;
    }
    if !STATEFUL.contains(&lower.as_str()) {
        let message = format!("The kind '{lower}' is not known; the workflow is stateful.");
        let hint = "Kinds are 'Stateful' and 'Stateless'.";
        warnings.push(Fault::warning(pointer, message).hint(hint));
    }
    Kind::Stateful
}

/// What the options give and the document does not.
fn complete(workflow: &mut Workflow, options: &Options) {
    add_missing(&mut workflow.parameters, &options.parameters);
    add_missing(&mut workflow.app_settings, &options.app_settings);
    if workflow.connections.is_null() {
        workflow.connections = options.connections.clone();
    }
    if let Some(name) = &options.name {
        workflow.definition = named(&workflow.definition, name);
        workflow.connections = named(&workflow.connections, name);
        let parameters = named(&Value::Object(workflow.parameters.clone()), name);
        workflow.parameters = parameters.as_object().cloned().unwrap_or_default();
    }
}

fn add_missing(to: &mut Object, from: &Object) {
    for (name, value) in from.iter() {
        if to.get(name).is_none() {
            to.insert(name.clone(), value.clone());
        }
    }
}

/// `#workflowname#` in every string and key.
fn named(value: &Value, name: &str) -> Value {
    const PLACEHOLDER: &str = "#workflowname#";
    match value {
        Value::String(text) if text.contains(PLACEHOLDER) => {
            Value::from(text.replace(PLACEHOLDER, name))
        }
        Value::Array(items) => items.iter().map(|item| named(item, name)).collect(),
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.replace(PLACEHOLDER, name), named(value, name)))
            .collect(),
        _ => value.clone(),
    }
}

/// The values of `{"name": {"type": ..., "value": ...}}`; members of other shapes are values.
fn values(parameters: &Value) -> Object {
    const DECLARES: [&str; 5] = ["type", "value", "metadata", "reference", "defaultValue"];
    let mut found = Object::new();
    for (name, parameter) in parameters.as_object().into_iter().flat_map(Object::iter) {
        let value = match parameter {
            Value::Object(object) if object.iter().all(|(key, _)| DECLARES.contains(&&**key)) => {
                match (object.get("value"), object.get("defaultValue")) {
                    (Some(value), _) | (None, Some(value)) => value.clone(),
                    (None, None) if object.get("reference").is_some() => {
                        Value::from(format!("__unresolved.reference.{name}__"))
                    }
                    (None, None) if object.is_empty() => parameter.clone(),
                    (None, None) => continue,
                }
            }
            other => other.clone(),
        };
        found.insert(name.clone(), value);
    }
    found
}
