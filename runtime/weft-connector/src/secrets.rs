//! Settings that come into an input at the last moment, and that are kept out of messages.
//!
//! The interpreter leaves out what must not be recorded and lists it under `deferred`, by JSON
//! pointer: `{"/authentication/password": "@appsetting('password')"}`. Nothing else of an input is
//! evaluated, so that data which looks like an expression stays data.

use std::collections::BTreeMap;

use jiff::Timestamp;
use weft_workflow::expression::{Budget, Context, Limits, Template};
use weft_workflow::value::{Array, Object, Value};

use crate::{Failed, Surroundings};

/// Shorter ones would blot out half of a message, and are no secrets.
const SECRET_LEN_MIN: usize = 4;
const HIDDEN: &str = "(hidden)";

/// The secrets that a call has met.
#[derive(Debug, Default)]
pub(crate) struct Known(Vec<String>);

impl Known {
    pub(crate) fn add(&mut self, secret: &str) {
        if secret.len() >= SECRET_LEN_MIN && !self.0.iter().any(|known| known == secret) {
            self.0.push(secret.to_owned());
        }
    }

    /// Every text in a value.
    pub(crate) fn add_all(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add(text),
            Value::Array(items) => items.iter().for_each(|item| self.add_all(item)),
            Value::Object(object) => object.iter().for_each(|(_, value)| self.add_all(value)),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Decimal(_) => {}
        }
    }

    pub(crate) fn redact(&self, failed: Failed) -> Failed {
        let mut secrets: Vec<_> = self.0.iter().collect();
        // A secret that is part of another must not uncover the rest of it.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
        let message = secrets
            .into_iter()
            .fold(failed.message, |text, secret| text.replace(secret, HIDDEN));
        Failed { message, ..failed }
    }
}

/// The input with its `deferred` members in their places.
pub(crate) fn fill_in(
    input: Value,
    surroundings: &Surroundings,
    known: &mut Known,
) -> Result<Value, Failed> {
    let Some(deferred) = input.get("deferred").and_then(Value::as_object).cloned() else {
        return Ok(input);
    };
    let mut filled = input;
    for (pointer, template) in deferred.iter() {
        let value = evaluate(template, surroundings)?;
        known.add_all(&value);
        let path: Vec<_> = pointer
            .split('/')
            .skip(1)
            .map(|part| part.replace("~1", "/").replace("~0", "~"))
            .collect();
        filled = put(&filled, &path, value);
    }
    Ok(filled)
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

/// A template that knows settings and parameters alone.
pub(crate) fn evaluate(template: &Value, surroundings: &Surroundings) -> Result<Value, Failed> {
    let compiled = Template::compile(template).map_err(|faults| {
        let why = faults.first().map(ToString::to_string);
        Failed::invalid(why.unwrap_or_else(|| "a template cannot be read".to_owned()))
    })?;
    if let Some(literal) = compiled.as_literal() {
        return Ok(literal.clone());
    }
    let settings: Object = surroundings
        .settings
        .iter()
        .map(|(name, text)| (name.as_str(), Value::from(text.as_str())))
        .collect();
    let members = [
        ("appSettings", Value::from(settings)),
        ("parameters", parameters(surroundings)),
    ];
    // Settings are the same at every moment, so that neither time nor chance matters.
    let context = Context::new(members.into_iter().collect(), Timestamp::UNIX_EPOCH, 0);
    let mut budget = Budget::new(Limits::default());
    compiled.evaluate(&context, &mut budget).map_err(|error| {
        Failed::unconfigured(format!(
            "{error}; `weft secrets set NAME` gives a setting that is missing"
        ))
    })
}

/// The values of the workflow's parameters.
pub(crate) fn parameters(surroundings: &Surroundings) -> Value {
    let text = surroundings.workflow_parameters.as_deref();
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
    use crate::surroundings::tests::surroundings;

    fn value(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_was_left_out_is_put_in_and_nothing_else_is_evaluated() {
        let around = surroundings(&[("key", "s3cret"), ("a/b", "x")], &[]);
        let input = value(
            r#"{"headers": {"a": "@appsetting('key')"}, "list": [1, {"p": null}],
                "deferred": {"/headers/x~1y": "Key @{appsetting('key')}",
                             "/list/1/p": "@appsetting('key')",
                             "/authentication/password": "@appsetting('key')"}}"#,
        );
        let mut known = Known::default();
        let filled = fill_in(input, &around, &mut known).unwrap();
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
        let failed = known.redact(Failed::invalid("Key s3cret and s3cret"));
        assert_eq!(failed.message, "(hidden) and (hidden)");
    }

    #[test]
    fn a_setting_that_is_missing_is_named() {
        let input = value(r#"{"deferred": {"/a": "@appsetting('nothing')"}}"#);
        let failed = fill_in(input, &surroundings(&[], &[]), &mut Known::default()).unwrap_err();
        assert_eq!(failed.code, "ConnectionNotConfigured");
        assert!(failed.message.contains("nothing"), "{failed}");
    }
}
