//! Variables: declared once, at the top, with a type; changed by the actions that fit the type.

use std::collections::HashMap;

use crate::value::{Object, Value};

use super::super::fault::{Fault, child, nearest};
use super::literal::{Literal, is_later, later, text};
use super::tree::{Node, Tree};
use super::{Report, limits};

const TYPES: [&str; 6] = ["Array", "Boolean", "Float", "Integer", "Object", "String"];

/// By name in lower case: the action that initialises it, and the type in lower case.
pub(super) struct Variables {
    pub(super) declared: HashMap<String, (usize, String)>,
    /// A name is computed: nothing can be said about what is not declared.
    pub(super) open: bool,
}

pub(super) fn check(tree: &Tree<'_>, report: &mut Report) -> Variables {
    let mut variables = Variables {
        declared: HashMap::new(),
        open: false,
    };
    for index in 0..tree.actions.len() {
        if tree.actions[index].node.kind == "initializevariable" {
            initialize(tree, index, &mut variables, report);
        }
    }
    if variables.declared.len() > limits::VARIABLES {
        let message = format!(
            "The workflow has {} variables; at most {} are allowed.",
            variables.declared.len(),
            limits::VARIABLES
        );
        report.error("/actions", message);
    }
    for action in &tree.actions {
        change(&action.node, &variables, report);
    }
    variables
}

fn not_valid(action: &Node<'_>, why: &str) -> String {
    format!(
        "The inputs of workflow run action '{}' of type '{}' are not valid. {why}",
        action.name,
        action.type_name()
    )
}

fn initialize(tree: &Tree<'_>, index: usize, variables: &mut Variables, report: &mut Report) {
    let action = &tree.actions[index].node;
    if let Some(container) = tree.containers(index).next() {
        let message = format!(
            "The action '{}' of type 'InitializeVariable' cannot be nested in an action of type \
             '{}'.",
            action.name,
            tree.actions[container].node.type_name()
        );
        let hint = "Initialise the variable at the top of the workflow and set it here.";
        report.add(Fault::error(&action.pointer, message).hint(hint));
    }
    let pointer = child(&action.at("inputs"), "variables");
    let inputs = action.get("inputs").unwrap_or(&Value::Null);
    let items = match inputs.get("variables") {
        Some(Value::Array(items)) if !items.is_empty() => items,
        _ if is_later(inputs) => {
            variables.open = true;
            return;
        }
        Some(found) if is_later(found) => {
            variables.open = true;
            return;
        }
        _ => {
            let why = "Property 'variables' should be an array of variables with name and type.";
            report.error(&action.pointer, not_valid(action, why));
            return;
        }
    };
    for (position, item) in items.iter().enumerate() {
        let at = format!("{pointer}/{position}");
        let name = match item.get("name").map(text) {
            Some(Literal::Is(name)) if !name.is_empty() => name,
            Some(Literal::Later) => {
                variables.open = true;
                continue;
            }
            _ => {
                report.error(at, not_valid(action, "The variable has no 'name'."));
                continue;
            }
        };
        let kind = kind(item, name, &at, action, report);
        let lower = name.to_lowercase();
        match variables.declared.get(&lower) {
            Some((other, _)) => {
                let message = not_valid(
                    action,
                    &format!("The variable '{name}' is initialised more than once."),
                );
                let hint = format!("'{}' does, too.", tree.actions[*other].node.name);
                report.add(Fault::error(at, message).hint(hint));
            }
            None => {
                variables.declared.insert(lower, (index, kind));
            }
        }
    }
}

/// In lower case; empty where it is not known.
fn kind(item: &Value, name: &str, at: &str, action: &Node<'_>, report: &mut Report) -> String {
    let kind = match item.get("type") {
        Some(Value::String(kind)) if later(kind) => return String::new(),
        Some(Value::String(kind)) => kind,
        _ => {
            let why = format!("The variable '{name}' has no 'type'.");
            let hint = format!("Types are {}.", TYPES.join(", "));
            report.add(Fault::error(at, not_valid(action, &why)).hint(hint));
            return String::new();
        }
    };
    let known = TYPES.iter().any(|known| known.eq_ignore_ascii_case(kind));
    if !known {
        let why = format!("The type '{kind}' of variable '{name}' is not supported.");
        let fault = Fault::error(child(at, "type"), not_valid(action, &why));
        report.unknown(fault, kind, TYPES);
        return String::new();
    }
    let kind = kind.to_ascii_lowercase();
    if let Some(value) = item.get("value")
        && !fits(value, &kind)
    {
        let why = format!(
            "The variable '{name}' is of type '{kind}', its value is of type '{}'.",
            value.kind()
        );
        report.error(child(at, "value"), not_valid(action, &why));
    }
    kind
}

fn fits(value: &Value, kind: &str) -> bool {
    if is_later(value) || value.is_null() {
        return true;
    }
    match kind {
        "array" => matches!(value, Value::Array(_)),
        "object" => matches!(value, Value::Object(_)),
        "string" => matches!(value, Value::String(_)),
        "boolean" => match value {
            Value::Bool(_) => true,
            Value::String(text) => text.parse::<bool>().is_ok() || text.is_empty(),
            _ => false,
        },
        "integer" | "float" => match value {
            Value::String(text) => text.trim().parse::<f64>().is_ok() || text.is_empty(),
            value => value.to_f64().is_some(),
        },
        _ => true,
    }
}

fn change(action: &Node<'_>, variables: &Variables, report: &mut Report) {
    let (needs_value, types): (bool, &[&str]) = match action.kind.as_str() {
        "setvariable" => (true, &[]),
        "incrementvariable" | "decrementvariable" => (false, &["integer", "float"]),
        "appendtoarrayvariable" => (true, &["array"]),
        "appendtostringvariable" => (true, &["string"]),
        _ => return,
    };
    let inputs = action.get("inputs").unwrap_or(&Value::Null);
    if is_later(inputs) {
        return;
    }
    let Some(inputs) = inputs.as_object() else {
        let why = "Property 'name' is missing.";
        report.error(&action.pointer, not_valid(action, why));
        return;
    };
    if needs_value && inputs.get("value").is_none() {
        let why = "Property 'value' is missing.";
        report.error(action.at("inputs"), not_valid(action, why));
    }
    let Some(name) = named(inputs) else {
        if inputs.get("name").is_none_or(|name| !is_later(name)) {
            let why = "Property 'name' is missing.";
            report.error(action.at("inputs"), not_valid(action, why));
        }
        return;
    };
    let at = child(&action.at("inputs"), "name");
    match variables.declared.get(&name.to_lowercase()) {
        // That it comes before is told with the other references.
        Some((_, kind)) if kind.is_empty() || types.is_empty() || types.contains(&&**kind) => {}
        Some((_, kind)) => {
            let why = format!(
                "The variable '{name}' is of type '{kind}'; the action takes '{}'.",
                types.join("' or '")
            );
            report.error(at, not_valid(action, &why));
        }
        None if variables.open => {}
        None => report.add(undefined(action, name, variables, at)),
    }
}

/// The name of the variable that an action changes.
pub(super) fn named(inputs: &Object) -> Option<&str> {
    let name = inputs.get("name")?.as_str()?;
    (!name.is_empty() && !later(name)).then_some(name)
}

/// Nothing initialises the variable.
pub(super) fn undefined(action: &Node<'_>, name: &str, variables: &Variables, at: String) -> Fault {
    let why = format!(
        "The variable '{name}' must be initialized before it can be used inside action '{}'.",
        action.name
    );
    let fault = Fault::error(at, not_valid(action, &why));
    let known = variables.declared.keys().map(String::as_str);
    match nearest(name, known) {
        Some(meant) => fault.hint(format!("Did you mean '{meant}'?")),
        None => fault.hint("An action of type 'InitializeVariable' at the top does that."),
    }
}
