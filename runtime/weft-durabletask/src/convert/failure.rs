//! Failures. What the wire has beyond ours stands in the details.

use std::collections::HashMap;

use serde_json::{Value, json};
use weft_orchestration::Failure;

use super::value::{of_json, to_json};
use crate::proto;

/// How deep inner failures are followed.
const DEPTH_MAX: usize = 16;

pub(crate) fn of_failure(failure: &Failure) -> proto::TaskFailureDetails {
    let details: Option<Value> = failure
        .details
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok());
    let details = details.unwrap_or_default();
    proto::TaskFailureDetails {
        error_type: failure.kind.clone(),
        error_message: failure.message.clone(),
        stack_trace: details["stackTrace"].as_str().map(str::to_owned),
        inner_failure: inner(&details["innerFailure"], DEPTH_MAX),
        is_non_retriable: !failure.retryable,
        properties: properties(&details["properties"]),
    }
}

fn inner(value: &Value, depth: usize) -> Option<Box<proto::TaskFailureDetails>> {
    let text = |name: &str| value[name].as_str().map(str::to_owned);
    let error_type = text("errorType").filter(|_| depth > 0)?;
    Some(Box::new(proto::TaskFailureDetails {
        error_type,
        error_message: text("errorMessage").unwrap_or_default(),
        stack_trace: text("stackTrace"),
        inner_failure: inner(&value["innerFailure"], depth - 1),
        is_non_retriable: value["isNonRetriable"] == true,
        properties: properties(&value["properties"]),
    }))
}

pub(crate) fn to_failure(details: Option<proto::TaskFailureDetails>) -> Failure {
    let Some(details) = details else {
        return Failure::permanent("unknown", "the worker did not say why");
    };
    let mut kept = serde_json::Map::new();
    if let Some(trace) = &details.stack_trace {
        kept.insert("stackTrace".to_owned(), json!(trace));
    }
    if let Some(inner) = &details.inner_failure {
        kept.insert("innerFailure".to_owned(), inner_json(inner, DEPTH_MAX));
    }
    if !details.properties.is_empty() {
        kept.insert(
            "properties".to_owned(),
            properties_json(&details.properties),
        );
    }
    Failure {
        kind: details.error_type,
        message: details.error_message,
        retryable: !details.is_non_retriable,
        details: (!kept.is_empty()).then(|| Value::Object(kept).to_string()),
    }
}

fn properties(value: &Value) -> HashMap<String, prost_types::Value> {
    let of = value.as_object().into_iter().flatten();
    of.map(|(name, value)| (name.clone(), of_json(value, DEPTH_MAX)))
        .collect()
}

fn properties_json(properties: &HashMap<String, prost_types::Value>) -> Value {
    let of = properties.iter();
    of.map(|(name, value)| (name.clone(), to_json(value, DEPTH_MAX)))
        .collect()
}

fn inner_json(details: &proto::TaskFailureDetails, depth: usize) -> Value {
    let inner = details.inner_failure.as_ref().filter(|_| depth > 0);
    json!({
        "errorType": details.error_type,
        "errorMessage": details.error_message,
        "stackTrace": details.stack_trace,
        "innerFailure": inner.map(|inner| inner_json(inner, depth - 1)),
        "isNonRetriable": details.is_non_retriable,
        "properties": properties_json(&details.properties),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_comes_back_as_it_went() {
        let inner = proto::TaskFailureDetails {
            error_type: "KeyError".into(),
            error_message: "'x'".into(),
            stack_trace: Some("line 1".into()),
            ..Default::default()
        };
        let details = proto::TaskFailureDetails {
            error_type: "ValueError".into(),
            error_message: "no".into(),
            inner_failure: Some(Box::new(inner)),
            is_non_retriable: true,
            properties: properties(&json!({"code": 7.5, "of": ["a", null, {"b": true}]})),
            ..Default::default()
        };
        let failure = to_failure(Some(details.clone()));
        assert_eq!(
            (failure.kind.as_str(), failure.retryable),
            ("ValueError", false)
        );
        assert_eq!(of_failure(&failure), details);
    }
}
