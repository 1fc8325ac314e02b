//! Where the answer to a request leads: to the next poll, or to the next page.
//!
//! Whoever answers chooses that place, and what he is told in confidence is meant for him alone: a
//! place on another server gets no credentials.

use url::Url;

use crate::value::{Object, Value};
use crate::wire::is_credential;

/// A location that may leave out scheme and host.
pub(crate) fn resolve(from: &str, location: &str) -> String {
    if location.contains("://") || !location.starts_with('/') {
        return location.to_owned();
    }
    let authority = from.find("://").map(|at| at + 3);
    let end = authority.and_then(|at| from[at..].find(['/', '?']).map(|end| at + end));
    format!("{}{location}", &from[..end.unwrap_or(from.len())])
}

/// Whether a request that was sent to `from`, which is empty for a connection's own server, goes to
/// the same server at `to`.
pub(crate) fn is_same_server(from: &str, to: &str) -> bool {
    // Without a base, all that is not a path from the root may name a server.
    let path = |text: &str| text.starts_with('/') && !text[1..].starts_with(['/', '\\']);
    match (Url::parse(from), Url::parse(to)) {
        (Ok(from), Ok(to)) => from.origin() == to.origin(),
        (Err(_), Err(_)) => path(to) && (from.is_empty() || path(from)),
        (Ok(_), Err(_)) => path(to),
        (Err(_), Ok(_)) => false,
    }
}

/// Takes out of a request what tells its server who sends it.
pub(crate) fn forget_credentials(request: &mut Object) {
    request.remove("authentication");
    request.remove("cookie");
    // Secrets that were to be filled in.
    request.remove("deferred");
    let Some(Value::Object(headers)) = request.get("headers") else {
        return;
    };
    let kept = headers.iter().filter(|(name, _)| !is_credential(name));
    let kept: Object = kept
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    request.insert("headers", Value::Object(kept));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn locations() {
        assert_eq!(resolve("http://a:1/x?y", "/jobs/1"), "http://a:1/jobs/1");
        assert_eq!(resolve("http://a", "/jobs/1"), "http://a/jobs/1");
        assert_eq!(resolve("http://a/x", "https://b/z"), "https://b/z");
    }

    #[test]
    fn servers() {
        for (from, to, same) in [
            ("https://a/x", "https://A:443/y", true),
            ("", "/y", true),
            ("https://a/x", "http://a/y", false),
            ("https://a/x", "https://a:8443/y", false),
            ("https://a/x", "https://a@b/y", false),
            ("https://a/x", "https:b/y", false),
            ("", "https://b/y", false),
            ("", "//b/y", false),
            ("", "/\\b/y", false),
        ] {
            assert_eq!(is_same_server(from, to), same, "{from} {to}");
        }
    }

    #[test]
    fn what_is_secret_is_forgotten() {
        let request = json!({"authentication": {"type": "Raw"}, "cookie": "a=b", "method": "GET",
            "headers": {"authorization": "x", "COOKIE": "y", "Accept": "z", "X-Api-Key": "k",
                "Ocp-Apim-Subscription-Key": "k", "x-access-token": "t"}});
        let Value::Object(mut request) = Value::from(request) else {
            unreachable!();
        };
        forget_credentials(&mut request);
        let expected = json!({"method": "GET", "headers": {"Accept": "z"}});
        assert_eq!(Value::Object(request), Value::from(expected));
    }
}
