//! Deployment templates: the workflows among their resources, nested deployments included, and what
//! their expressions resolve to.

use crate::expression::{Budget, Deployment, DeploymentExpression, Limits, Template, unescaped};
use crate::value::{Object, Value};

use super::fault::{Fault, child};
use super::load::Options;

/// How deep deployments and resources may nest.
const DEPTH_MAX: usize = 16;

/// What the expressions of one document may cost, together.
const LIMITS: Limits = Limits {
    steps: 200_000,
    bytes: 64 << 20,
    depth: 120,
};

/// A resource that is a workflow, resolved.
pub(super) struct Resource {
    /// Where it stands in the document.
    pub(super) pointer: String,
    pub(super) value: Value,
}

/// The parameters and variables that a template's expressions see.
pub(super) struct Names<'a> {
    options: &'a Options,
    parameters: Object,
    variables: Object,
    outer: Option<&'a Names<'a>>,
}

impl<'a> Names<'a> {
    /// What is known outside of any template: the parameters that were given.
    pub(super) fn given(options: &'a Options) -> Names<'a> {
        Names {
            options,
            parameters: options.template_parameters.clone(),
            variables: Object::new(),
            outer: None,
        }
    }

    fn of_template(template: &Value, options: &'a Options) -> Names<'a> {
        let mut names = Names::given(options);
        names.parameters = declared(template, &options.template_parameters);
        names.variables = members(template, "variables");
        names
    }
}

fn members(value: &Value, name: &str) -> Object {
    let found = value.get(name).and_then(Value::as_object);
    found.cloned().unwrap_or_default()
}

/// The parameters that a template declares, with the values that were given for them or their defaults.
fn declared(template: &Value, given: &Object) -> Object {
    let mut parameters = Object::new();
    for (name, declaration) in members(template, "parameters").iter() {
        let value = given.get(name).or_else(|| declaration.get("defaultValue"));
        if let Some(value) = value {
            parameters.insert(name.clone(), value.clone());
        }
    }
    parameters
}

impl Deployment for Names<'_> {
    fn parameter(&self, name: &str) -> Option<Value> {
        let own = self.parameters.get(name).cloned();
        own.or_else(|| self.outer?.parameter(name))
    }

    fn variable(&self, name: &str) -> Option<Value> {
        let own = self.variables.get(name).cloned();
        own.or_else(|| self.outer?.variable(name))
    }

    fn fact(&self, name: &str) -> Option<String> {
        let facts = &self.options.facts;
        let found = facts.iter().find(|(known, _)| known == name);
        found.map(|(_, fact)| fact.clone())
    }
}

/// Replaces the expressions of a deployment in a value. Escapes (`[[`) are undone only where the
/// value is known to be from a template.
pub(super) struct Resolver<'a> {
    names: &'a Names<'a>,
    escapes: bool,
    budget: Budget,
    warnings: Vec<Fault>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(names: &'a Names<'a>, escapes: bool) -> Resolver<'a> {
        Resolver {
            names,
            escapes,
            budget: Budget::new(LIMITS),
            warnings: Vec::new(),
        }
    }

    pub(super) fn resolve(&mut self, value: &Value, pointer: &str) -> Value {
        match value {
            Value::String(text) => self.text(text, pointer).unwrap_or_else(|| value.clone()),
            Value::Array(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| self.resolve(item, &format!("{pointer}/{index}")))
                .collect(),
            Value::Object(object) => object
                .iter()
                .map(|(key, value)| (key.clone(), self.resolve(value, &child(pointer, key))))
                .collect(),
            _ => value.clone(),
        }
    }

    fn text(&mut self, text: &str, pointer: &str) -> Option<Value> {
        if !text.starts_with('[') {
            return None;
        }
        let Some(expression) = DeploymentExpression::parse(text) else {
            return unescaped(text).filter(|_| self.escapes);
        };
        let (mut value, mut missing) = expression.evaluate(self.names, &mut self.budget);
        // A placeholder in the middle of an expression of the workflow may leave no expression.
        let broken = !missing.is_empty() && Template::compile(&value).is_err();
        if broken || self.budget.bytes_of(&value).is_err() {
            value = expression.placeholder();
            missing = vec![value.to_text()];
        }
        if !missing.is_empty() {
            let message = format!(
                "What the deployment alone knows was replaced by '{}'.",
                missing.join("', '")
            );
            let hint = "Give a value for the parameter of the template.";
            self.warnings
                .push(Fault::warning(pointer, message).hint(hint));
        }
        Some(value)
    }

    pub(super) fn warnings(self) -> Vec<Fault> {
        self.warnings
    }
}

/// Every workflow of a template, and what could not be resolved.
pub(super) fn workflows(template: &Value, options: &Options) -> (Vec<Resource>, Vec<Fault>) {
    let names = Names::of_template(template, options);
    let mut search = Search {
        options,
        found: Vec::new(),
        faults: Vec::new(),
    };
    search.resources(template, "", &names, 0);
    (search.found, search.faults)
}

struct Search<'a> {
    options: &'a Options,
    found: Vec<Resource>,
    faults: Vec<Fault>,
}

impl Search<'_> {
    /// A list, or members with symbolic names.
    fn resources(&mut self, holder: &Value, pointer: &str, names: &Names<'_>, depth: usize) {
        let pointer = format!("{pointer}/resources");
        if depth > DEPTH_MAX {
            let message = format!("Deployments nest deeper than {DEPTH_MAX} levels.");
            self.faults.push(Fault::error(pointer, message));
            return;
        }
        match holder.get("resources") {
            Some(Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.resource(item, &format!("{pointer}/{index}"), names, depth);
                }
            }
            Some(Value::Object(object)) => {
                for (key, item) in object.iter() {
                    self.resource(item, &child(&pointer, key), names, depth);
                }
            }
            _ => {}
        }
    }

    fn resource(&mut self, resource: &Value, pointer: &str, names: &Names<'_>, depth: usize) {
        let kind = resource.get("type").and_then(Value::as_str).unwrap_or("");
        if kind.eq_ignore_ascii_case("Microsoft.Logic/workflows") {
            self.workflow(resource, pointer, names);
        } else if kind.eq_ignore_ascii_case("Microsoft.Resources/deployments") {
            self.deployment(resource, pointer, names, depth);
        }
        self.resources(resource, pointer, names, depth + 1);
    }

    fn workflow(&mut self, resource: &Value, pointer: &str, names: &Names<'_>) {
        let mut resolver = Resolver::new(names, true);
        let condition = resource.get("condition");
        let condition = condition.map(|value| resolver.resolve(value, pointer));
        if condition == Some(Value::Bool(false)) {
            return;
        }
        let value = resolver.resolve(resource, pointer);
        self.faults.extend(resolver.warnings());
        if resource.get("copy").is_some() {
            let message = "The resource is deployed several times; here it is read once.";
            self.faults.push(Fault::warning(pointer, message));
        }
        self.found.push(Resource {
            pointer: pointer.to_owned(),
            value,
        });
    }

    /// Expressions of a nested template belong to the outer one unless it says otherwise.
    fn deployment(&mut self, resource: &Value, pointer: &str, names: &Names<'_>, depth: usize) {
        let Some(template) = resource.pointer("/properties/template") else {
            if resource.pointer("/properties/templateLink").is_some() {
                let message = "The deployment is linked, not written here: it is not read.";
                self.faults.push(Fault::warning(pointer, message));
            }
            return;
        };
        let scope = resource.pointer("/properties/expressionEvaluationOptions/scope");
        let inner = scope
            .and_then(Value::as_str)
            .is_some_and(|scope| scope.eq_ignore_ascii_case("inner"));
        let at = format!("{pointer}/properties/parameters");
        let mut resolver = Resolver::new(names, true);
        let mut given = Object::new();
        if let Some(Value::Object(parameters)) = resource.pointer("/properties/parameters") {
            for (name, parameter) in parameters.iter() {
                if let Some(value) = parameter.get("value") {
                    given.insert(name.clone(), resolver.resolve(value, &child(&at, name)));
                }
            }
        }
        let nested = Names {
            options: self.options,
            parameters: match inner {
                true => declared(template, &given),
                false => given,
            },
            variables: match inner {
                true => members(template, "variables"),
                false => Object::new(),
            },
            outer: (!inner).then_some(names),
        };
        let at = format!("{pointer}/properties/template");
        self.resources(template, &at, &nested, depth + 1);
    }
}
