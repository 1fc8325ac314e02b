//! The conditions of If actions, written as objects: `{"and": [{"equals": [a, b]}]}`.

use crate::value::Value;

use super::super::fault::{Fault, child};
use super::Report;

/// With how many values each compares.
const COMPARISONS: [(&str, usize); 8] = [
    ("equals", 2),
    ("greater", 2),
    ("greaterOrEquals", 2),
    ("less", 2),
    ("lessOrEquals", 2),
    ("contains", 2),
    ("startsWith", 2),
    ("endsWith", 2),
];

pub(super) fn check(condition: &Value, pointer: &str, report: &mut Report) {
    match condition {
        Value::String(_) | Value::Bool(_) => {}
        Value::Object(object) => {
            if object.len() > 1 {
                let message = "A condition has one operator; several stand in an 'and' or 'or'.";
                report.error(pointer, message);
            }
            for (operator, operands) in object.iter() {
                operation(operator, operands, &child(pointer, operator), report);
            }
        }
        other => {
            let message = format!(
                "A condition should be an expression or an object; it is of type '{}'.",
                other.kind()
            );
            report.error(pointer, message);
        }
    }
}

fn operation(operator: &str, operands: &Value, pointer: &str, report: &mut Report) {
    let lower = operator.to_ascii_lowercase();
    match lower.as_str() {
        "and" | "or" => match operands {
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    check(item, &format!("{pointer}/{index}"), report);
                }
            }
            // The real engine takes a single one, too.
            one => check(one, pointer, report),
        },
        "not" => match operands {
            Value::Array(items) if items.len() == 1 => {
                check(&items[0], &format!("{pointer}/0"), report);
            }
            one => check(one, pointer, report),
        },
        _ => compares(operator, operands, pointer, report),
    }
}

fn compares(operator: &str, operands: &Value, pointer: &str, report: &mut Report) {
    let known = COMPARISONS
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(operator));
    let Some((name, count)) = known else {
        // A condition may also call any function by its name.
        if crate::expression::is_function(operator) {
            return;
        }
        let message = format!("The operator '{operator}' of the condition is not known.");
        let names = COMPARISONS.map(|(name, _)| name);
        let names = names.into_iter().chain(["and", "or", "not"]);
        report.unknown(Fault::error(pointer, message), operator, names);
        return;
    };
    let found = match operands {
        Value::Array(items) => items.len(),
        Value::String(_) => return,
        _ => 1,
    };
    if found != count {
        let message =
            format!("The operator '{name}' of the condition compares {count} values, not {found}.");
        report.error(pointer, message);
    }
}
