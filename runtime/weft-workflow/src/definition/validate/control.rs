//! Conditions, switches, loops and what ends a run.

use std::collections::HashSet;

use crate::value::{Object, Value};

use super::super::fault::{Fault, child};
use super::literal::{is_later, later};
use super::order::Order;
use super::tree::{Node, Tree};
use super::{Report, condition, limits, policies};

pub(super) fn check(tree: &Tree<'_>, index: usize, report: &mut Report) {
    let action = &tree.actions[index].node;
    match action.kind.as_str() {
        "if" => match action.get("expression") {
            Some(found) => condition::check(found, &action.at("expression"), report),
            None => lacks(action, "expression", report),
        },
        "switch" => switch(action, report),
        "foreach" => match action.get("foreach") {
            Some(Value::String(_) | Value::Array(_)) => {}
            Some(other) => {
                let message = format!(
                    "'foreach' should be an expression or an array; it is of type '{}'.",
                    other.kind()
                );
                report.error(action.at("foreach"), message);
            }
            None => lacks(action, "foreach", report),
        },
        "until" => {
            match action.get("expression") {
                Some(found) => condition::check(found, &action.at("expression"), report),
                None => lacks(action, "expression", report),
            }
            if let Some(limit) = action.get("limit") {
                policies::until(limit, &action.at("limit"), report);
            }
        }
        "terminate" => {
            terminate(action, report);
            not_in_loops(tree, index, report);
        }
        "response" => not_in_loops(tree, index, report),
        _ => {}
    }
    let holds = [
        "if",
        "switch",
        "foreach",
        "until",
        "scope",
        "agent",
        "changeset",
    ];
    if !tree.actions[index].branches.is_empty()
        && !holds.contains(&action.kind.as_str())
        && !action.kind.is_empty()
    {
        let message = format!(
            "The action '{}' of type '{}' holds actions, which never run.",
            action.name,
            action.type_name()
        );
        report.warning(&action.pointer, message);
    }
}

fn lacks(action: &Node<'_>, member: &str, report: &mut Report) {
    let message = format!(
        "The template action '{}' of type '{}' is not valid: it has no '{member}'.",
        action.name,
        action.type_name()
    );
    report.error(&action.pointer, message);
}

fn not_in_loops(tree: &Tree<'_>, index: usize, report: &mut Report) {
    let action = &tree.actions[index].node;
    let around = tree
        .containers(index)
        .map(|container| &tree.actions[container].node)
        .find(|container| ["foreach", "until"].contains(&container.kind.as_str()));
    if let Some(container) = around {
        let message = format!(
            "The action '{}' of type '{}' cannot be nested in an action of type '{}'.",
            action.name,
            action.type_name(),
            container.type_name()
        );
        let hint = format!("Put it behind the loop '{}'.", container.name);
        report.add(Fault::error(&action.pointer, message).hint(hint));
    }
}

/// Somebody waits for the answer, and it is the only one.
pub(super) fn responses(tree: &Tree<'_>, order: &Order, report: &mut Report) {
    let requested = tree
        .triggers
        .iter()
        .any(|trigger| trigger.kind == "request");
    for (index, action) in tree.actions.iter().enumerate() {
        if action.node.kind != "response" {
            continue;
        }
        if !requested && !tree.triggers.is_empty() {
            let message = format!(
                "The response '{}' answers nobody: no trigger of the workflow is of type 'Request'.",
                action.node.name
            );
            report.warning(&action.node.pointer, message);
        }
        let beside = std::iter::once(index)
            .chain(tree.containers(index))
            .find_map(|inner| {
                let mut others = tree.levels[tree.actions[inner].level].actions.iter();
                others.find(|other| order.is_beside(inner, **other))
            });
        if let Some(beside) = beside {
            let message = format!(
                "The response '{}' stands in a branch beside '{}': the peer asks for no response in \
                 parallel branches.",
                action.node.name, tree.actions[*beside].node.name
            );
            report.warning(&action.node.pointer, message);
        }
    }
}

fn switch(action: &Node<'_>, report: &mut Report) {
    match action.get("expression") {
        None => lacks(action, "expression", report),
        Some(Value::Array(_) | Value::Object(_)) => {
            let message = "The expression of a switch should be a string or a number.";
            report.error(action.at("expression"), message);
        }
        Some(_) => {}
    }
    let pointer = action.at("cases");
    let cases = match action.get("cases") {
        Some(Value::Object(cases)) => cases,
        None | Some(Value::Null) => return,
        Some(other) => {
            let message = format!(
                "'cases' should be an object; it is of type '{}'.",
                other.kind()
            );
            report.error(pointer, message);
            return;
        }
    };
    if cases.len() > limits::CASES {
        let message = format!(
            "The switch '{}' has {} cases; at most {} are allowed.",
            action.name,
            cases.len(),
            limits::CASES
        );
        report.error(&pointer, message);
    }
    values(cases, &pointer, report);
}

fn values(cases: &Object, pointer: &str, report: &mut Report) {
    let (mut seen, mut texts, mut numbers) = (HashSet::new(), false, false);
    for (name, case) in cases.iter() {
        let at = child(pointer, name);
        if !matches!(case, Value::Object(_)) {
            report.error(at, format!("The case '{name}' should be an object."));
            continue;
        }
        let at_case = child(&at, "case");
        match case.get("case") {
            None => report.error(
                at,
                format!("The case '{name}' has no value: 'case' is missing."),
            ),
            Some(Value::String(text)) if later(text) => {}
            Some(value @ (Value::String(_) | Value::Int(_) | Value::Float(_))) => {
                texts |= value.as_str().is_some();
                numbers |= value.as_str().is_none();
                if !seen.insert(value.to_string()) {
                    let message = format!("The value {value} stands in more than one case.");
                    report.error(at_case, message);
                }
            }
            Some(other) => {
                let message = format!(
                    "The value of the case '{name}' should be a string or a number; it is of type \
                     '{}'.",
                    other.kind()
                );
                report.error(at_case, message);
            }
        }
    }
    if texts && numbers {
        let message = "Some cases are strings and others are numbers: only those of the \
                       expression's own type can match.";
        report.warning(pointer, message);
    }
}

fn terminate(action: &Node<'_>, report: &mut Report) {
    const STATUSES: [&str; 3] = ["Succeeded", "Failed", "Cancelled"];
    let inputs = action.get("inputs").unwrap_or(&Value::Null);
    if is_later(inputs) {
        return;
    }
    let at = child(&action.at("inputs"), "runStatus");
    let status = match inputs.get("runStatus") {
        Some(Value::String(status)) if later(status) => return,
        Some(Value::String(status)) => status,
        _ => {
            let message = format!(
                "The 'inputs' of workflow run action '{}' of type 'Terminate' is not valid. Property \
                 'runStatus' is missing.",
                action.name
            );
            let hint = format!("It is one of {}.", STATUSES.join(", "));
            report.add(Fault::error(&action.pointer, message).hint(hint));
            return;
        }
    };
    if !STATUSES
        .iter()
        .any(|known| known.eq_ignore_ascii_case(status))
    {
        let message = format!("The run status '{status}' is not one a run can end with.");
        report.unknown(Fault::error(at, message), status, STATUSES);
    } else if inputs.get("runError").is_some() && !status.eq_ignore_ascii_case("failed") {
        let message = format!("'runError' has no effect with the run status '{status}'.");
        report.warning(child(&action.at("inputs"), "runError"), message);
    }
}
