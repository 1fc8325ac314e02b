//! What each type of action needs.

use crate::value::Value;

use super::super::fault::{Fault, child};
use super::literal::{Literal, integer, is_later, text};
use super::tree::{Node, Tree};
use super::{Report, control, policies};

pub(super) fn check(tree: &Tree<'_>, report: &mut Report) {
    for (index, action) in tree.actions.iter().enumerate() {
        policies::check(&action.node, report);
        control::check(tree, index, report);
        inputs(&action.node, report);
    }
}

fn inputs(action: &Node<'_>, report: &mut Report) {
    let inputs = action.get("inputs").unwrap_or(&Value::Null);
    let at = action.at("inputs");
    let needed: &[&str] = match action.kind.as_str() {
        "http" => &["method", "uri"],
        "response" => &["statusCode"],
        "parsejson" => &["content", "schema"],
        "query" => &["from", "where"],
        "select" => &["from", "select"],
        "join" => &["from", "joinWith"],
        "table" => &["from", "format"],
        "invokefunction" => &["functionName"],
        "function" => &["function"],
        "javascriptcode" => &["code"],
        "xslt" | "xmlvalidation" => &["content"],
        "workflow" => &["host"],
        "serviceprovider" => &["serviceProviderConfiguration"],
        "compose" => {
            if action.get("inputs").is_none() {
                missing(action, "inputs", report);
            }
            return;
        }
        "apiconnection" | "apiconnectionwebhook" => return connection(action, inputs, report),
        "httpwebhook" => return webhook(action, inputs, report),
        "wait" => return wait(action, inputs, report),
        _ => return,
    };
    needs(action, inputs, needed, report);
    match action.kind.as_str() {
        "response" => status_code(inputs, &at, report),
        "table" => table(inputs, &at, report),
        "workflow" => workflow(action, inputs, report),
        "serviceprovider" => service_provider(inputs, &at, report),
        _ => {}
    }
}

fn missing(node: &Node<'_>, property: &str, report: &mut Report) {
    let message = format!(
        "The 'inputs' of workflow run action '{}' of type '{}' is not valid. Property '{property}' \
         is missing.",
        node.name,
        node.type_name()
    );
    let pointer = match node.get("inputs") {
        Some(_) => node.at("inputs"),
        None => node.pointer.clone(),
    };
    report.error(pointer, message);
}

/// That the inputs are an object (or computed) with these properties.
pub(super) fn needs(node: &Node<'_>, inputs: &Value, properties: &[&str], report: &mut Report) {
    if is_later(inputs) {
        return;
    }
    if node.get("inputs").is_none() {
        let message = format!(
            "The workflow run action '{}' of type '{}' is not valid. Property 'inputs' is missing.",
            node.name,
            node.type_name()
        );
        let hint = format!("It has the properties '{}'.", properties.join("', '"));
        report.add(Fault::error(&node.pointer, message).hint(hint));
        return;
    }
    if !matches!(inputs, Value::Object(_)) {
        let message = format!(
            "The 'inputs' of workflow run action '{}' of type '{}' is not valid: it should be an \
             object and is of type '{}'.",
            node.name,
            node.type_name(),
            inputs.kind()
        );
        report.error(node.at("inputs"), message);
        return;
    }
    for property in properties {
        if inputs.get(property).is_none() {
            missing(node, property, report);
        }
    }
}

fn status_code(inputs: &Value, pointer: &str, report: &mut Report) {
    let Some(value) = inputs.get("statusCode") else {
        return;
    };
    match integer(value) {
        Literal::Later => {}
        Literal::Is(status) if (200..=599).contains(&status) => {}
        Literal::Is(_) | Literal::Wrong => {
            let message = format!(
                "The status code '{}' of the response is not valid: it should be an integer from 200 \
                 to 599.",
                value.to_text()
            );
            report.error(child(pointer, "statusCode"), message);
        }
    }
}

fn table(inputs: &Value, pointer: &str, report: &mut Report) {
    let at = child(pointer, "format");
    match inputs.get("format").map(text) {
        None | Some(Literal::Later) => {}
        Some(Literal::Is(format)) if ["csv", "html"].contains(&&*format.to_ascii_lowercase()) => {}
        Some(Literal::Is(_) | Literal::Wrong) => {
            report.error(at, "The format of a table is 'CSV' or 'HTML'.");
        }
    }
    if let Some(columns) = inputs.get("columns")
        && !matches!(columns, Value::Array(_) | Value::Null)
        && !is_later(columns)
    {
        report.error(
            child(pointer, "columns"),
            "The columns of a table should be an array.",
        );
    }
}

fn workflow(action: &Node<'_>, inputs: &Value, report: &mut Report) {
    let Some(host) = inputs.get("host").filter(|host| !is_later(host)) else {
        return;
    };
    if host.get("workflow").is_none() {
        missing(action, "host.workflow", report);
    }
}

fn service_provider(inputs: &Value, pointer: &str, report: &mut Report) {
    let Some(found) = inputs.get("serviceProviderConfiguration") else {
        return;
    };
    let at = child(pointer, "serviceProviderConfiguration");
    if is_later(found) {
        return;
    }
    for property in ["connectionName", "operationId", "serviceProviderId"] {
        if found.get(property).is_none() {
            let message = format!("The configuration of the service provider lacks '{property}'.");
            report.error(&at, message);
        }
    }
}

/// `host.connection`, by name or by reference.
pub(super) fn connection(node: &Node<'_>, inputs: &Value, report: &mut Report) {
    needs(node, inputs, &["host"], report);
    let Some(host) = inputs.get("host").filter(|host| !is_later(host)) else {
        return;
    };
    let Some(connection) = host.get("connection") else {
        // Without a connection the host is an API by its address or a reference.
        if host.get("api").is_none() && host.get("connectionReferenceName").is_none() {
            missing(node, "host.connection", report);
        }
        return;
    };
    let named = ["name", "referenceName"].map(|member| connection.get(member).is_some());
    if !named.contains(&true) && !is_later(connection) {
        missing(node, "host.connection.referenceName", report);
    }
}

/// `subscribe` is a request; `unsubscribe` too when it is there.
pub(super) fn webhook(node: &Node<'_>, inputs: &Value, report: &mut Report) {
    needs(node, inputs, &["subscribe"], report);
    for member in ["subscribe", "unsubscribe"] {
        let Some(request) = inputs.get(member).filter(|request| !is_later(request)) else {
            continue;
        };
        if member == "unsubscribe" && request.get("uri").is_none() {
            // Nothing is called when the webhook ends.
            continue;
        }
        for property in ["method", "uri"] {
            if request.get(property).is_none() {
                missing(node, &format!("{member}.{property}"), report);
            }
        }
    }
}

fn wait(action: &Node<'_>, inputs: &Value, report: &mut Report) {
    const UNITS: [&str; 6] = ["Second", "Minute", "Hour", "Day", "Week", "Month"];
    needs(action, inputs, &[], report);
    if !matches!(inputs, Value::Object(_)) {
        return;
    }
    let at = action.at("inputs");
    match (inputs.get("interval"), inputs.get("until")) {
        (Some(interval), None) if is_later(interval) => {}
        (None, Some(until)) if is_later(until) => {}
        (Some(interval), None) => {
            let at = child(&at, "interval");
            match interval.get("count").map(integer) {
                Some(Literal::Is(count)) if count >= 0 => {}
                Some(Literal::Later) => {}
                Some(Literal::Is(_) | Literal::Wrong) | None => {
                    let message = "The count of the interval should be an integer that is not \
                                   negative.";
                    report.error(&at, message);
                }
            }
            match interval.get("unit").map(text) {
                Some(Literal::Later) => {}
                Some(Literal::Is(unit)) if UNITS.iter().any(|u| u.eq_ignore_ascii_case(unit)) => {}
                Some(Literal::Is(_) | Literal::Wrong) | None => {
                    let message = "The unit of the interval is not valid.";
                    let hint = format!("Units are {}.", UNITS.join(", "));
                    report.add(Fault::error(&at, message).hint(hint));
                }
            }
        }
        (None, Some(until)) => {
            if until.get("timestamp").is_none() {
                missing(action, "until.timestamp", report);
            }
        }
        (Some(_), Some(_)) => {
            report.error(
                at,
                "A wait has either an 'interval' or an 'until', not both.",
            );
        }
        (None, None) => missing(action, "interval", report),
    }
}
