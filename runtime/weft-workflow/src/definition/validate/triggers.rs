//! What each type of trigger needs.

use crate::value::Value;

use super::super::fault::{Fault, child};
use super::literal::{Literal, is_later, text};
use super::recurrence::{self, Schedule};
use super::tree::{Node, Tree};
use super::{Report, actions, policies};

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

pub(super) fn check(tree: &Tree<'_>, report: &mut Report) {
    for trigger in &tree.triggers {
        policies::check(trigger, report);
        conditions(trigger, report);
        split_on(trigger, tree, report);
        let inputs = trigger.get("inputs").unwrap_or(&Value::Null);
        let at = trigger.at("inputs");
        match trigger.kind.as_str() {
            "recurrence" => recurs(trigger, Schedule::Allowed, report),
            "slidingwindow" => recurs(trigger, Schedule::Refused, report),
            "http" => {
                recurs(trigger, Schedule::Allowed, report);
                actions::needs(trigger, inputs, &["method", "uri"], report);
                method(inputs, &at, report);
            }
            "httpwebhook" => actions::webhook(trigger, inputs, report),
            "request" => {
                method(inputs, &at, report);
                request(inputs, &at, report);
                kind(trigger, report);
            }
            "batch" => {
                let configurations = inputs
                    .get("configurations")
                    .or(inputs.get("batchGroupName"));
                if configurations.is_none() && !is_later(inputs) {
                    actions::needs(trigger, inputs, &["mode", "configurations"], report);
                }
            }
            "apiconnection" | "apiconnectionwebhook" => {
                actions::connection(trigger, inputs, report);
                if let Some(found) = trigger.get("recurrence") {
                    let at = trigger.at("recurrence");
                    recurrence::check(found, &at, Schedule::Allowed, report);
                }
            }
            _ => {}
        }
    }
}

fn recurs(trigger: &Node<'_>, schedule: Schedule, report: &mut Report) {
    // Where the type is written in its own member, older definitions put it in the inputs.
    let inputs = trigger
        .get("inputs")
        .and_then(|inputs| inputs.get("recurrence"));
    match (trigger.get("recurrence"), inputs) {
        (Some(found), _) => {
            recurrence::check(found, &trigger.at("recurrence"), schedule, report);
        }
        (None, Some(found)) => {
            let at = child(&trigger.at("inputs"), "recurrence");
            recurrence::check(found, &at, schedule, report);
        }
        (None, None) => {
            let message = format!(
                "The template trigger '{}' of type '{}' has no 'recurrence'.",
                trigger.name,
                trigger.type_name()
            );
            report.error(&trigger.pointer, message);
        }
    }
}

fn method(inputs: &Value, pointer: &str, report: &mut Report) {
    let Some(value) = inputs.get("method").filter(|value| !value.is_null()) else {
        return;
    };
    let at = child(pointer, "method");
    match text(value) {
        Literal::Later => {}
        Literal::Is(name) if METHODS.iter().any(|m| m.eq_ignore_ascii_case(name)) => {}
        Literal::Is(name) => {
            let message = format!("The method '{name}' is not supported.");
            report.unknown(Fault::error(at, message), name, METHODS);
        }
        Literal::Wrong => report.error(at, "The method should be a string."),
    }
}

fn kind(trigger: &Node<'_>, report: &mut Report) {
    const KINDS: [&str; 14] = [
        "Agent",
        "Alert",
        "ApiConnection",
        "AzureMonitorAlert",
        "Button",
        "EventGrid",
        "Geofence",
        "Http",
        "PowerApp",
        "PowerAppV2",
        "SecurityCenterAlert",
        "Skills",
        "TeamsWebhook",
        "VirtualAgent",
    ];
    let Some(Literal::Is(kind)) = trigger.get("kind").map(text) else {
        return;
    };
    if !KINDS.iter().any(|known| known.eq_ignore_ascii_case(kind)) {
        let message = format!(
            "The kind '{kind}' of template trigger '{}' is not known.",
            trigger.name
        );
        report.unknown(Fault::warning(trigger.at("kind"), message), kind, KINDS);
    }
}

fn request(inputs: &Value, pointer: &str, report: &mut Report) {
    if let Some(schema) = inputs.get("schema")
        && !matches!(schema, Value::Object(_) | Value::Null)
        && !is_later(schema)
    {
        let message = format!(
            "The schema of the request should be an object; it is of type '{}'.",
            schema.kind()
        );
        report.error(child(pointer, "schema"), message);
    }
    if let Some(path) = inputs.get("relativePath").filter(|path| !path.is_null()) {
        let at = child(pointer, "relativePath");
        match text(path) {
            Literal::Later => {}
            Literal::Wrong => report.error(at, "The relative path should be a string."),
            Literal::Is(path) => {
                if path.matches('{').count() != path.matches('}').count() {
                    let message = format!("The braces of the relative path '{path}' do not match.");
                    report.error(at, message);
                }
            }
        }
    }
}

fn conditions(trigger: &Node<'_>, report: &mut Report) {
    let Some(found) = trigger.get("conditions").filter(|found| !found.is_null()) else {
        return;
    };
    let at = trigger.at("conditions");
    let Some(items) = found.as_array() else {
        report.error(at, "The conditions of a trigger should be an array.");
        return;
    };
    for (index, item) in items.iter().enumerate() {
        let known = item.get("expression").or(item.get("dependsOn")).is_some();
        if !known && !is_later(item) {
            let message = "A condition of a trigger should be an object with an 'expression'.";
            report.error(format!("{at}/{index}"), message);
        }
    }
}

fn split_on(trigger: &Node<'_>, tree: &Tree<'_>, report: &mut Report) {
    let Some(found) = trigger.get("splitOn").filter(|found| !found.is_null()) else {
        return;
    };
    let at = trigger.at("splitOn");
    match found {
        Value::String(_) | Value::Array(_) => {}
        other => {
            let message = format!(
                "'splitOn' should be an expression; it is of type '{}'.",
                other.kind()
            );
            report.error(&at, message);
        }
    }
    let response = tree
        .actions
        .iter()
        .find(|action| action.node.kind == "response");
    if let Some(response) = response
        && trigger.kind == "request"
    {
        let message = format!(
            "The workflow with 'Response' action type should not have triggers with 'splitOn' \
             property: '{}'.",
            trigger.name
        );
        let hint = format!(
            "Every item starts a run of its own: none of them can answer for '{}'.",
            response.node.name
        );
        report.add(Fault::error(at, message).hint(hint));
    }
}
