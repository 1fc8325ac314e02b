//! HTTP actions: from what an action says to a request.

use bytes::Bytes;
use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

use crate::value::{Object, Value};

use super::content::{Content, content};
use super::{Refused, text};

/// As `Uri.EscapeDataString` leaves them.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// A request as it is sent, but for its authentication.
#[derive(Debug, Clone)]
pub struct Message {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// How long it may take, where the action says it.
    pub timeout_ms: Option<u64>,
    /// Whether contents are to go in parts.
    pub chunked: bool,
}

/// The message for the input of an activity, to `uri`.
///
/// # Errors
/// What cannot be sent: no address, no method, no header or contents of that kind.
pub fn message(input: &Value, uri: &str) -> Result<Message, Refused> {
    let method = text(input, "method").unwrap_or_else(|| "GET".to_owned());
    let method = Method::from_bytes(method.trim().to_ascii_uppercase().as_bytes())
        .map_err(|_| Refused::invalid(format!("{method:?} is no method of HTTP")))?;
    let url = address(uri, input.get("queries"))?;
    let content = content(input.get("body"))?;
    let headers = headers(input, content.as_ref())?;
    let asked = input.get("timeoutMs").and_then(Value::as_i64);
    let asked = asked.and_then(|ms| u64::try_from(ms).ok());
    Ok(Message {
        method,
        url,
        headers,
        body: content.map(|content| content.bytes).unwrap_or_default(),
        timeout_ms: asked.filter(|ms| *ms > 0),
        chunked: input.get("chunk").and_then(Value::as_bool) == Some(true),
    })
}

/// The address with its queries; what a URL may not hold is encoded, and the fragment is left out.
fn address(uri: &str, queries: Option<&Value>) -> Result<Url, Refused> {
    let mut url = Url::parse(uri.trim()).map_err(|error| {
        Refused::invalid(format!(
            "the 'inputs.uri' of the action is not a valid absolute URI: {error}"
        ))
    })?;
    url.set_fragment(None);
    let queries = queries.and_then(Value::as_object);
    let escaped = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let mut pairs: Vec<String> = url.query().map(str::to_owned).into_iter().collect();
    for (name, value) in queries.into_iter().flat_map(Object::iter) {
        match value {
            Value::Null => {}
            Value::Array(items) => pairs.extend(
                items
                    .iter()
                    .map(|item| format!("{}={}", escaped(name), escaped(&item.to_text()))),
            ),
            other => pairs.push(format!("{}={}", escaped(name), escaped(&other.to_text()))),
        }
    }
    pairs.retain(|pair| !pair.is_empty());
    let query = (!pairs.is_empty()).then(|| pairs.join("&"));
    url.set_query(query.as_deref());
    Ok(url)
}

/// The action's headers without those that the peer takes away, and those that it adds.
fn headers(input: &Value, content: Option<&Content>) -> Result<HeaderMap, Refused> {
    let mut headers = HeaderMap::new();
    let stated = input.get("headers").and_then(Value::as_object);
    for (name, value) in stated.into_iter().flat_map(Object::iter) {
        let text = match value {
            Value::Null => continue,
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(Value::to_text).collect();
                items.join(",")
            }
            other => other.to_text(),
        };
        let parsed = HeaderName::from_bytes(name.trim().as_bytes());
        let parsed =
            parsed.map_err(|_| Refused::invalid(format!("{name:?} is no name of a header")))?;
        if !is_taken_away(parsed.as_str()) {
            headers.insert(parsed, header_value(name, &text)?);
        }
    }
    if let Some(cookie) = text(input, "cookie") {
        headers.insert(header::COOKIE, header_value("cookie", &cookie)?);
    }
    if let Some(content) = content
        && !headers.contains_key(header::CONTENT_TYPE)
    {
        let value = header_value("content-type", &content.content_type)?;
        headers.insert(header::CONTENT_TYPE, value);
    }
    let workflow = text(input, "workflow").unwrap_or_default();
    if !headers.contains_key(header::USER_AGENT) {
        let agent = format!("weft/{} (workflow {workflow})", env!("CARGO_PKG_VERSION"));
        let agent = HeaderValue::from_str(&agent);
        headers.extend(agent.ok().map(|agent| (header::USER_AGENT, agent)));
    }
    for (name, value) in [
        ("x-ms-workflow-operation-name", text(input, "action")),
        ("x-ms-workflow-name", Some(workflow.clone())),
        ("x-ms-workflow-id", Some(workflow)),
        ("x-ms-workflow-run-id", text(input, "run")),
        ("x-ms-client-tracking-id", text(input, "trackingId")),
        ("x-ms-correlation-id", text(input, "run")),
    ] {
        let value = value.filter(|value| !value.is_empty());
        // Names of actions may hold what no header can; then the header is encoded as in a URL.
        let value = value.and_then(|value| {
            let plain = |value: &str| HeaderValue::from_str(value).ok();
            // The type takes any bytes beyond ASCII, whose meaning no receiver knows.
            plain(&value).filter(|_| value.is_ascii()).or_else(|| {
                let encoded = utf8_percent_encode(&value, UNRESERVED);
                plain(&encoded.to_string())
            })
        });
        let name = HeaderName::from_static(name);
        if let Some(value) = value.filter(|_| !headers.contains_key(&name)) {
            headers.insert(name, value);
        }
    }
    Ok(headers)
}

/// A text as the value of a header.
///
/// # Errors
/// It has a control character in it.
pub fn header_value(name: &str, text: &str) -> Result<HeaderValue, Refused> {
    let fits = text
        .bytes()
        .all(|byte| byte == b'\t' || (byte >= 32 && byte != 127));
    // Bytes beyond ASCII go out as UTF-8.
    let value = HeaderValue::from_bytes(text.as_bytes())
        .ok()
        .filter(|_| fits);
    value.ok_or_else(|| {
        Refused::invalid(format!(
            "the value of the header {name:?} has a control character in it"
        ))
    })
}

/// Headers that the peer removes from what an action sends, and those that belong to the
/// connection.
fn is_taken_away(name: &str) -> bool {
    match name {
        "accept-version" | "content-disposition" | "content-encoding" | "content-type" => false,
        "allow" | "cookie" | "expires" | "host" | "last-modified" | "origin" | "set-cookie"
        | "transfer-encoding" | "connection" | "keep-alive" | "te" | "trailer" | "upgrade"
        | "proxy-connection" => true,
        other => other.starts_with("accept-") || other.starts_with("content-"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(json: &str) -> Value {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn queries_follow_those_of_the_address() {
        let check = |uri: &str, queries: &str, expected: &str| {
            let url = address(uri, Some(&value(queries))).unwrap();
            assert_eq!(url.as_str(), expected);
        };
        check(
            "http://h/q?x=1#part",
            r#"{"q": "a b&c", "n": 5, "t": true, "e": "", "no": null, "l": ["1", 2]}"#,
            "http://h/q?x=1&q=a%20b%26c&n=5&t=True&e=&l=1&l=2",
        );
        check("http://h", "{}", "http://h/");
        check("http://h/a b/ä%20c", "{}", "http://h/a%20b/%C3%A4%20c");
        check("http://h/a?", "{}", "http://h/a");
        for bad in ["", "/relative", "h.example/x", "http://"] {
            assert_eq!(address(bad, None).unwrap_err().code, "BadRequest", "{bad}");
        }
    }

    #[test]
    fn headers_are_sent_as_given_but_for_those_of_the_connection() {
        let input = value(
            r#"{"headers": {"X-Id": 9, "x-flag": true, "x-none": null, "x-list": ["a", "b"],
                "x-object": {"a": 1}, "Host": "evil", "Accept-Language": "de", "Accept": "a/b",
                "Content-Length": "5", "Content-Encoding": "gzip", "Transfer-Encoding": "chunked"},
                "cookie": "a=b", "action": "Call ä", "run": "r1", "workflow": "w",
                "trackingId": "t1"}"#,
        );
        let content = content(Some(&value("{}"))).unwrap();
        let headers = headers(&input, content.as_ref()).unwrap();
        let mut lines: Vec<_> = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .filter(|line| !line.starts_with("user-agent: weft/"))
            .collect();
        lines.sort();
        assert_eq!(
            lines,
            [
                "accept: a/b",
                "content-encoding: gzip",
                "content-type: application/json; charset=utf-8",
                "cookie: a=b",
                "x-flag: True",
                "x-id: 9",
                "x-list: a,b",
                "x-ms-client-tracking-id: t1",
                "x-ms-correlation-id: r1",
                "x-ms-workflow-id: w",
                "x-ms-workflow-name: w",
                "x-ms-workflow-operation-name: Call%20%C3%A4",
                "x-ms-workflow-run-id: r1",
                "x-object: {\"a\":1}",
            ]
        );
        let split = value(r#"{"headers": {"x": "a\r\nInjected: b"}}"#);
        assert_eq!(super::headers(&split, None).unwrap_err().code, "BadRequest");
    }
}
