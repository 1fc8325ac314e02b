//! Arrays, and strings and objects as collections.

use crate::value::{Array, Object, Value};

use super::logical::order;
use super::{EvalError, Invocation, Outcome, string};

pub(super) fn chunk(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let size = call.integer(args, 1)?;
    let Some(size) = usize::try_from(size).ok().filter(|size| *size > 0) else {
        return Err(call.wrong(1, &args[1], "be a positive integer"));
    };
    match &args[0] {
        Value::Array(items) => Ok(items
            .chunks(size)
            .map(|chunk| chunk.iter().cloned().collect::<Value>())
            .collect()),
        Value::String(text) => Ok(Value::Array(string::chunks(text, size))),
        other => Err(call.wrong(0, other, "be an array or a string")),
    }
}

pub(super) fn contains(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    call.budget.steps(args[0].weight() / 16)?;
    Ok(Value::Bool(match &args[0] {
        Value::String(text) => text.contains(&args[1].to_text()),
        Value::Array(items) => items.contains(&args[1]),
        Value::Object(object) => object.get(call.string(args, 1)?).is_some(),
        other => {
            return Err(call.wrong(0, other, "be a dictionary (object), an array or a string"));
        }
    }))
}

pub(super) fn empty(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    Ok(Value::Bool(match &args[0] {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(object) => object.is_empty(),
        other => return Err(call.wrong(0, other, "be an object, an array or a string")),
    }))
}

pub(super) fn length(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let length = match &args[0] {
        Value::String(text) => text.encode_utf16().count(),
        Value::Array(items) => items.len(),
        other => return Err(call.wrong(0, other, "be an array or a string")),
    };
    Ok(Value::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

/// Of nothing there is no first: null for an array, the empty string for a string.
pub(super) fn first(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    match &args[0] {
        Value::String(text) => Ok(Value::from(text.chars().take(1).collect::<String>())),
        Value::Array(items) => Ok(items.first().cloned().unwrap_or_default()),
        other => Err(call.wrong(0, other, "be an array or a string")),
    }
}

pub(super) fn last(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    match &args[0] {
        Value::String(text) => Ok(Value::from(
            text.chars()
                .next_back()
                .map(String::from)
                .unwrap_or_default(),
        )),
        Value::Array(items) => Ok(items.last().cloned().unwrap_or_default()),
        other => Err(call.wrong(0, other, "be an array or a string")),
    }
}

fn count(call: &Invocation<'_>, args: &[Value], index: usize) -> Result<usize, EvalError> {
    let count = call.integer(args, index)?;
    usize::try_from(count).map_err(|_| call.wrong(index, &args[index], "be a positive integer"))
}

pub(super) fn skip(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    match &args[0] {
        Value::Array(items) => Ok(items.iter().skip(count(call, args, 1)?).cloned().collect()),
        other => Err(call.wrong(0, other, "be an array")),
    }
}

pub(super) fn take(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    match &args[0] {
        Value::String(text) => {
            let units: Vec<u16> = text.encode_utf16().take(count(call, args, 1)?).collect();
            Ok(Value::from(String::from_utf16_lossy(&units)))
        }
        Value::Array(items) => Ok(items.iter().take(count(call, args, 1)?).cloned().collect()),
        other => Err(call.wrong(0, other, "be an array or a string")),
    }
}

pub(super) fn join(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let items = call.array(args, 0)?;
    let between = call.string(args, 1)?;
    let separators = between.len().saturating_mul(items.len());
    call.budget.bytes(args[0].weight() + separators as u64)?;
    let texts: Vec<String> = items.iter().map(Value::to_text).collect();
    Ok(Value::from(texts.join(between)))
}

pub(super) fn reverse(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    Ok(call.array(args, 0)?.iter().rev().cloned().collect())
}

/// By value, or by a member of each item.
pub(super) fn sort(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let items = call.array(args, 0)?;
    let by = call.optional_string(args, 1)?;
    call.budget.steps(items.len() as u64 * 16)?;
    let key = |item: &Value| match by {
        Some(name) => item.get(name).cloned().unwrap_or_default(),
        None => item.clone(),
    };
    let mut sorted: Vec<(Value, Value)> = items.iter().map(|i| (key(i), i.clone())).collect();
    let sortable = |value: &Value| !matches!(value, Value::Array(_) | Value::Object(_));
    if let Some((bad, _)) = sorted.iter().find(|(key, _)| !sortable(key)) {
        return Err(call.wrong(0, bad, "have items that can be compared"));
    }
    sorted.sort_by(|(a, _), (b, _)| order(a, b).unwrap_or(std::cmp::Ordering::Equal));
    Ok(sorted.into_iter().map(|(_, item)| item).collect())
}

pub(super) fn create_array(_: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    Ok(args.iter().cloned().collect())
}

/// Arrays or objects, all of one kind.
enum Sets<'a> {
    Arrays(Vec<&'a Array>),
    Objects(Vec<&'a Object>),
}

fn sets<'a>(call: &mut Invocation<'_>, args: &'a [Value]) -> Result<Sets<'a>, EvalError> {
    let weight: u64 = args.iter().map(Value::weight).sum();
    call.budget.steps(weight)?;
    // One array of arrays or objects stands for its items.
    let args = match args {
        [Value::Array(items)] if !items.is_empty() => &**items,
        args => args,
    };
    if let Some(arrays) = args.iter().map(Value::as_array).collect() {
        return Ok(Sets::Arrays(arrays));
    }
    if let Some(objects) = args.iter().map(Value::as_object).collect() {
        return Ok(Sets::Objects(objects));
    }
    let kinds: Vec<_> = args.iter().map(Value::kind).collect();
    Err(call.error(format_args!(
        "expects parameters of same type, either arrays or objects. The function was invoked with \
         values of types '{}'.",
        kinds.join(", ")
    )))
}

/// What was seen first stays.
fn add(found: &mut Array, item: &Value) {
    if !found.contains(item) {
        found.push(item.clone());
    }
}

pub(super) fn intersection(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    match sets(call, args)? {
        Sets::Arrays(arrays) => {
            let mut found = Array::new();
            let (first, others) = arrays.split_first().expect("at least one argument");
            for item in first.iter() {
                call.budget
                    .steps(others.iter().map(|o| o.len() as u64).sum())?;
                if others.iter().all(|other| other.contains(item)) {
                    add(&mut found, item);
                }
            }
            Ok(Value::Array(found))
        }
        Sets::Objects(objects) => {
            let (first, others) = objects.split_first().expect("at least one argument");
            let everywhere = |(name, value): &(&std::sync::Arc<str>, &Value)| {
                others
                    .iter()
                    .all(|other| other.get_exact(name) == Some(value))
            };
            let found = first.iter().filter(everywhere);
            Ok(found
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect())
        }
    }
}

pub(super) fn union(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    match sets(call, args)? {
        Sets::Arrays(arrays) => {
            let mut found = Array::new();
            for item in arrays.into_iter().flat_map(|array| array.iter()) {
                call.budget.steps(found.len() as u64)?;
                add(&mut found, item);
            }
            Ok(Value::Array(found))
        }
        Sets::Objects(objects) => Ok(Value::Object(merged(objects))),
    }
}

/// Members of later objects take the place of earlier ones.
pub(super) fn merged<'a>(objects: impl IntoIterator<Item = &'a Object>) -> Object {
    let mut found: indexmap::IndexMap<std::sync::Arc<str>, Value> = indexmap::IndexMap::new();
    for (name, value) in objects.into_iter().flat_map(Object::iter) {
        found.insert(name.clone(), value.clone());
    }
    found.into_iter().collect()
}

pub(super) fn add_property(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let mut object = call.object(args, 0)?.clone();
    let name = name(call, args)?;
    if object.get(name).is_some() {
        return Err(call.error(format_args!(
            "cannot add the property: the property '{name}' exists already."
        )));
    }
    object.insert(name, args[2].clone());
    Ok(Value::Object(object))
}

fn name<'v>(call: &Invocation<'_>, args: &'v [Value]) -> Result<&'v str, EvalError> {
    let found = args[1].as_str();
    found.ok_or_else(|| call.wrong(1, &args[1], "be of type string"))
}

/// A property that is there moves to the end.
pub(super) fn set_property(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let mut object = call.object(args, 0)?.clone();
    let name = name(call, args)?;
    // In the letter case that it has.
    let same = |(known, _): &(&std::sync::Arc<str>, &Value)| crate::value::same_name(known, name);
    let known = match object.get_exact(name) {
        Some(_) => None,
        None => object.iter().find(same).map(|(known, _)| known.clone()),
    };
    object.remove(name);
    object.insert(known.unwrap_or_else(|| name.into()), args[2].clone());
    Ok(Value::Object(object))
}

pub(super) fn remove_property(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let mut object = call.object(args, 0)?.clone();
    object.remove(name(call, args)?);
    Ok(Value::Object(object))
}

pub(super) fn merge_objects(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let mut objects = Vec::new();
    for index in 0..args.len() {
        objects.push(call.object(args, index)?);
    }
    Ok(Value::Object(merged(objects)))
}
