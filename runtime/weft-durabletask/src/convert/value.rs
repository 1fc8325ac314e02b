//! Values of any kind, which failures carry.

use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use serde_json::Value as Json;

/// What lies deeper than `depth` is left out.
pub(crate) fn of_json(json: &Json, depth: usize) -> Value {
    let below = |json: &Json| of_json(json, depth - 1);
    let kind = match json {
        Json::Bool(value) => Kind::BoolValue(*value),
        Json::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Json::String(text) => Kind::StringValue(text.clone()),
        Json::Array(values) if depth > 0 => Kind::ListValue(ListValue {
            values: values.iter().map(below).collect(),
        }),
        Json::Object(fields) if depth > 0 => Kind::StructValue(Struct {
            fields: fields
                .iter()
                .map(|(name, value)| (name.clone(), below(value)))
                .collect(),
        }),
        Json::Null | Json::Array(_) | Json::Object(_) => Kind::NullValue(0),
    };
    Value { kind: Some(kind) }
}

/// Numbers that JSON does not have are `null`.
pub(crate) fn to_json(value: &Value, depth: usize) -> Json {
    let below = |value: &Value| to_json(value, depth - 1);
    match &value.kind {
        Some(Kind::BoolValue(value)) => Json::Bool(*value),
        Some(Kind::NumberValue(number)) => Json::from(*number),
        Some(Kind::StringValue(text)) => Json::String(text.clone()),
        Some(Kind::ListValue(list)) if depth > 0 => list.values.iter().map(below).collect(),
        Some(Kind::StructValue(of)) if depth > 0 => {
            let fields = of.fields.iter();
            fields
                .map(|(name, value)| (name.clone(), below(value)))
                .collect()
        }
        Some(Kind::NullValue(_) | Kind::ListValue(_) | Kind::StructValue(_)) | None => Json::Null,
    }
}
