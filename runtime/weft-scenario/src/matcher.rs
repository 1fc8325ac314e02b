//! Whether a value is what a scenario expects.
//!
//! Objects are subsets, with names in exact case; arrays are compared item by item; numbers by their
//! value. An object whose names are all matchers is a matcher, and all of its names have to hold.

use std::cmp::Ordering;
use std::fmt;

use regex::Regex;
use weft_workflow::value::Value;

/// Where a value differs, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    /// From the inside out.
    path: Vec<String>,
    message: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in self.path.iter().rev() {
            write!(f, "/{part}")?;
        }
        let colon = if self.path.is_empty() { "" } else { ": " };
        write!(f, "{colon}{}", self.message)
    }
}

type Fit = Result<(), Mismatch>;

const NAMES: [&str; 20] = [
    "$any",
    "$exists",
    "$empty",
    "$type",
    "$exact",
    "$in",
    "$not",
    "$regex",
    "$contains",
    "$notContains",
    "$startsWith",
    "$endsWith",
    "$ieq",
    "$length",
    "$gte",
    "$lte",
    "$unordered",
    "$json",
    "$lines",
    "$xmlText",
];

/// Compares; `found` is `None` for what is not there.
///
/// # Errors
/// The first difference.
pub fn fits(expected: &Value, found: Option<&Value>) -> Fit {
    compare(expected, found, false)
}

/// Whether the value is an object of matchers.
#[must_use]
pub fn is_matcher(value: &Value) -> bool {
    let Value::Object(object) = value else {
        return false;
    };
    !object.is_empty() && object.iter().all(|(name, _)| NAMES.contains(&&**name))
}

fn compare(expected: &Value, found: Option<&Value>, exact: bool) -> Fit {
    if is_matcher(expected) {
        let members = expected.as_object().into_iter().flat_map(|o| o.iter());
        for (name, argument) in members {
            matcher(name, argument, found)?;
        }
        return Ok(());
    }
    let Some(found) = found else {
        return differs(format!(
            "{} is expected and nothing is there",
            short(expected)
        ));
    };
    match (expected, found) {
        (Value::Object(expected), Value::Object(members)) => {
            for (name, expected) in expected.iter() {
                compare(expected, members.get_exact(name), exact)
                    .map_err(|mismatch| below(mismatch, name))?;
            }
            let mut further = members
                .iter()
                .filter(|(name, _)| expected.get_exact(name).is_none());
            match further.next() {
                Some((name, value)) if exact => {
                    let message = format!("{} is there and not expected", short(value));
                    differs(message).map_err(|mismatch| below(mismatch, name))
                }
                Some(_) | None => Ok(()),
            }
        }
        (Value::Array(expected), Value::Array(items)) => {
            if expected.len() != items.len() {
                return differs(format!(
                    "{} items are expected and {} are there: {}",
                    expected.len(),
                    items.len(),
                    short(found)
                ));
            }
            for (index, (expected, item)) in expected.iter().zip(items.iter()).enumerate() {
                compare(expected, Some(item), exact)
                    .map_err(|mismatch| below(mismatch, &index.to_string()))?;
            }
            Ok(())
        }
        (expected, found) if expected == found => Ok(()),
        (expected, found) => differs(format!(
            "{} is expected and {} is there",
            short(expected),
            short(found)
        )),
    }
}

fn matcher(name: &str, argument: &Value, found: Option<&Value>) -> Fit {
    let shown = found.map_or_else(|| "nothing".to_owned(), short);
    let holds = |holds: bool| match holds {
        true => Ok(()),
        false => differs(format!("{shown} does not fit {name} {}", short(argument))),
    };
    let wanted = argument.as_bool() != Some(false);
    let text = found.filter(|found| !found.is_null()).map(Value::to_text);
    let text = text.as_deref();
    let asked = argument.to_text();
    match name {
        "$any" => holds(found.is_some()),
        "$exists" => holds(found.is_some() == wanted),
        "$empty" => holds(is_empty(found) == wanted),
        "$type" => holds(found.is_some_and(|found| has_type(found, &asked))),
        "$exact" => compare(argument, found, true),
        "$in" => {
            let choices = argument.as_array();
            let mut choices = choices.into_iter().flat_map(|choices| choices.iter());
            holds(choices.any(|choice| compare(choice, found, false).is_ok()))
        }
        "$not" => holds(compare(argument, found, false).is_err()),
        "$regex" => match Regex::new(&asked) {
            Ok(regex) => holds(text.is_some_and(|text| regex.is_match(text))),
            Err(fault) => differs(format!("the pattern cannot be read: {fault}")),
        },
        "$contains" => holds(found.is_some_and(|found| contains(found, argument))),
        "$notContains" => holds(!found.is_some_and(|found| contains(found, argument))),
        "$startsWith" => holds(text.is_some_and(|text| text.starts_with(&asked))),
        "$endsWith" => holds(text.is_some_and(|text| text.ends_with(&asked))),
        "$ieq" => holds(text.is_some_and(|text| text.to_lowercase() == asked.to_lowercase())),
        "$length" => compare(argument, length(found).as_ref(), false),
        "$gte" => holds(order(found, argument).is_some_and(Ordering::is_ge)),
        "$lte" => holds(order(found, argument).is_some_and(Ordering::is_le)),
        "$unordered" => unordered(argument, found),
        "$json" => match text.and_then(|text| serde_json::from_str::<Value>(text).ok()) {
            Some(parsed) => compare(argument, Some(&parsed), false),
            None => differs(format!("{shown} is no text that holds JSON")),
        },
        "$lines" => {
            let expected = match argument {
                Value::Array(lines) => lines.iter().map(Value::to_text).collect(),
                other => lines(&other.to_text()),
            };
            holds(text.is_some_and(|text| lines(text) == expected))
        }
        "$xmlText" => holds(text.is_some_and(|text| without_space(text) == without_space(&asked))),
        other => differs(format!("there is no matcher {other}")),
    }
}

fn is_empty(found: Option<&Value>) -> bool {
    match found {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        Some(Value::Object(members)) => members.len() == 0,
        Some(Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Decimal(_)) => false,
    }
}

fn has_type(found: &Value, name: &str) -> bool {
    match name.to_ascii_lowercase().as_str() {
        "null" => found.is_null(),
        "boolean" | "bool" => matches!(found, Value::Bool(_)),
        "integer" | "int" => found.as_i64().is_some(),
        "number" | "float" => matches!(found, Value::Int(_) | Value::Float(_) | Value::Decimal(_)),
        "string" => found.as_str().is_some(),
        "array" => found.as_array().is_some(),
        "object" => found.as_object().is_some(),
        _ => false,
    }
}

fn length(found: Option<&Value>) -> Option<Value> {
    let length = match found? {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(members) => members.len(),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Decimal(_) => {
            return None;
        }
    };
    Some(number_of(length))
}

/// A text that holds another, an array that holds an item, an object that has a member.
fn contains(found: &Value, argument: &Value) -> bool {
    match (found, argument) {
        (Value::Array(items), one) => items
            .iter()
            .any(|item| compare(one, Some(item), false).is_ok()),
        (Value::Object(members), Value::String(name)) => members.get_exact(name).is_some(),
        (Value::Object(_), other) => compare(other, Some(found), false).is_ok(),
        (text, Value::Array(all)) => all.iter().all(|one| contains(text, one)),
        (text, one) => text.to_text().contains(&one.to_text()),
    }
}

fn order(found: Option<&Value>, argument: &Value) -> Option<Ordering> {
    match (found?, argument) {
        (Value::String(found), Value::String(argument)) => Some(found.cmp(argument)),
        (found, argument) => found.to_f64()?.partial_cmp(&argument.to_f64()?),
    }
}

/// Every expected item fits an item of its own, whatever their order.
fn unordered(argument: &Value, found: Option<&Value>) -> Fit {
    let (Some(expected), Some(items)) = (argument.as_array(), found.and_then(Value::as_array))
    else {
        return differs("an array is expected".to_owned());
    };
    if expected.len() != items.len() {
        return differs(format!(
            "{} items are expected and {} are there",
            expected.len(),
            items.len()
        ));
    }
    let fitting: Vec<Vec<usize>> = expected
        .iter()
        .map(|expected| {
            let all = items.iter().enumerate();
            all.filter(|(_, item)| compare(expected, Some(item), false).is_ok())
                .map(|(index, _)| index)
                .collect()
        })
        .collect();
    let mut taken: Vec<Option<usize>> = vec![None; items.len()];
    for (at, expected) in expected.iter().enumerate() {
        if !place(at, &fitting, &mut taken, &mut vec![false; items.len()]) {
            return differs(format!("no item is left for {}", short(expected)));
        }
    }
    Ok(())
}

/// Finds an item for an expectation; others make room where they can.
fn place(
    at: usize,
    fitting: &[Vec<usize>],
    taken: &mut [Option<usize>],
    tried: &mut [bool],
) -> bool {
    for &item in &fitting[at] {
        if std::mem::replace(&mut tried[item], true) {
            continue;
        }
        let free = match taken[item] {
            None => true,
            Some(other) => place(other, fitting, taken, tried),
        };
        if free {
            taken[item] = Some(at);
            return true;
        }
    }
    false
}

fn lines(text: &str) -> Vec<String> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.split('\n')
        .map(|line| line.strip_suffix('\r').unwrap_or(line).to_owned())
        .collect()
}

/// XML text without its declaration and without space between markup.
fn without_space(text: &str) -> String {
    let text = text.trim_start_matches('\u{feff}').trim();
    let text = match text.strip_prefix("<?xml") {
        Some(rest) => rest.split_once("?>").map_or(text, |(_, rest)| rest),
        None => text,
    };
    let mut out = String::with_capacity(text.len());
    let mut space = String::new();
    let mut after_markup = true;
    for c in text.chars() {
        if c.is_whitespace() {
            space.push(c);
            continue;
        }
        if !(after_markup && c == '<') {
            out.push_str(&space);
        }
        space.clear();
        out.push(c);
        after_markup = c == '>';
    }
    out.replace(" />", "/>")
}

fn differs(message: String) -> Fit {
    Err(Mismatch {
        path: Vec::new(),
        message,
    })
}

fn below(mut mismatch: Mismatch, name: &str) -> Mismatch {
    mismatch.path.push(name.to_owned());
    mismatch
}

/// A number of things.
pub(crate) fn number_of(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// A value as messages show it.
pub(crate) fn short(value: &Value) -> String {
    const SHOWN_MAX: usize = 300;
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expected: &str, found: &str) -> Result<(), String> {
        let expected: Value = serde_json::from_str(expected).unwrap();
        let found = (!found.is_empty()).then(|| serde_json::from_str::<Value>(found).unwrap());
        fits(&expected, found.as_ref()).map_err(|mismatch| mismatch.to_string())
    }

    #[test]
    fn fitting() {
        for (expected, found) in [
            (r#"{"a":1}"#, r#"{"a":1.0,"b":2}"#),
            (r#"{"a":{"$exists":false}}"#, r#"{"A":1}"#),
            (r#"[1,{"x":"y"}]"#, r#"[1,{"x":"y","z":0}]"#),
            (r#"{"$any":true}"#, "null"),
            (r#"{"$empty":true}"#, ""),
            (r#"{"$empty":true}"#, "{}"),
            (r#"{"$empty":false}"#, "0"),
            (r#"{"$type":"integer"}"#, "5"),
            (r#"{"$exact":{"a":{"$any":true}}}"#, r#"{"a":[]}"#),
            (r#"{"$in":["x",{"$gte":3,"$lte":5}]}"#, "4"),
            (r#"{"$not":{"a":1}}"#, r#"{"a":2}"#),
            (r#"{"$not":{"a":1}}"#, ""),
            (r#"{"$regex":"^a.c$"}"#, r#""abc""#),
            (r#"{"$contains":"b"}"#, r#""abc""#),
            (r#"{"$contains":{"id":2}}"#, r#"[{"id":1},{"id":2,"x":0}]"#),
            (r#"{"$contains":"k"}"#, r#"{"k":1}"#),
            (r#"{"$notContains":3}"#, "[1,2]"),
            (r#"{"$startsWith":"a","$endsWith":"c"}"#, r#""abc""#),
            (r#"{"$ieq":"ABC"}"#, r#""abc""#),
            (r#"{"$length":2}"#, "[1,2]"),
            (r#"{"$length":{"$gte":3}}"#, r#""abc""#),
            (r#"{"$unordered":[{"$any":true},1]}"#, "[1,2]"),
            (r#"{"$json":{"a":1}}"#, r#""{\"a\":1,\"b\":2}""#),
            (r#"{"$lines":"a\nb"}"#, r#""a\r\nb\r\n""#),
            (
                r#"{"$xmlText":"<a><b>x y</b></a>"}"#,
                r#""<?xml version=\"1.0\"?>\n<a>\n  <b>x y</b>\n</a>""#,
            ),
            // Not all names are matchers: a member by the name of one.
            (r#"{"$exact":1,"a":2}"#, r#"{"$exact":1,"a":2}"#),
        ] {
            assert_eq!(check(expected, found), Ok(()), "{expected} {found}");
        }
    }

    #[test]
    fn differing() {
        for (expected, found, message) in [
            (
                r#"{"a":{"b":[1,2]}}"#,
                r#"{"a":{"b":[1,3]}}"#,
                "/a/b/1: 2 is expected and 3 is there",
            ),
            (
                r#"{"a":1}"#,
                r#"{"A":1}"#,
                "/a: 1 is expected and nothing is there",
            ),
            (
                r#"{"$exact":{"a":1}}"#,
                r#"{"a":1,"b":2}"#,
                "/b: 2 is there and not expected",
            ),
            (r#"{"$any":true}"#, "", "nothing does not fit $any true"),
            (r#"{"$gte":3}"#, "2", "2 does not fit $gte 3"),
            (r#"{"$unordered":[1,1]}"#, "[1,2]", "no item is left for 1"),
            (r#""5""#, "5", r#""5" is expected and 5 is there"#),
            (
                r#"{"$xmlText":"<a>x</a>"}"#,
                r#""<a>x </a>""#,
                r#""<a>x </a>" does not fit $xmlText "<a>x</a>""#,
            ),
        ] {
            assert_eq!(check(expected, found), Err(message.to_owned()));
        }
    }
}
