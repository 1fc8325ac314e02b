//! What is sent for a Response.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::value::Value;

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// The answer of `{"statusCode", "headers", "body"}`: text as it is, an envelope as its bytes,
/// everything else as JSON; with a content type where the author has given none.
pub fn answer(response: &Value) -> Answer {
    let status = response.get("statusCode").map(Value::to_text);
    let status = status
        .and_then(|code| code.trim().parse().ok())
        .unwrap_or(200);
    let mut headers: Vec<(String, String)> = response
        .get("headers")
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(|headers| headers.iter())
        .filter(|(name, _)| !is_ours(name))
        .map(|(name, value)| (name.to_string(), value.to_text()))
        .collect();
    let (content_type, body) = match response.get("body") {
        None | Some(Value::Null) => (None, Vec::new()),
        Some(Value::String(text)) => {
            let kind = "text/plain; charset=utf-8".to_owned();
            (Some(kind), text.as_bytes().to_vec())
        }
        Some(body) => content(body),
    };
    let given = headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    // Statuses without content have none, whatever the author says.
    let empty = matches!(status, 100..=199 | 204 | 205 | 304);
    if empty {
        headers.retain(|(name, _)| !name.eq_ignore_ascii_case("content-type"));
    } else if let (Some(content_type), false) = (content_type, given) {
        headers.push(("Content-Type".to_owned(), content_type));
    }
    Answer {
        status,
        headers,
        body: if empty { Vec::new() } else { body },
    }
}

fn content(body: &Value) -> (Option<String>, Vec<u8>) {
    if let Some(encoded) = body.get("$content").and_then(Value::as_str)
        && let Ok(bytes) = STANDARD.decode(encoded)
    {
        let content_type = body.get("$content-type").map(Value::to_text);
        return (content_type, bytes);
    }
    let kind = "application/json; charset=utf-8".to_owned();
    (Some(kind), body.to_string().into_bytes())
}

/// Headers that are the connection's business, not the author's.
fn is_ours(name: &str) -> bool {
    [
        "connection",
        "content-length",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
    .iter()
    .any(|own| own.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(response: &str, status: u16, content_type: Option<&str>, body: &str) {
        let answer = answer(&serde_json::from_str(response).unwrap());
        let found = answer
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        assert_eq!(answer.status, status);
        assert_eq!(found.map(|(_, value)| value.as_str()), content_type);
        assert_eq!(String::from_utf8(answer.body).unwrap(), body);
    }

    #[test]
    fn answers() {
        let json = Some("application/json; charset=utf-8");
        check(
            r#"{"statusCode":200,"body":{"h":120.0}}"#,
            200,
            json,
            r#"{"h":120.0}"#,
        );
        check(
            r#"{"statusCode":"201","body":"x"}"#,
            201,
            Some("text/plain; charset=utf-8"),
            "x",
        );
        check(r#"{"statusCode":204,"body":"x"}"#, 204, None, "");
        check(r#"{"statusCode":200}"#, 200, None, "");
        let own = r#"{"headers":{"content-type":"text/csv","Content-Length":"9"},"body":"a,b"}"#;
        check(own, 200, Some("text/csv"), "a,b");
        let envelope = r#"{"body":{"$content-type":"application/xml","$content":"PGEvPg=="}}"#;
        check(envelope, 200, Some("application/xml"), "<a/>");
    }
}
