//! Parts of absolute URIs.

use crate::value::Value;

use super::{EvalError, Invocation, Outcome};

struct Uri<'a> {
    scheme: &'a str,
    host: &'a str,
    port: Option<u16>,
    path: &'a str,
    /// With the question mark.
    query: &'a str,
}

fn parse<'v>(call: &Invocation<'_>, args: &'v [Value]) -> Result<Uri<'v>, EvalError> {
    let text = call.string(args, 0)?;
    let wrong = || {
        call.error(format_args!(
            "expects its parameter to be a valid absolute URI. The provided value is '{text}'."
        ))
    };
    let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
    let named = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    if scheme.is_empty() || !scheme.chars().all(named) {
        return Err(wrong());
    }
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let (path, query) = rest.split_at(rest.find('?').unwrap_or(rest.len()));
    let authority = authority.rsplit('@').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => {
            (host, Some(port.parse().map_err(|_| wrong())?))
        }
        _ => (authority, None),
    };
    if host.is_empty() {
        return Err(wrong());
    }
    Ok(Uri {
        scheme,
        host,
        port,
        path: if path.is_empty() { "/" } else { path },
        query,
    })
}

pub(super) fn host(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    Ok(Value::from(parse(call, args)?.host.to_lowercase()))
}

pub(super) fn path(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    Ok(Value::from(parse(call, args)?.path))
}

pub(super) fn path_and_query(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let uri = parse(call, args)?;
    Ok(Value::from(format!("{}{}", uri.path, uri.query)))
}

pub(super) fn port(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let uri = parse(call, args)?;
    let usual = match uri.scheme.to_ascii_lowercase().as_str() {
        "http" | "ws" => 80,
        "https" | "wss" => 443,
        "ftp" => 21,
        _ => -1,
    };
    Ok(Value::Int(uri.port.map_or(usual, i64::from)))
}

pub(super) fn query(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    Ok(Value::from(parse(call, args)?.query))
}

pub(super) fn scheme(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    Ok(Value::from(parse(call, args)?.scheme.to_ascii_lowercase()))
}
