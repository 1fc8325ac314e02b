//! Forms and messages of several parts, in what a trigger or an action put out.
//!
//! A form that is encoded in one line has `$formdata`, an array of `{key, value}`; a message of
//! several parts has `$multipart`, an array of `{headers, body}`.

use crate::value::Value;

use super::{EvalError, Invocation, Outcome, reference};

pub(super) fn form_data_value(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let body = reference::body(call, args)?;
    single(call, &body, args, 1)
}

pub(super) fn form_data_multi_values(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let body = reference::body(call, args)?;
    Ok(Value::from(values(call, &body, args, 1)?))
}

pub(super) fn multipart_body(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let body = reference::body(call, args)?;
    part(call, &body, args, 1)
}

pub(super) fn trigger_form_data_value(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let body = reference::trigger_body(call, args)?;
    single(call, &body, args, 0)
}

pub(super) fn trigger_form_data_multi_values(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let body = reference::trigger_body(call, args)?;
    Ok(Value::from(values(call, &body, args, 0)?))
}

pub(super) fn trigger_multipart_body(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let body = reference::trigger_body(call, args)?;
    part(call, &body, args, 0)
}

fn single(call: &Invocation<'_>, body: &Value, args: &[Value], index: usize) -> Outcome {
    let mut values = values(call, body, args, index)?;
    let key = args[index].to_text();
    match values.len() {
        1 => Ok(values.remove(0)),
        0 => Err(call.error(format_args!(
            "cannot be evaluated: the form has no value for the key '{key}'."
        ))),
        count => Err(call.error(format_args!(
            "cannot be evaluated: the form has {count} values for the key '{key}', not one."
        ))),
    }
}

/// Every value of a key, in order.
fn values(
    call: &Invocation<'_>,
    body: &Value,
    args: &[Value],
    index: usize,
) -> Result<Vec<Value>, EvalError> {
    let key = call.string(args, index)?;
    if let Some(Value::Array(pairs)) = body.get("$formdata") {
        let matching = pairs.iter().filter(|pair| {
            let name = pair.get("key").and_then(Value::as_str);
            name.is_some_and(|name| name.eq_ignore_ascii_case(key))
        });
        let values = matching.map(|pair| pair.get("value").cloned().unwrap_or_default());
        return Ok(values.collect());
    }
    let parts = parts(body).ok_or_else(|| {
        call.error("cannot be evaluated: the body is neither form data nor form-encoded.")
    })?;
    let matching = parts.iter().filter(|part| {
        let name = part_name(part);
        name.is_some_and(|name| name.eq_ignore_ascii_case(key))
    });
    let bodies = matching.filter_map(|part| part.get("body"));
    Ok(bodies.map(|body| Value::from(body.to_text())).collect())
}

fn parts(body: &Value) -> Option<&[Value]> {
    Some(body.get("$multipart")?.as_array()?)
}

/// `form-data; name="x"` names its part.
fn part_name(part: &Value) -> Option<String> {
    let disposition = part.get("headers")?.get("Content-Disposition")?.as_str()?;
    disposition.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        (name.trim().eq_ignore_ascii_case("name")).then(|| value.to_owned())
    })
}

fn part(call: &Invocation<'_>, body: &Value, args: &[Value], index: usize) -> Outcome {
    let position = call.integer(args, index)?;
    let parts = parts(body)
        .ok_or_else(|| call.error("cannot be evaluated: the body does not have several parts."))?;
    let found = usize::try_from(position).ok().and_then(|p| parts.get(p));
    match found {
        Some(part) => Ok(part.get("body").cloned().unwrap_or_default()),
        None => Err(call.error(format_args!(
            "cannot be evaluated: there is no part '{position}', the body has {}.",
            parts.len()
        ))),
    }
}
