//! From one kind of value to another.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive as _;

use crate::value::{Object, Value};

use super::{EvalError, Invocation, Outcome};

const BINARY: &str = "application/octet-stream";
const TEXT: &str = "text/plain;charset=utf-8";
const JSON: &str = "application/json;charset=utf-8";

fn envelope(content_type: &str, encoded: impl Into<Value>) -> Value {
    let mut object = Object::new();
    object.insert("$content-type", Value::from(content_type));
    object.insert("$content", encoded.into());
    Value::Object(object)
}

/// The type and the bytes of a content envelope.
pub(super) fn content(value: &Value) -> Option<(&str, Vec<u8>)> {
    let object = value.as_object()?;
    let kind = object.get_exact("$content-type")?.as_str()?;
    let encoded = object.get_exact("$content")?.as_str()?;
    Some((kind, STANDARD.decode(encoded).ok()?))
}

fn present<'v>(call: &Invocation<'_>, args: &'v [Value]) -> Result<&'v Value, EvalError> {
    match &args[0] {
        Value::Null => Err(call.wrong(0, &args[0], "be a value other than null")),
        value => Ok(value),
    }
}

fn decoded(call: &Invocation<'_>, encoded: &str) -> Result<Vec<u8>, EvalError> {
    let compact: String = encoded.chars().filter(|c| !c.is_whitespace()).collect();
    STANDARD.decode(compact).map_err(|_| {
        call.error("expects its parameter to be a valid base64 string; what was provided is none.")
    })
}

pub(super) fn array(_: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    Ok(match &args[0] {
        Value::Array(items) => Value::Array(items.clone()),
        value => [value.clone()].into_iter().collect(),
    })
}

pub(super) fn base64(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let value = present(call, args)?;
    Ok(Value::from(STANDARD.encode(value.to_text())))
}

pub(super) fn base64_to_string(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let bytes = decoded(call, call.string(args, 0)?)?;
    Ok(Value::from(String::from_utf8_lossy(&bytes).into_owned()))
}

pub(super) fn base64_to_binary(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let encoded = call.string(args, 0)?;
    decoded(call, encoded)?;
    Ok(envelope(BINARY, encoded))
}

pub(super) fn binary(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let value = present(call, args)?;
    let bytes = match content(value) {
        Some((_, bytes)) => bytes,
        None => value.to_text().into_bytes(),
    };
    Ok(envelope(BINARY, STANDARD.encode(bytes)))
}

pub(super) fn string(_: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    Ok(Value::from(args[0].to_text()))
}

pub(super) fn bool(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    Ok(Value::Bool(match &args[0] {
        Value::Bool(truth) => *truth,
        Value::Int(number) => *number != 0,
        Value::Float(number) => *number != 0.0,
        Value::Decimal(number) => !number.is_zero(),
        Value::String(text) if text.trim().eq_ignore_ascii_case("true") => true,
        Value::String(text) if text.trim().eq_ignore_ascii_case("false") => false,
        other => return Err(call.wrong(0, other, "be a value that can be converted to a boolean")),
    }))
}

/// What separates groups, and what separates the fraction.
pub(super) fn separators(locale: Option<&str>) -> (&'static [char], char) {
    let language = locale.unwrap_or("en").to_ascii_lowercase();
    match language.split('-').next().unwrap_or_default() {
        "de" | "es" | "it" | "nl" | "da" | "pt" | "tr" | "id" | "is" | "el" => (&['.'], ','),
        "fr" | "ru" | "sv" | "nb" | "no" | "fi" | "pl" | "cs" | "uk" | "hu" => {
            (&[' ', '\u{a0}', '\u{202f}'], ',')
        }
        _ => (&[','], '.'),
    }
}

/// A number as people write it, in plain digits: groups are dropped, and the sign may stand behind.
fn plain_number(text: &str, locale: Option<&str>) -> Option<String> {
    let (groups, point) = separators(locale);
    let text = text.trim();
    let (negative, text) = match (text.strip_prefix('-'), text.strip_suffix('-')) {
        (Some(rest), None) | (None, Some(rest)) => (true, rest),
        (None, None) => (
            false,
            text.strip_prefix('+')
                .or_else(|| text.strip_suffix('+'))
                .unwrap_or(text),
        ),
        (Some(_), Some(_)) => return None,
    };
    let (whole, rest) = text.split_at(text.find(point).unwrap_or(text.len()));
    let mut plain = String::from(if negative { "-" } else { "" });
    plain.extend(whole.chars().filter(|c| !groups.contains(c)));
    plain.push_str(&rest.replacen(point, ".", 1));
    let body = plain.trim_start_matches('-');
    let digits = body.chars().any(|c| c.is_ascii_digit());
    let allowed = |c: char| c.is_ascii_digit() || ".eE+-".contains(c);
    (digits && body.chars().all(allowed)).then_some(plain)
}

/// The names of what is no number are the same wherever English is spoken.
fn to_float(text: &str, locale: Option<&str>) -> Option<f64> {
    let english = separators(locale).1 == '.';
    match text.trim() {
        "NaN" if english => return Some(f64::NAN),
        "Infinity" if english => return Some(f64::INFINITY),
        "-Infinity" if english => return Some(f64::NEG_INFINITY),
        _ => {}
    }
    plain_number(text, locale)?.parse().ok()
}

/// Digits may well be too large for a float.
fn finite(text: &str, number: f64) -> bool {
    number.is_finite() || text.contains(|c: char| c.is_ascii_digit())
}

pub(super) fn float(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let locale = call.optional_string(args, 1)?;
    let found = match &args[0] {
        // Without a locale the names of what is no number are not read.
        Value::String(text) => {
            to_float(text, locale).filter(|f| locale.is_some() || finite(text, *f))
        }
        other => other.to_f64(),
    };
    found.map(Value::Float).ok_or_else(|| {
        call.wrong(
            0,
            &args[0],
            "be a value that can be converted to a floating-point number",
        )
    })
}

/// Whole numbers only; those beyond 64 bits are the nearest that fits.
fn to_int(text: &str, locale: Option<&str>) -> Option<i64> {
    // Here the sign stands in front.
    if text.trim_end().ends_with(['-', '+']) {
        return None;
    }
    let plain = plain_number(text, locale)?;
    if let Ok(number) = plain.parse() {
        return Some(number);
    }
    let number: Decimal = plain
        .parse()
        .or_else(|_| Decimal::from_scientific(&plain))
        .ok()?;
    if !number.fract().is_zero() {
        return None;
    }
    number.to_i64().or(Some(match number.is_sign_negative() {
        true => i64::MIN,
        false => i64::MAX,
    }))
}

/// Text goes through a floating-point number, as it does at the peer: beyond 2^53 the nearest one
/// counts, and what is no number at all is the least integer.
fn rounded_int(text: &str, locale: Option<&str>) -> Option<i64> {
    if text.trim().eq_ignore_ascii_case("nan") {
        return Some(i64::MIN);
    }
    if text.trim_end().ends_with(['-', '+']) {
        return None;
    }
    Value::Float(plain_number(text, locale)?.parse().ok()?).as_i64()
}

pub(super) fn int(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let locale = call.optional_string(args, 1)?;
    let found = match &args[0] {
        Value::Bool(truth) => Some(i64::from(*truth)),
        Value::String(text) => rounded_int(text, locale),
        other => other.as_i64(),
    };
    found.map(Value::Int).ok_or_else(|| {
        call.wrong(
            0,
            &args[0],
            "be a value that can be converted to an integer",
        )
    })
}

pub(super) fn decimal(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let locale = call.optional_string(args, 1)?;
    let found: Option<Decimal> = match &args[0] {
        Value::Int(number) => Some(Decimal::from(*number)),
        Value::Decimal(number) => Some(*number),
        Value::Float(number) => format!("{number}").parse().ok(),
        Value::String(text) => plain_number(text, locale)
            .filter(|plain| !plain.contains(['e', 'E']))
            .and_then(|plain| plain.parse().ok()),
        _ => None,
    };
    found
        .map(Value::Decimal)
        .ok_or_else(|| call.wrong(0, &args[0], "be a value that can be converted to a decimal"))
}

pub(super) fn is_int(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let locale = call.optional_string(args, 1)?;
    Ok(Value::Bool(match &args[0] {
        Value::Int(_) => true,
        Value::String(text) => to_int(text, locale).is_some(),
        _ => false,
    }))
}

pub(super) fn is_float(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let locale = call.optional_string(args, 1)?;
    Ok(Value::Bool(match &args[0] {
        Value::String(text) => to_float(text, locale).is_some(),
        other => return Err(call.wrong(0, other, "be a string")),
    }))
}

pub(super) fn json(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let text = match &args[0] {
        Value::String(text) => text.to_string(),
        value => match content(value) {
            Some((kind, bytes)) if super::xml::is_xml(kind) => {
                return super::xml::to_json(call, &String::from_utf8_lossy(&bytes));
            }
            Some((_, bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
            None => return Ok(value.clone()),
        },
    };
    call.budget.bytes(text.len() as u64)?;
    serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        call.error(format_args!(
            "parameter is not valid. The provided value cannot be parsed: '{error}'."
        ))
    })
}

pub(super) fn uri_component(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    Ok(Value::from(escaped(call.string(args, 0)?)))
}

/// Connectors' paths are built with several values, which are joined.
pub(super) fn encode_uri_component(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    // Numbers and booleans are taken as their text, as the real engine does.
    let scalar = matches!(
        args,
        [Value::Int(_) | Value::Float(_) | Value::Decimal(_) | Value::Bool(_)]
    );
    if args.len() == 1 && !scalar {
        return uri_component(call, args);
    }
    let joined: String = args.iter().map(Value::to_text).collect();
    call.budget.bytes(joined.len() as u64)?;
    Ok(Value::from(escaped(&joined)))
}

/// Letters, digits and `-_.~` stay, every other byte is encoded.
fn escaped(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            true => encoded.push(char::from(byte)),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let code = after
            .get(..2)
            .and_then(|code| std::str::from_utf8(code).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(code) if *byte == b'%' => {
                bytes.push(code);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    bytes
}

pub(super) fn uri_component_to_string(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let bytes = unescaped(call.string(args, 0)?);
    Ok(Value::from(String::from_utf8_lossy(&bytes).into_owned()))
}

pub(super) fn uri_component_to_binary(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let bytes = unescaped(call.string(args, 0)?);
    Ok(envelope(BINARY, STANDARD.encode(bytes)))
}

pub(super) fn data_uri(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let value = present(call, args)?;
    let (kind, bytes) = match (value, content(value)) {
        (_, Some((kind, bytes))) => (kind, bytes),
        (Value::String(text), None) => (TEXT, text.as_bytes().to_vec()),
        (value, None) => (JSON, value.to_text().into_bytes()),
    };
    Ok(Value::from(format!(
        "data:{kind};base64,{}",
        STANDARD.encode(bytes)
    )))
}

/// The type of a data URI, and its data, encoded in base64 as it stands or plain.
enum Data {
    Encoded(String),
    Plain(String),
}

/// What the data is wanted as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Text,
    Binary,
}

fn data_of(
    call: &Invocation<'_>,
    args: &[Value],
    wanted: Use,
) -> Result<(String, Data), EvalError> {
    let text = call.string(args, 0)?;
    let wrong = || {
        call.error(format_args!(
            "expects its parameter to be a valid data URI. The provided value '{text}' is none."
        ))
    };
    let rest = text
        .get(..5)
        .filter(|start| start.eq_ignore_ascii_case("data:"));
    let rest = rest.and_then(|_| text.get(5..)).ok_or_else(wrong)?;
    let (head, data) = rest.split_once(',').ok_or_else(wrong)?;
    let lower = head.to_ascii_lowercase();
    let (kind, encoded) = match lower.strip_suffix("base64") {
        Some("") => ("", true),
        Some(before) if before.ends_with(';') => (&head[..before.len() - 1], true),
        _ => (head, false),
    };
    if kind.split(';').skip(1).any(str::is_empty) || (kind.is_empty() && head == ";") {
        return Err(wrong());
    }
    // Directly behind the type the peer reads an encoding, and knows no other than UTF-8.
    let first = kind.split(';').nth(1).map(str::to_ascii_lowercase);
    let charset = first
        .as_deref()
        .and_then(|first| first.strip_prefix("charset="));
    if wanted == Use::Text && charset.is_some_and(|charset| charset != "utf-8") {
        return Err(wrong());
    }
    let parameters = kind.split(';').skip(1);
    if wanted == Use::Binary
        && parameters
            .into_iter()
            .any(|parameter| !parameter.contains('='))
    {
        return Err(wrong());
    }
    let kind = match kind.split(';').next() {
        None | Some("") => format!("text/plain{kind}"),
        Some(_) => kind.to_owned(),
    };
    let data = match encoded {
        true => Data::Encoded(data.to_owned()),
        false => Data::Plain(data.to_owned()),
    };
    Ok((kind, data))
}

pub(super) fn data_uri_to_binary(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let (kind, data) = data_of(call, args, Use::Binary)?;
    let media = kind.split(';').next().unwrap_or_default();
    if media.split('/').filter(|part| !part.is_empty()).count() != 2
        || media.matches('/').count() != 1
    {
        return Err(call.error(format_args!(
            "expects a valid media type, '{media}' is none."
        )));
    }
    let encoded = match data {
        Data::Encoded(encoded) => encoded,
        Data::Plain(plain) => STANDARD.encode(unescaped(&plain.replace('+', " "))),
    };
    Ok(envelope(&kind, encoded))
}

pub(super) fn data_uri_to_string(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let (_, data) = data_of(call, args, Use::Text)?;
    let bytes = match data {
        Data::Encoded(encoded) => decoded(call, &encoded)?,
        Data::Plain(plain) => unescaped(&plain),
    };
    Ok(Value::from(String::from_utf8_lossy(&bytes).into_owned()))
}
