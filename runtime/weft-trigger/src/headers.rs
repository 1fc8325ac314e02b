//! Headers that belong to one connection, and those that carry our keys.

use http::header::{
    AUTHORIZATION, CONNECTION, HeaderName, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::uri::PathAndQuery;
use http::{HeaderMap, Uri};

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

/// Removes the key that a caller has shown to us.
pub(crate) fn strip_keys(headers: &mut HeaderMap) {
    headers.remove(FUNCTIONS_KEY);
    let bearer = headers.get(AUTHORIZATION).is_some_and(|value| {
        let scheme = value.as_bytes().get(..7);
        scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"bearer "))
    });
    if bearer {
        headers.remove(AUTHORIZATION);
    }
}

/// The path and query that a function sees: without the scope's prefix, and without `code` where
/// that was a key shown to us.
pub(crate) fn path_and_query(uri: &Uri, path: &str, strip_code: bool) -> Option<PathAndQuery> {
    let Some(query) = uri.query() else {
        return path.parse().ok();
    };
    if !strip_code {
        return format!("{path}?{query}").parse().ok();
    }
    let is_code = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default();
        !name.eq_ignore_ascii_case("code")
    };
    let kept: Vec<&str> = query.split('&').filter(is_code).collect();
    if kept.is_empty() {
        return path.parse().ok();
    }
    format!("{path}?{}", kept.join("&")).parse().ok()
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
        strip_keys(&mut bearer);
        assert!(bearer.is_empty());
        let mut basic = headers(&[("authorization", "Basic dTpw")]);
        strip_keys(&mut basic);
        assert_eq!(basic.len(), 1);
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
        check("/api/x?codec=k", "/api/x?codec=k");
    }
}
