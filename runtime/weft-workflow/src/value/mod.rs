//! The JSON value of workflows: what expressions compute and actions hand to each other.
//!
//! Differs from `serde_json::Value` on purpose: objects keep the order of their keys, decimals keep
//! their scale, and arrays, objects and strings are shared, so that a clone costs a reference count.
//! Containers know their depth and weight, so that a value built by sharing (`[x, x]` over and over)
//! is refused before somebody writes it out.

mod container;
mod convert;
mod text;

use std::fmt;
use std::sync::Arc;

use rust_decimal::Decimal;

pub use container::{Array, Object, same_name};
pub(crate) use text::float_text;

/// A JSON value. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub enum Value {
    #[default]
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Decimal(Decimal),
    String(Arc<str>),
    Array(Array),
    Object(Object),
}

impl Value {
    /// The member `key` of an object, in whatever letter case; an exact match wins.
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Object(object) => object.get(key),
            _ => None,
        }
    }

    /// The value that a JSON pointer (RFC 6901) names. Keys match in whatever letter case.
    pub fn pointer(&self, pointer: &str) -> Option<&Value> {
        pointer
            .split('/')
            .skip(1)
            .try_fold(self, |value, token| match value {
                Value::Array(items) => items.get(token.parse::<usize>().ok()?),
                Value::Object(object) => object.get(&token.replace("~1", "/").replace("~0", "~")),
                _ => None,
            })
    }

    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(truth) => Some(*truth),
            _ => None,
        }
    }

    /// The value as an integer: integers, and floats and decimals without a fraction.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Value::Int(number) => Some(*number),
            // The bounds are powers of two and therefore exact as floats.
            Value::Float(number)
                if number.fract() == 0.0 && (-(2f64.powi(63))..2f64.powi(63)).contains(number) =>
            {
                #[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
                Some(*number as i64)
            }
            Value::Decimal(number) if number.fract().is_zero() => i64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// A number as the nearest float.
    pub fn to_f64(&self) -> Option<f64> {
        text::float_of(self)
    }

    pub fn as_array(&self) -> Option<&Array> {
        match self {
            Value::Array(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// The kind of value as error messages name it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "Null",
            Value::Bool(_) => "Boolean",
            Value::Int(_) => "Integer",
            Value::Float(_) | Value::Decimal(_) => "Float",
            Value::String(_) => "String",
            Value::Array(_) => "Array",
            Value::Object(_) => "Object",
        }
    }

    /// How deep containers nest: 0 for a scalar. Known without looking.
    pub fn depth(&self) -> u32 {
        match self {
            Value::Array(items) => items.depth(),
            Value::Object(object) => object.depth(),
            _ => 0,
        }
    }

    /// About how many bytes the value has when written out. Known without looking.
    pub fn weight(&self) -> u64 {
        match self {
            Value::String(text) => text.len() as u64 + 2,
            Value::Array(items) => items.weight(),
            Value::Object(object) => object.weight(),
            _ => 8,
        }
    }

    /// The text that stands for the value inside a string: null is empty, booleans are `True` and
    /// `False`, `5.0` is `5`, content envelopes are their text, other containers compact JSON.
    pub fn to_text(&self) -> String {
        text::plain(self)
    }
}

/// Objects are equal whatever the order of their keys; numbers are equal by their value.
impl PartialEq for Value {
    fn eq(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b || a.is_nan() && b.is_nan(),
            (Value::Decimal(a), Value::Decimal(b)) => a == b,
            (Value::Int(a), Value::Decimal(b)) | (Value::Decimal(b), Value::Int(a)) => {
                Decimal::from(*a) == *b
            }
            (Value::Float(a), b @ (Value::Int(_) | Value::Decimal(_)))
            | (b @ (Value::Int(_) | Value::Decimal(_)), Value::Float(a)) => {
                text::float_of(b) == Some(*a)
            }
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Array(a), Value::Array(b)) => a == b,
            (Value::Object(a), Value::Object(b)) => a == b,
            _ => false,
        }
    }
}

/// Compact JSON.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        text::json(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Value {
        serde_json::from_str(json).expect("valid JSON")
    }

    #[test]
    fn text_survives_the_round_trip() {
        for json in [
            r#"{"b":1,"a":[null,true,-5,5.0,"x\"\n"],"A":{}}"#,
            "9223372036854775807",
            "1E+300",
            "[]",
        ] {
            assert_eq!(parsed(json).to_string(), json);
        }
    }

    #[test]
    fn the_last_of_two_equal_keys_wins_and_moves_to_the_end() {
        assert_eq!(
            parsed(r#"{"a":1,"b":2,"a":3}"#).to_string(),
            r#"{"b":2,"a":3}"#
        );
    }

    #[test]
    fn a_member_is_found_in_any_letter_case_and_the_exact_one_wins() {
        let value = parsed(r#"{"AB":1,"ab":2}"#);
        assert_eq!(value.get("ab"), Some(&Value::Int(2)));
        assert_eq!(value.get("aB"), Some(&Value::Int(1)));
        assert_eq!(value.pointer("/Ab"), Some(&Value::Int(1)));
    }

    #[test]
    fn sharing_is_weighed_as_if_it_were_written_out() {
        let mut value = Value::from("0123456789");
        for _ in 0..40 {
            value = Value::from(vec![value.clone(), value]);
        }
        assert_eq!(value.depth(), 40);
        assert!(value.weight() > 1 << 40);
    }

    #[test]
    fn decimals_keep_their_scale_in_json() {
        let value = Value::from(vec![Value::Decimal("5.0000".parse().expect("a decimal"))]);
        assert_eq!(value.to_string(), "[5.0000]");
        assert_eq!(
            serde_json::to_string(&value).expect("serialises"),
            "[5.0000]"
        );
    }
}
