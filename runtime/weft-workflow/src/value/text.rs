//! Values as text: compact JSON, and the plain text of interpolation.

use std::fmt::{self, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rust_decimal::prelude::ToPrimitive as _;

use super::Value;

pub(super) fn json(value: &Value, out: &mut impl Write) -> fmt::Result {
    match value {
        Value::Null => out.write_str("null"),
        Value::Bool(truth) => write!(out, "{truth}"),
        Value::Int(number) => write!(out, "{number}"),
        Value::Float(number) => float_json(*number, out),
        Value::Decimal(number) => write!(out, "{number}"),
        Value::String(text) => quoted(text, out),
        Value::Array(items) => {
            out.write_char('[')?;
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.write_char(',')?;
                }
                json(item, out)?;
            }
            out.write_char(']')
        }
        Value::Object(object) => {
            out.write_char('{')?;
            for (index, (key, value)) in object.iter().enumerate() {
                if index > 0 {
                    out.write_char(',')?;
                }
                quoted(key, out)?;
                out.write_char(':')?;
                json(value, out)?;
            }
            out.write_char('}')
        }
    }
}

fn float_json(number: f64, out: &mut impl Write) -> fmt::Result {
    let text = float_text(number);
    if !number.is_finite() {
        return quoted(&text, out);
    }
    out.write_str(&text)?;
    if text.contains(['.', 'E']) {
        return Ok(());
    }
    out.write_str(".0")
}

fn quoted(text: &str, out: &mut impl Write) -> fmt::Result {
    out.write_char('"')?;
    for char in text.chars() {
        match char {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '\u{8}' => out.write_str("\\b")?,
            '\u{c}' => out.write_str("\\f")?,
            '\0'..='\u{1f}' | '\u{85}' | '\u{2028}' | '\u{2029}' => {
                write!(out, "\\u{:04x}", u32::from(char))?;
            }
            other => out.write_char(other)?,
        }
    }
    out.write_char('"')
}

pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => float_text(*number),
        Value::Decimal(number) => number.to_string(),
        Value::String(text) => text.to_string(),
        Value::Array(_) => value.to_string(),
        Value::Object(_) => match content(value) {
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            None => value.to_string(),
        },
    }
}

/// The bytes of a content envelope: an object of exactly `$content-type` and `$content`.
fn content(value: &Value) -> Option<Vec<u8>> {
    let object = value.as_object().filter(|object| object.len() == 2)?;
    object.get_exact("$content-type")?.as_str()?;
    let encoded = object.get_exact("$content")?.as_str()?;
    STANDARD.decode(encoded).ok()
}

/// The shortest text that reads back as the same number, without a trailing `.0`; scientific below
/// 0.0001 and where the digits do not reach the point (`1E+15`, but `1234567890123456`).
pub(crate) fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        }
        .to_owned();
    }
    let scientific = format!("{number:e}");
    let (mantissa, exponent) = scientific
        .split_once('e')
        .expect("the format writes an exponent");
    let exponent: i32 = exponent
        .parse()
        .expect("the format writes a whole exponent");
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
    let longest = i32::try_from(digits.max(15)).unwrap_or(i32::MAX);
    if number != 0.0 && !(-4..longest).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}E{sign}{:02}", exponent.abs());
    }
    format!("{number}")
}

/// A number as the nearest float.
pub(super) fn float_of(value: &Value) -> Option<f64> {
    match value {
        #[expect(
            clippy::cast_precision_loss,
            reason = "the nearest float is what is asked for"
        )]
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(*number),
        Value::Decimal(number) => number.to_f64(),
        _ => None,
    }
}
