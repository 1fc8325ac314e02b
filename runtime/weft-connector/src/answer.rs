//! Answers: from a response to what the run of a workflow keeps of it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, StatusCode, header};
use serde::Serialize;
use serde_json::value::RawValue;
use weft_workflow::value::{Object, Value};

use crate::content::body_of;

/// A response with its whole body.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(rename = "statusCode")]
    status: u16,
    headers: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
}

impl Answer {
    pub(crate) fn new(response: Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        Self {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `{"statusCode", "headers", "body"}`; an empty body is absent.
    pub(crate) fn to_json(&self) -> String {
        let body = body_of(&self.body, self.header(&header::CONTENT_TYPE));
        let body = body.map(|text| RawValue::from_string(text).expect("what was read as JSON"));
        let written = Written {
            status: self.status.as_u16(),
            headers: &folded(&self.headers),
            body: body.as_deref(),
        };
        serde_json::to_string(&written).expect("string keys and JSON only")
    }
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
fn spelled(name: &str) -> String {
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
        let response = Response::builder()
            .status(404)
            .header("content-type", "application/json")
            .header("set-cookie", "a=1")
            .header("x-ms-request-id", "7")
            .header("set-cookie", "b=2")
            .header("etag", "\"x\"")
            .body(Bytes::from_static(b"{\"z\":9.0,\"a\":1}"))
            .unwrap();
        assert_eq!(
            Answer::new(response).to_json(),
            r#"{"statusCode":404,"headers":{"Content-Type":"application/json","#.to_owned()
                + r#""Set-Cookie":"a=1,b=2","x-ms-request-id":"7","ETag":"\"x\""},"#
                + r#""body":{"z":9.0,"a":1}}"#
        );
        let empty = Answer::new(Response::new(Bytes::new()));
        assert_eq!(empty.to_json(), r#"{"statusCode":200,"headers":{}}"#);
    }
}
