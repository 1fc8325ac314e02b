//! Retry policies, limits, concurrency.

use crate::value::Value;

use super::super::fault::{Fault, child};
use super::literal::{Literal, duration, integer, is_later, text};
use super::tree::Node;
use super::{Report, limits};

const DAY: i64 = 86_400;

/// What actions and triggers have in common.
pub(super) fn check(node: &Node<'_>, report: &mut Report) {
    if let Some(policy) = node
        .get("inputs")
        .and_then(|inputs| inputs.get("retryPolicy"))
    {
        retry(policy, &child(&node.at("inputs"), "retryPolicy"), report);
    }
    if let Some(policy) = node.get("retryPolicy") {
        retry(policy, &node.at("retryPolicy"), report);
    }
    if let Some(limit) = node.get("limit") {
        let pointer = node.at("limit");
        if let Some(timeout) = limit.get("timeout") {
            timeout_of(timeout, &child(&pointer, "timeout"), report);
        }
    }
    let concurrency = node
        .get("runtimeConfiguration")
        .and_then(|configuration| configuration.get("concurrency"));
    if let Some(concurrency) = concurrency {
        let pointer = child(&node.at("runtimeConfiguration"), "concurrency");
        for (member, usual) in [
            ("runs", 100),
            ("repetitions", 50),
            ("maximumWaitingRuns", 200),
        ] {
            if let Some(value) = concurrency.get(member) {
                count(value, member, usual, &child(&pointer, member), report);
            }
        }
    }
    if let Some(properties) = node.get("trackedProperties")
        && !matches!(properties, Value::Object(_))
    {
        let message = "'trackedProperties' should be an object.";
        report.error(node.at("trackedProperties"), message);
    }
}

fn count(value: &Value, member: &str, usual: i64, pointer: &str, report: &mut Report) {
    match integer(value) {
        Literal::Later => {}
        Literal::Is(count) if (1..=usual).contains(&count) => {}
        Literal::Is(count) if count > usual => {
            let message = format!("'{member}' is {count}; the peer takes at most {usual}.");
            report.warning(pointer, message);
        }
        Literal::Is(_) | Literal::Wrong => {
            let message = format!(
                "The value '{value}' of '{member}' is not valid: it should be an integer from 1 to \
                 {usual}."
            );
            report.error(pointer, message);
        }
    }
}

fn timeout_of(value: &Value, pointer: &str, report: &mut Report) {
    match duration(value) {
        Literal::Is(seconds) if seconds > 0 => {}
        Literal::Later => {}
        Literal::Is(_) | Literal::Wrong => {
            let message = format!("The timeout '{}' is not valid.", value.to_text());
            let hint = "It is a duration of ISO 8601 above zero, as PT30M.";
            report.add(Fault::error(pointer, message).hint(hint));
        }
    }
}

/// The limits of an Until loop.
pub(super) fn until(limit: &Value, pointer: &str, report: &mut Report) {
    if is_later(limit) {
        return;
    }
    if !matches!(limit, Value::Object(_)) {
        report.error(pointer, "'limit' should be an object.");
        return;
    }
    if let Some(value) = limit.get("count") {
        match integer(value) {
            Literal::Is(count) if (1..=limits::UNTIL_COUNT).contains(&count) => {}
            Literal::Later => {}
            Literal::Is(_) | Literal::Wrong => {
                let message = format!(
                    "The count '{}' of the loop is not valid: it should be an integer from 1 to {}.",
                    value.to_text(),
                    limits::UNTIL_COUNT
                );
                report.error(child(pointer, "count"), message);
            }
        }
    }
}

fn retry(policy: &Value, pointer: &str, report: &mut Report) {
    const TYPES: [&str; 4] = ["None", "Default", "Fixed", "Exponential"];
    const COUNT_MAX: i64 = 90;
    if is_later(policy) {
        return;
    }
    let Some(object) = policy.as_object() else {
        report.error(pointer, "The retry policy should be an object.");
        return;
    };
    let kind = match object.get("type").map(text) {
        Some(Literal::Is(kind)) => kind.to_ascii_lowercase(),
        Some(Literal::Later) => return,
        Some(Literal::Wrong) | None => {
            let message = "The retry policy has no 'type'.";
            let hint = format!("Types are {}.", TYPES.join(", "));
            report.add(Fault::error(pointer, message).hint(hint));
            return;
        }
    };
    if !TYPES.iter().any(|known| known.eq_ignore_ascii_case(&kind)) {
        let message = format!("The type '{kind}' of the retry policy is not supported.");
        let fault = Fault::error(child(pointer, "type"), message);
        report.unknown(fault, &kind, TYPES);
        return;
    }
    let needed = ["fixed", "exponential"].contains(&kind.as_str());
    for member in ["count", "interval"] {
        if needed && object.get(member).is_none() {
            let message = format!("The retry policy of type '{kind}' needs '{member}'.");
            report.error(pointer, message);
        }
    }
    if let Some(value) = object.get("count") {
        match integer(value) {
            Literal::Is(count) if (1..=COUNT_MAX).contains(&count) => {}
            Literal::Later => {}
            Literal::Is(_) | Literal::Wrong => {
                let message = format!(
                    "The retry count '{}' is not valid: it should be an integer from 1 to \
                     {COUNT_MAX}.",
                    value.to_text()
                );
                report.error(child(pointer, "count"), message);
            }
        }
    }
    for member in ["interval", "minimumInterval", "maximumInterval"] {
        if let Some(value) = object.get(member) {
            interval(value, member, &child(pointer, member), report);
        }
    }
    let bounds = ["minimumInterval", "maximumInterval"].map(|m| object.get(m).map(duration));
    if let [Some(Literal::Is(least)), Some(Literal::Is(most))] = bounds
        && least > most
    {
        let message = "The minimum interval of the retry policy is above its maximum.";
        report.error(child(pointer, "minimumInterval"), message);
    }
}

fn interval(value: &Value, member: &str, pointer: &str, report: &mut Report) {
    match duration(value) {
        Literal::Later => {}
        Literal::Is(seconds) if (5..=DAY).contains(&seconds) => {}
        Literal::Is(seconds) if (0..5).contains(&seconds) => {
            let message = format!(
                "The '{member}' of the retry policy is {}; the peer takes no less than PT5S.",
                value.to_text()
            );
            report.warning(pointer, message);
        }
        Literal::Is(_) | Literal::Wrong => {
            let message = format!(
                "The '{member}' '{}' of the retry policy is not valid.",
                value.to_text()
            );
            let hint = "It is a duration of ISO 8601 from PT5S to P1D.";
            report.add(Fault::error(pointer, message).hint(hint));
        }
    }
}
