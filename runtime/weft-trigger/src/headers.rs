//! Headers that belong to one connection, and those that carry our keys.

use std::borrow::Cow;

use http::header::{
    AUTHORIZATION, CONNECTION, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Uri};
use percent_encoding::percent_decode_str;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const FUNCTIONS_KEY: HeaderName = HeaderName::from_static("x-functions-key");

/// Removes what RFC 9110, section 7.6.1, forbids to forward.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_CONNECTION,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ] {
        headers.remove(name);
    }
}

/// Removes keys that a caller has shown to us. Without `checked`, nobody was asked for one: then
/// `Authorization` and `code` belong to the function, unless they hold what is plainly a key of
/// ours.
pub(crate) fn strip_keys(headers: &mut HeaderMap, checked: bool) {
    headers.remove(FUNCTIONS_KEY);
    let is_ours = |value: &HeaderValue| {
        let bearer = value.as_bytes().split_at_checked(7);
        bearer.is_some_and(|(scheme, token)| {
            scheme.eq_ignore_ascii_case(b"bearer ") && (checked || is_key(token.trim_ascii()))
        })
    };
    if headers.get_all(AUTHORIZATION).iter().any(is_ours) {
        headers.remove(AUTHORIZATION);
    }
}

/// The path and query that a function sees: without the scope's prefix, and without a `code` that
/// is a key shown to us (see [`strip_keys`]), however the name is spelt.
pub(crate) fn path_and_query(uri: &Uri, path: &str, checked: bool) -> Option<PathAndQuery> {
    let Some(query) = uri.query() else {
        return path.parse().ok();
    };
    let is_ours = |pair: &&str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value: Cow<'_, [u8]> = percent_decode_str(value).into();
        let name: Cow<'_, [u8]> = percent_decode_str(name).into();
        name.eq_ignore_ascii_case(b"code") && (checked || is_key(&value))
    };
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_ours(pair)).collect();
    if kept.is_empty() {
        return path.parse().ok();
    }
    format!("{path}?{}", kept.join("&")).parse().ok()
}

/// Whether a text has the form of our keys: 16 hexadecimal digits, a dot, 64 more.
fn is_key(text: &[u8]) -> bool {
    let hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match text.split_first_chunk::<17>() {
        Some(([id @ .., b'.'], secret)) => secret.len() == 64 && hex(id) && hex(secret),
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn connection_headers_and_those_it_names_are_removed() {
        let mut headers = headers(&[
            ("connection", "close, x-secret-hop"),
            ("x-secret-hop", "1"),
            ("te", "trailers"),
            ("upgrade", "websocket"),
            ("x-kept", "1"),
        ]);
        strip_hop_by_hop(&mut headers);
        let left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        assert_eq!(left, ["x-kept"]);
    }

    #[test]
    fn keys_are_removed_and_other_credentials_kept() {
        let mut bearer = headers(&[("authorization", "Bearer k"), ("x-functions-key", "k")]);
        strip_keys(&mut bearer, true);
        assert!(bearer.is_empty());
        let mut basic = headers(&[("authorization", "Basic dTpw")]);
        strip_keys(&mut basic, true);
        assert_eq!(basic.len(), 1);
    }

    const KEY: &str =
        "0123456789abcdef.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    #[test]
    fn a_function_that_asks_for_no_key_is_shown_none_of_ours_either() {
        let mut foreign = headers(&[("authorization", "Bearer abc.def")]);
        strip_keys(&mut foreign, false);
        assert_eq!(foreign.len(), 1);
        let mut ours = HeaderMap::new();
        ours.insert("authorization", format!("bearer  {KEY}").parse().unwrap());
        ours.insert("x-functions-key", KEY.parse().unwrap());
        strip_keys(&mut ours, false);
        assert!(ours.is_empty());
        let mut second = headers(&[("authorization", "Basic dTpw")]);
        second.append("authorization", format!("Bearer {KEY}").parse().unwrap());
        strip_keys(&mut second, false);
        assert!(second.is_empty(), "whichever of them it is");
        let check = |query: &str, expected: &str| {
            let uri = format!("/api/x?{query}").parse().unwrap();
            let found = path_and_query(&uri, "/api/x", false).unwrap();
            assert_eq!(found.as_str(), expected);
        };
        check("code=oauth&a=1", "/api/x?code=oauth&a=1");
        check(&format!("a=1&code={KEY}"), "/api/x?a=1");
        let dot = KEY.replace('.', "%2E");
        check(&format!("c%6Fde={dot}"), "/api/x");
    }

    #[test]
    fn the_query_loses_only_our_key() {
        let check = |uri: &str, expected: &str| {
            let found = path_and_query(&uri.parse().unwrap(), "/api/x", true).unwrap();
            assert_eq!(found.as_str(), expected);
        };
        check("/api/x", "/api/x");
        check("/api/x?code=k", "/api/x");
        check("/api/x?a=1&Code=k&b=2", "/api/x?a=1&b=2");
        check("/api/x?c%6fde=k&%43ODE=k", "/api/x");
        check("/api/x?codec=k", "/api/x?codec=k");
    }
}
