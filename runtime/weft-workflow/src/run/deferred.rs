//! Secrets in the inputs of requests: where they are filled in by whoever sends the request.

use crate::expression::Deferred;
use crate::value::{Object, Value};

/// What is deferred below a member, seen from there.
pub(crate) fn below(deferred: &Deferred, member: &str) -> Deferred {
    let inside = deferred.iter().filter_map(|(pointer, rest)| {
        let (first, inner) = pointer.strip_prefix('/')?.split_once('/')?;
        let fits = first.eq_ignore_ascii_case(member);
        fits.then(|| (format!("/{inner}"), rest.clone()))
    });
    inside.collect()
}

/// What is deferred, with pointers into the payload.
///
/// # Errors
/// It stands where it cannot be filled in later.
pub(crate) fn into_payload(deferred: &Deferred, payload: &Object) -> Result<Object, String> {
    const PLACES: [&str; 8] = [
        "uri",
        "path",
        "queries",
        "headers",
        "body",
        "cookie",
        "authentication",
        "parameters",
    ];
    let mut found = Object::new();
    for (pointer, rest) in deferred {
        let inside = pointer.trim_start_matches('/');
        let (first, inner) = inside.split_once('/').unwrap_or((inside, ""));
        let mut places = PLACES.into_iter();
        let place = places.find(|own| own.eq_ignore_ascii_case(first));
        let Some(place) = place.filter(|place| payload.get_exact(place).is_some()) else {
            return Err(format!(
                "The app setting in '{pointer}' is none of the workflow's own. A secret of the app \
                 can stand in 'uri', 'path', 'queries', 'headers', 'body', 'authentication' and \
                 'parameters'."
            ));
        };
        let pointer = match inner {
            "" => format!("/{place}"),
            inner => format!("/{place}/{inner}"),
        };
        found.insert(pointer, Value::from(rest.as_str()));
    }
    Ok(found)
}

/// A payload for another `uri`: without some members, and without what would be filled in there.
pub(super) fn elsewhere(payload: &Value, gone: &[&str]) -> Object {
    let mut payload = payload.as_object().cloned().unwrap_or_default();
    for member in gone {
        payload.remove(member);
    }
    if let Some(deferred) = payload.remove("deferred") {
        let left = deferred.as_object().into_iter().flat_map(Object::iter);
        let left: Object = left
            .filter(|(pointer, _)| {
                let first = pointer.trim_start_matches('/').split('/').next();
                let first = first.unwrap_or_default();
                first != "uri" && !gone.contains(&first)
            })
            .map(|(pointer, rest)| (pointer.clone(), rest.clone()))
            .collect();
        if !left.is_empty() {
            payload.insert("deferred", Value::Object(left));
        }
    }
    payload
}
