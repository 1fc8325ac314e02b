//! Text: joining, searching, cutting, letter case.
//!
//! Positions and lengths are UTF-16 code units, as the peer counts them.

use crate::value::{Array, Value};

use super::{Invocation, Outcome};

pub(super) fn concat(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    call.budget.bytes(args.iter().map(Value::weight).sum())?;
    // Two arrays are joined to one.
    if !args.is_empty() && args.iter().all(|arg| arg.as_array().is_some()) {
        let items = args.iter().filter_map(Value::as_array);
        return Ok(items.flat_map(|items| items.iter().cloned()).collect());
    }
    let text: String = args.iter().map(Value::to_text).collect();
    Ok(Value::from(text))
}

pub(super) fn starts_with(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let (text, start) = (call.string(args, 0)?, call.string(args, 1)?);
    Ok(Value::Bool(
        text.to_lowercase().starts_with(&start.to_lowercase()),
    ))
}

pub(super) fn ends_with(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let (text, end) = (call.string(args, 0)?, call.string(args, 1)?);
    Ok(Value::Bool(
        text.to_lowercase().ends_with(&end.to_lowercase()),
    ))
}

pub(super) fn guid(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let format = call.optional_string(args, 0)?.unwrap_or("D");
    let (high, low) = (call.scope.random(), call.scope.random());
    // Version 4, variant 1.
    let high = high & !0xf000 | 0x4000;
    let low = low & !(0b11 << 62) | 0b10 << 62;
    let plain = format!("{high:016x}{low:016x}");
    let dashed = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &plain[part]);
    let dashed = dashed.join("-");
    Ok(Value::from(match format {
        "N" | "n" => plain,
        "D" | "d" | "" => dashed,
        "B" | "b" => format!("{{{dashed}}}"),
        "P" | "p" => format!("({dashed})"),
        "X" | "x" => {
            let bytes = (16..32)
                .step_by(2)
                .map(|at| format!("0x{}", &plain[at..at + 2]));
            let bytes: Vec<String> = bytes.collect();
            let [first, second, third] = [0..8, 8..12, 12..16].map(|part| &plain[part]);
            format!("{{0x{first},0x{second},0x{third},{{{}}}}}", bytes.join(","))
        }
        other => {
            return Err(call.error(format_args!(
                "expects its parameter to be one of the formats 'N', 'D', 'B', 'P' and 'X'. The \
                 provided value is '{other}'."
            )));
        }
    }))
}

fn units(text: &str) -> Vec<u16> {
    text.encode_utf16().collect()
}

fn text(units: &[u16]) -> Value {
    Value::from(String::from_utf16_lossy(units))
}

/// As few as none: a position in UTF-16 units.
fn position(units_before: usize) -> Value {
    Value::Int(i64::try_from(units_before).unwrap_or(i64::MAX))
}

const NOWHERE: Value = Value::Int(-1);

fn find(text: &[u16], sought: &[u16]) -> Option<usize> {
    if sought.is_empty() {
        return Some(0);
    }
    text.windows(sought.len()).position(|part| part == sought)
}

pub(super) fn index_of(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let (text, sought) = lowered(call, args)?;
    Ok(find(&text, &sought).map_or(NOWHERE, position))
}

pub(super) fn last_index_of(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let (text, sought) = lowered(call, args)?;
    if sought.is_empty() {
        return Ok(position(text.len().saturating_sub(1)));
    }
    let found = text.windows(sought.len()).rposition(|part| part == sought);
    Ok(found.map_or(NOWHERE, position))
}

fn lowered(
    call: &mut Invocation<'_>,
    args: &[Value],
) -> Result<(Vec<u16>, Vec<u16>), super::EvalError> {
    let (text, sought) = (call.string(args, 0)?, call.string(args, 1)?);
    call.budget.steps(text.len() as u64)?;
    Ok((units(&text.to_lowercase()), units(&sought.to_lowercase())))
}

/// A negative count searches from the end.
pub(super) fn nth_index_of(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let (text, sought) = lowered(call, args)?;
    let wanted = call.integer(args, 2)?;
    if sought.is_empty() || wanted == 0 {
        return Ok(NOWHERE);
    }
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = find(&text[from..], &sought) {
        found.push(from + at);
        from += at + 1;
    }
    let index = usize::try_from(wanted.unsigned_abs() - 1).unwrap_or(usize::MAX);
    let at = match wanted > 0 {
        true => found.get(index),
        false => found.iter().rev().nth(index),
    };
    Ok(at.copied().map_or(NOWHERE, position))
}

pub(super) fn replace(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let (text, old, new) = (
        call.string(args, 0)?,
        call.string(args, 1)?,
        call.string(args, 2)?,
    );
    if old.is_empty() {
        return Err(call.error(
            "parameters are not valid: String cannot be of zero length. (Parameter 'oldValue')",
        ));
    }
    let grown = text.matches(old).count().saturating_mul(new.len());
    call.budget.bytes((text.len() + grown) as u64)?;
    Ok(Value::from(text.replace(old, new)))
}

/// Out of range is an end; a negative position counts from the end.
pub(super) fn slice(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let units = units(call.string(args, 0)?);
    let len = i64::try_from(units.len()).unwrap_or(i64::MAX);
    let at = |index: i64| {
        let index = if index < 0 {
            index.saturating_add(len)
        } else {
            index
        };
        usize::try_from(index.clamp(0, len)).expect("between nothing and a length")
    };
    let from = at(call.integer(args, 1)?);
    let to = match args.get(2) {
        None | Some(Value::Null) => units.len(),
        Some(_) => at(call.integer(args, 2)?),
    };
    Ok(text(units.get(from..to).unwrap_or_default()))
}

pub(super) fn substring(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let units = units(call.string(args, 0)?);
    let from = call.integer(args, 1)?;
    let from = usize::try_from(from)
        .ok()
        .filter(|from| *from <= units.len());
    let Some(from) = from else {
        return Err(call.error(
            "parameters are out of range: 'start index' must be a non-negative integer and must \
             be less than or equal to the length of the string.",
        ));
    };
    let to = match args.get(2) {
        None | Some(Value::Null) => Some(units.len()),
        Some(_) => usize::try_from(call.integer(args, 2)?)
            .ok()
            .and_then(|len| from.checked_add(len)),
    };
    match to.filter(|to| *to <= units.len()) {
        Some(to) => Ok(text(&units[from..to])),
        None => Err(call.error(
            "parameters are out of range: 'start index' and 'length' must be non-negative integers \
             and their sum must be no larger than the length of the string.",
        )),
    }
}

pub(super) fn split(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let text = call.string(args, 0)?;
    let by = match args.get(1) {
        None => ",",
        Some(Value::String(by)) => by.as_ref(),
        Some(other) => return Err(call.wrong(1, other, "be of type string")),
    };
    if by.is_empty() {
        return Ok([Value::from(text)].into_iter().collect());
    }
    call.budget.steps(text.matches(by).count() as u64)?;
    Ok(text.split(by).map(Value::from).collect())
}

pub(super) fn to_lower(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    // The invariant culture keeps the length: a character becomes one character or stays.
    let lower = |char: char| {
        let mut lower = char.to_lowercase();
        match (lower.next(), lower.next()) {
            (Some(one), None) => one,
            _ => char,
        }
    };
    Ok(Value::from(
        call.string(args, 0)?.chars().map(lower).collect::<String>(),
    ))
}

pub(super) fn to_upper(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let upper = |char: char| {
        let mut upper = char.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(one), None) => one,
            _ => char,
        }
    };
    Ok(Value::from(
        call.string(args, 0)?.chars().map(upper).collect::<String>(),
    ))
}

pub(super) fn trim(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    match &args[0] {
        Value::String(text) => Ok(Value::from(text.trim())),
        other => Err(call.error(format_args!(
            "parameters are not valid: it expects a string. The provided value is of type '{}'.",
            other.kind()
        ))),
    }
}

pub(super) fn trim_byte_order_mark(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let text = call.string(args, 0)?;
    Ok(Value::from(text.strip_prefix('\u{feff}').unwrap_or(text)))
}

pub(super) fn utf8_length(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    Ok(position(call.string(args, 0)?.len()))
}

pub(super) fn utf16_length(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    Ok(position(call.string(args, 0)?.encode_utf16().count()))
}

pub(super) fn encode_xml_value(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let mut encoded = String::new();
    for char in call.string(args, 0)?.chars() {
        match char {
            '&' => encoded.push_str("&amp;"),
            '<' => encoded.push_str("&lt;"),
            '>' => encoded.push_str("&gt;"),
            '"' => encoded.push_str("&quot;"),
            '\'' => encoded.push_str("&apos;"),
            other => encoded.push(other),
        }
    }
    Ok(Value::from(encoded))
}

pub(super) fn decode_xml_value(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let text = call.string(args, 0)?;
    let decoded = quick_xml::escape::unescape(text).map_err(|error| {
        call.error(format_args!(
            "expects its parameter to be the text of an XML element: '{error}'."
        ))
    })?;
    Ok(Value::from(decoded.as_ref()))
}

/// What may not stand in the name of an element becomes `_xHHHH_`.
pub(super) fn encode_xml_name(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let name = call.string(args, 0)?;
    let mut encoded = String::new();
    for (index, char) in name.chars().enumerate() {
        let starts = char.is_alphabetic() || char == '_';
        let allowed = starts || index > 0 && (char.is_numeric() || "-.".contains(char));
        if allowed && !(char == '_' && name.contains("_x")) {
            encoded.push(char);
        } else {
            encoded.push_str(&format!("_x{:04X}_", u32::from(char)));
        }
    }
    Ok(Value::from(encoded))
}

pub(super) fn decode_xml_name(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let mut rest = call.string(args, 0)?;
    let mut decoded = String::new();
    while let Some(at) = rest.find("_x") {
        let code = rest
            .get(at + 2..at + 6)
            .filter(|_| rest.as_bytes()[at..].get(6) == Some(&b'_'));
        let char = code.and_then(|code| char::from_u32(u32::from_str_radix(code, 16).ok()?));
        match char {
            Some(char) => {
                decoded.push_str(&rest[..at]);
                decoded.push(char);
                rest = &rest[at + 7..];
            }
            None => {
                decoded.push_str(&rest[..at + 2]);
                rest = &rest[at + 2..];
            }
        }
    }
    decoded.push_str(rest);
    Ok(Value::from(decoded))
}

/// Pieces of at most so many units.
pub(super) fn chunks(text_: &str, size: usize) -> Array {
    let units = units(text_);
    units.chunks(size).map(text).collect()
}
