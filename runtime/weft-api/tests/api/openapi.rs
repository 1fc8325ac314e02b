//! The OpenAPI document: a snapshot, and that it tells the truth about routes.

use std::fmt::Write as _;

use expect_test::expect_file;
use http::Method;
use serde_json::Value;

use crate::harness::Node;

#[test]
fn the_document_is_the_one_that_was_reviewed() {
    let document = serde_json::to_string_pretty(&weft_api::openapi_document()).unwrap();
    expect_file!["openapi.json"].assert_eq(&(document + "\n"));
}

#[tokio::test]
async fn every_documented_operation_exists() {
    let node = Node::new().await;
    let document = weft_api::openapi_document();
    let mut ids = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let method: Method = method.to_uppercase().parse().unwrap();
            let path = path.replace("{tenant}", "default");
            let path = path.replace(['{', '}'], "");
            let answer = node.call(method, &path).await;
            let no_route = answer.body["detail"].as_str();
            let no_route = no_route.is_some_and(|d| d.starts_with("there is no route"));
            assert!(!no_route && answer.status != 405, "{path}: {answer:?}");
            ids.push(operation["operationId"].as_str().unwrap().to_owned());
        }
    }
    let mut unique = ids.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(ids.len(), unique.len());
}

#[test]
fn every_reference_leads_somewhere() {
    let document = weft_api::openapi_document();
    let mut missing = String::new();
    walk(&document, &mut |reference| {
        if document.pointer(&reference[1..]).is_none() {
            let _ = writeln!(missing, "{reference}");
        }
    });
    assert_eq!(missing, "");
}

fn walk(value: &Value, found: &mut impl FnMut(&str)) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(text) if name == "$ref" => found(text),
                    _ => walk(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
