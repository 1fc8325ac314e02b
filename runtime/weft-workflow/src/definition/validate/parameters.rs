//! The parameters that a definition declares.

use std::collections::HashSet;

use crate::value::{Object, Value};

use super::super::fault::{Fault, child};
use super::{Report, limits, literal};

const TYPES: [&str; 8] = [
    "Array",
    "Bool",
    "Float",
    "Int",
    "Object",
    "SecureObject",
    "SecureString",
    "String",
];

/// The names, in lower case.
pub(super) fn check(definition: &Object, report: &mut Report) -> HashSet<String> {
    let mut names = HashSet::new();
    let Some(parameters) = definition.get("parameters").and_then(Value::as_object) else {
        return names;
    };
    if parameters.len() > limits::PARAMETERS {
        let message = format!(
            "The definition declares {} parameters; at most {} are allowed.",
            parameters.len(),
            limits::PARAMETERS
        );
        report.error("/parameters", message);
    }
    for (name, declaration) in parameters.iter() {
        let pointer = child("/parameters", name);
        if !names.insert(name.to_lowercase()) {
            let message = format!("The parameter '{name}' is declared more than once.");
            report.error(&pointer, message);
        }
        match declaration.as_object() {
            Some(declaration) => declared(name, declaration, &pointer, report),
            None => {
                let message = format!(
                    "The declaration of parameter '{name}' should be an object; it is of type '{}'.",
                    declaration.kind()
                );
                report.error(pointer, message);
            }
        }
    }
    names
}

fn declared(name: &str, declaration: &Object, pointer: &str, report: &mut Report) {
    let Some(found) = declaration.get("type") else {
        let message = format!("The template parameter '{name}' has no 'type'.");
        let hint = format!("Types are {}.", TYPES.join(", "));
        report.add(Fault::error(pointer, message).hint(hint));
        return;
    };
    let kind = match literal::text(found) {
        literal::Literal::Is(kind) => kind,
        literal::Literal::Later => return,
        literal::Literal::Wrong => "",
    };
    if !TYPES.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
        let message =
            format!("The type '{found}' of template parameter '{name}' is not supported.");
        let fault = Fault::error(format!("{pointer}/type"), message);
        report.unknown(fault, kind, TYPES);
        return;
    }
    if let Some(default) = declaration.get("defaultValue")
        && !fits(default, &kind.to_ascii_lowercase())
    {
        let message = format!(
            "The default value of template parameter '{name}' is of type '{}', its declared type is \
             '{kind}'.",
            default.kind()
        );
        report.error(format!("{pointer}/defaultValue"), message);
    }
    if let Some(allowed) = declaration.get("allowedValues") {
        let default = declaration.get("defaultValue");
        match (allowed.as_array(), default) {
            (None, _) => report.error(
                format!("{pointer}/allowedValues"),
                format!("The allowed values of template parameter '{name}' should be an array."),
            ),
            (Some(allowed), Some(default))
                if !allowed.contains(default) && !literal::is_later(default) =>
            {
                let message = format!(
                    "The default value of template parameter '{name}' is none of its allowed values."
                );
                report.error(format!("{pointer}/defaultValue"), message);
            }
            _ => {}
        }
    }
}

fn fits(value: &Value, kind: &str) -> bool {
    if literal::is_later(value) || value.is_null() {
        return true;
    }
    match kind {
        "array" => matches!(value, Value::Array(_)),
        "object" | "secureobject" => matches!(value, Value::Object(_)),
        "string" | "securestring" => matches!(value, Value::String(_)),
        "bool" => matches!(value, Value::Bool(_)),
        "int" => value.as_i64().is_some(),
        _ => value.to_f64().is_some(),
    }
}
