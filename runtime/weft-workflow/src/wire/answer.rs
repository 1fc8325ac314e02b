//! Answers: from a response to what the run of a workflow keeps of it.

use http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::value::{Object, Value};

use super::content::body_of;

#[derive(Serialize)]
struct Written<'a> {
    #[serde(rename = "statusCode")]
    status: u16,
    headers: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
}

/// `{"statusCode", "headers", "body"}` of an answer; an empty body is absent.
#[must_use]
pub fn answer_json(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> String {
    let content_type = headers.get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let body = body_of(body, content_type);
    let body = body.map(|text| RawValue::from_string(text).expect("what was read as JSON"));
    let written = Written {
        status: status.as_u16(),
        headers: &folded(headers),
        body: body.as_deref(),
    };
    serde_json::to_string(&written).expect("string keys and JSON only")
}

/// Each name once, in the spelling that it is known by, with all of its values.
fn folded(headers: &HeaderMap) -> Value {
    let mut object = Object::new();
    for name in headers.keys() {
        let values = headers.get_all(name).iter();
        let values: Vec<_> = values
            .map(|value| String::from_utf8_lossy(value.as_bytes()))
            .collect();
        object.insert(spelled(name.as_str()), Value::from(values.join(",")));
    }
    object.into()
}

/// Standard headers in the spelling of their standard; names of others come in lower case off the
/// wire and stay so.
#[must_use]
pub fn spelled(name: &str) -> String {
    const STANDARD: [&str; 33] = [
        "accept-ranges",
        "age",
        "allow",
        "cache-control",
        "connection",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-length",
        "content-location",
        "content-range",
        "content-security-policy",
        "content-type",
        "date",
        "expires",
        "keep-alive",
        "last-modified",
        "link",
        "location",
        "pragma",
        "proxy-authenticate",
        "referrer-policy",
        "retry-after",
        "server",
        "set-cookie",
        "strict-transport-security",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "vary",
        "via",
        "warning",
        "access-control-allow-origin",
    ];
    match name {
        "etag" => "ETag".to_owned(),
        "www-authenticate" => "WWW-Authenticate".to_owned(),
        "content-md5" => "Content-MD5".to_owned(),
        name if STANDARD.contains(&name) => {
            let words = name.split('-').map(|word| {
                let (first, rest) = word.split_at(1);
                first.to_ascii_uppercase() + rest
            });
            words.collect::<Vec<_>>().join("-")
        }
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_written_as_the_runs_of_the_peer_show_it() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "application/json"),
            ("set-cookie", "a=1"),
            ("x-ms-request-id", "7"),
            ("set-cookie", "b=2"),
            ("etag", "\"x\""),
        ] {
            let name: http::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        assert_eq!(
            answer_json(StatusCode::NOT_FOUND, &headers, b"{\"z\":9.0,\"a\":1}"),
            r#"{"statusCode":404,"headers":{"Content-Type":"application/json","#.to_owned()
                + r#""Set-Cookie":"a=1,b=2","x-ms-request-id":"7","ETag":"\"x\""},"#
                + r#""body":{"z":9.0,"a":1}}"#
        );
        assert_eq!(
            answer_json(StatusCode::OK, &HeaderMap::new(), b""),
            r#"{"statusCode":200,"headers":{}}"#
        );
    }
}
