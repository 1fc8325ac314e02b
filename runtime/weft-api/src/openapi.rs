//! The OpenAPI 3.1 document: what the handlers say of themselves, completed with what holds for
//! all of them (keys, problems, path parameters, the routes of a named tenant).

use serde_json::{Map, Value, json};
use utoipa::PartialSchema as _;
use utoipa::openapi::OpenApi;

use crate::model::{FaultView, ProblemDocument};
use crate::routes;

/// The document that `/openapi.json` answers.
#[must_use]
pub fn document() -> Value {
    let (of_apps, of_node) = routes::openapi_parts();
    let mut paths = Map::new();
    let mut schemas = Map::new();
    for (prefix, suffix, part) in [
        ("/admin/v1", "", &of_apps),
        ("/admin/v1/tenants/{tenant}", "_of_tenant", &of_apps),
        ("/admin/v1", "", &of_node),
    ] {
        add(&mut paths, &mut schemas, prefix, suffix, part);
    }
    let settings = weft_app::Settings::json_schema();
    schemas.insert("FunctionSettings".into(), settings.to_value());
    schemas.insert("Grants".into(), weft_app::Grants::json_schema().to_value());
    schemas.insert("Quota".into(), weft_app::Quota::json_schema().to_value());
    schemas.insert("ProblemDocument".into(), json!(ProblemDocument::schema()));
    schemas.insert("FaultView".into(), json!(FaultView::schema()));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "weft management API",
            "description": "Deploy functions, call them, and manage the orchestrations that \
                sequence them. Errors are problem documents (RFC 9457) with a stable `type`.",
            "version": "1",
            "license": {"name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT"},
        },
        "security": [{"bearer": []}, {"header": []}, {"query": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {
                "Problem": {
                    "description": "What went wrong.",
                    "content": {"application/problem+json": {
                        "schema": {"$ref": "#/components/schemas/ProblemDocument"},
                    }},
                },
            },
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "header": {"type": "apiKey", "in": "header", "name": "x-functions-key"},
                "query": {"type": "apiKey", "in": "query", "name": "code"},
            },
        },
    })
}

fn add(
    paths: &mut Map<String, Value>,
    schemas: &mut Map<String, Value>,
    prefix: &str,
    suffix: &str,
    part: &OpenApi,
) {
    let part = serde_json::to_value(part).expect("an OpenAPI document is JSON");
    if let Some(Value::Object(own)) = part.pointer("/components/schemas") {
        schemas.extend(own.clone());
    }
    let Some(Value::Object(own)) = part.get("paths") else {
        return;
    };
    for (path, item) in own {
        let path = format!("{prefix}{path}");
        let mut item = item.clone();
        for operation in item.as_object_mut().into_iter().flatten().map(|(_, v)| v) {
            complete(operation, &path, suffix);
        }
        paths.insert(path, item);
    }
}

fn complete(operation: &mut Value, path: &str, suffix: &str) {
    if let Some(Value::String(id)) = operation.get_mut("operationId") {
        id.push_str(suffix);
    }
    let in_path = path.split('/').filter_map(|segment| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        Some(json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
    });
    let mut parameters: Vec<Value> = in_path.collect();
    if let Some(Value::Array(own)) = operation.get("parameters") {
        parameters.extend(own.clone());
    }
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    operation["responses"]["default"] = json!({"$ref": "#/components/responses/Problem"});
}
