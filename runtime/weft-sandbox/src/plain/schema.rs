//! JSON Schema of WIT types, with the WIT's own documentation.

use serde_json::{Value, json};

use super::docs::Docs;
use super::shape::Shape;

/// The schema of a value.
pub(crate) fn schema(shape: &Shape, docs: &Docs) -> Value {
    match shape {
        Shape::Named(name, of) => {
            let mut schema = described(of, docs, Some(name));
            schema["title"] = name.as_str().into();
            if let Some(text) = docs.of_type(name) {
                schema["description"] = text.into();
            }
            schema
        }
        of => described(of, docs, None),
    }
}

fn described(shape: &Shape, docs: &Docs, name: Option<&str>) -> Value {
    match shape {
        Shape::Named(..) => schema(shape, docs),
        Shape::Bool => json!({"type": "boolean"}),
        Shape::Integer(of) => {
            let (least, greatest) = of.range();
            json!({"type": "integer", "minimum": number(least), "maximum": number(greatest)})
        }
        Shape::F32 | Shape::F64 => json!({"anyOf": [
            {"type": "number"},
            {"enum": ["NaN", "Infinity", "-Infinity"]},
        ]}),
        Shape::Char => json!({"type": "string", "minLength": 1, "maxLength": 1}),
        Shape::String => json!({"type": "string"}),
        Shape::List(of) => json!({"type": "array", "items": schema(of, docs)}),
        Shape::FixedList(of, len) => {
            json!({"type": "array", "items": schema(of, docs), "minItems": len, "maxItems": len})
        }
        Shape::Map(key, of) => {
            let pair = Shape::Tuple(vec![(**key).clone(), (**of).clone()]);
            json!({"type": "array", "items": schema(&pair, docs)})
        }
        Shape::Record(fields) => object(fields, docs, |field| docs.of_item(name?, field)),
        Shape::Tuple(shapes) => {
            let items: Vec<_> = shapes.iter().map(|of| schema(of, docs)).collect();
            let len = items.len();
            json!({"type": "array", "prefixItems": items, "items": false, "minItems": len})
        }
        Shape::Variant(cases) => {
            let cases = cases.iter().map(|(case, of)| {
                let mut schema = match of {
                    Some(of) => single(case, schema(of, docs)),
                    None => json!({"const": case}),
                };
                if let Some(text) = name.and_then(|name| docs.of_item(name, case)) {
                    schema["description"] = text.into();
                }
                schema
            });
            json!({"oneOf": cases.collect::<Vec<_>>()})
        }
        Shape::Enum(names) => json!({"enum": names}),
        Shape::Option(of) => {
            let some = match of.bare() {
                Shape::Option(_) => single("some", schema(of, docs)),
                _ => schema(of, docs),
            };
            json!({"anyOf": [some, {"type": "null"}]})
        }
        Shape::Result(ok, err) => {
            let side = |name: &str, of: &Option<Box<Shape>>| {
                let null = || json!({"type": "null"});
                single(name, of.as_ref().map_or_else(null, |of| schema(of, docs)))
            };
            json!({"oneOf": [side("ok", ok), side("err", err)]})
        }
        Shape::Flags(names) => {
            json!({"type": "array", "items": {"enum": names}, "uniqueItems": true})
        }
    }
}

/// The schema of an object with these fields and no others.
pub(crate) fn object<'a>(
    fields: &'a [(String, Shape)],
    docs: &Docs,
    describe: impl Fn(&'a str) -> Option<String>,
) -> Value {
    let mut properties = serde_json::Map::new();
    for (name, of) in fields {
        let mut schema = schema(of, docs);
        if let Some(text) = describe(name) {
            schema["description"] = text.into();
        }
        properties.insert(name.clone(), schema);
    }
    let required = fields.iter().filter(|(_, of)| !of.is_optional());
    let required: Vec<_> = required.map(|(name, _)| name).collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn single(name: &str, schema: Value) -> Value {
    json!({
        "type": "object",
        "properties": {name: schema},
        "required": [name],
        "additionalProperties": false,
    })
}

fn number(value: i128) -> Value {
    i64::try_from(value).map_or_else(
        |_| u64::try_from(value).unwrap_or(u64::MAX).into(),
        Into::into,
    )
}
