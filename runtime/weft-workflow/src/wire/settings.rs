//! Settings that come into an input at the last moment.
//!
//! The interpreter leaves out what must not be recorded and lists it under `deferred`, by JSON
//! pointer: `{"/authentication/password": "@appsetting('password')"}`. Nothing else of an input is
//! evaluated, so that data which looks like an expression stays data.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::expression::{Budget, Context, Limits, Template};
use crate::value::{Array, Object, Value};

use super::Refused;

/// What a call may know of the app and the workflow that it is part of.
#[derive(Debug, Clone, Copy)]
pub struct Around<'a> {
    /// What `appsetting('X')` gives: the workflow's settings, and the app's secrets.
    pub settings: &'a BTreeMap<String, String>,
    /// The app's connections by name, each a JSON object.
    pub connections: &'a BTreeMap<String, String>,
    /// The workflow's `connections.json`.
    pub workflow_connections: Option<&'a str>,
    /// The workflow's parameters, `{name: {"value": ...}}`; `$connections` is looked for there.
    pub workflow_parameters: Option<&'a str>,
}

/// The input with its `deferred` members in their places, and the values that were put in.
///
/// # Errors
/// A setting that is missing.
pub fn fill_in(input: Value, around: Around<'_>) -> Result<(Value, Vec<Value>), Refused> {
    let Some(deferred) = input.get("deferred").and_then(Value::as_object).cloned() else {
        return Ok((input, Vec::new()));
    };
    let mut filled = input;
    let mut values = Vec::new();
    for (pointer, template) in deferred.iter() {
        let value = evaluate(template, around)?;
        values.push(value.clone());
        let path: Vec<_> = pointer
            .split('/')
            .skip(1)
            .map(|part| part.replace("~1", "/").replace("~0", "~"))
            .collect();
        filled = put(&filled, &path, value);
    }
    Ok((filled, values))
}

fn put(at: &Value, path: &[String], value: Value) -> Value {
    let Some((first, rest)) = path.split_first() else {
        return value;
    };
    if let Value::Array(items) = at {
        let index = first.parse::<usize>().ok();
        let changed: Array = items
            .iter()
            .enumerate()
            .map(|(own, item)| match Some(own) == index {
                true => put(item, rest, value.clone()),
                false => item.clone(),
            })
            .collect();
        return changed.into();
    }
    let mut object = at.as_object().cloned().unwrap_or_else(Object::new);
    let old = object.get_exact(first).cloned().unwrap_or_default();
    object.insert(first.as_str(), put(&old, rest, value));
    object.into()
}

/// The value of a template that knows settings and parameters alone.
///
/// # Errors
/// It cannot be read, or names a setting that is missing.
pub fn evaluate(template: &Value, around: Around<'_>) -> Result<Value, Refused> {
    let compiled = Template::compile(template).map_err(|faults| {
        let why = faults.first().map(ToString::to_string);
        Refused::invalid(why.unwrap_or_else(|| "a template cannot be read".to_owned()))
    })?;
    if let Some(literal) = compiled.as_literal() {
        return Ok(literal.clone());
    }
    let settings: Object = around
        .settings
        .iter()
        .map(|(name, text)| (name.as_str(), Value::from(text.as_str())))
        .collect();
    let members = [
        ("appSettings", Value::from(settings)),
        ("parameters", parameters(around)),
    ];
    // Settings are the same at every moment, so that neither time nor chance matters.
    let context = Context::new(members.into_iter().collect(), Timestamp::UNIX_EPOCH, 0);
    let mut budget = Budget::new(Limits::default());
    compiled.evaluate(&context, &mut budget).map_err(|error| {
        Refused::unconfigured(format!(
            "{error}; `weft secrets set NAME` gives a setting that is missing"
        ))
    })
}

/// The values of the workflow's parameters.
#[must_use]
pub fn parameters(around: Around<'_>) -> Value {
    let text = around.workflow_parameters;
    let stated: BTreeMap<String, Value> = text.map_or_else(BTreeMap::new, |text| {
        serde_json::from_str(text).unwrap_or_default()
    });
    stated
        .into_iter()
        .filter_map(|(name, stated)| Some((name, stated.get("value")?.clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(input: &str, settings: &[(&str, &str)]) -> Result<(Value, Vec<Value>), Refused> {
        let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        let around = Around {
            settings: &settings.iter().map(owned).collect(),
            connections: &BTreeMap::new(),
            workflow_connections: None,
            workflow_parameters: None,
        };
        fill_in(serde_json::from_str(input).unwrap(), around)
    }

    #[test]
    fn what_was_left_out_is_put_in_and_nothing_else_is_evaluated() {
        let (filled, values) = filled(
            r#"{"headers": {"a": "@appsetting('key')"}, "list": [1, {"p": null}],
                "deferred": {"/headers/x~1y": "Key @{appsetting('key')}",
                             "/list/1/p": "@appsetting('key')",
                             "/authentication/password": "@appsetting('key')"}}"#,
            &[("key", "s3cret"), ("a/b", "x")],
        )
        .unwrap();
        assert_eq!(
            filled.get("headers").unwrap().to_string(),
            r#"{"a":"@appsetting('key')","x/y":"Key s3cret"}"#
        );
        assert_eq!(
            filled.get("list").unwrap().to_string(),
            r#"[1,{"p":"s3cret"}]"#
        );
        let password = filled.pointer("/authentication/password").unwrap();
        assert_eq!(password.as_str(), Some("s3cret"));
        assert_eq!(
            Value::from(values).to_string(),
            r#"["Key s3cret","s3cret","s3cret"]"#
        );
    }

    #[test]
    fn a_setting_that_is_missing_is_named() {
        let refused = filled(r#"{"deferred": {"/a": "@appsetting('nothing')"}}"#, &[]).unwrap_err();
        assert_eq!(refused.code, "ConnectionNotConfigured");
        assert!(refused.message.contains("nothing"), "{refused}");
    }
}
