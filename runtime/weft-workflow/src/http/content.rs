//! Bodies by their content type.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::value::{Object, Value};

/// A body that is not what its content type says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the content of type '{content_type}' cannot be read: {why}")]
pub struct InvalidContent {
    pub content_type: String,
    pub why: String,
}

/// The value of a body: JSON as what it says, text as a string, everything else as an envelope
/// `{"$content-type", "$content"}` with the bytes in base64. `None` for no body.
///
/// # Errors
/// JSON that is none, and multipart content without a boundary.
pub fn body_value(
    content_type: Option<&str>,
    bytes: &[u8],
) -> Result<Option<Value>, InvalidContent> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let content_type = content_type.unwrap_or("application/octet-stream");
    let media_type = content_type.split(';').next().unwrap_or_default();
    let media_type = media_type.trim().to_ascii_lowercase();
    let invalid = |why: String| InvalidContent {
        content_type: content_type.to_owned(),
        why,
    };
    if media_type.ends_with("/json") || media_type.ends_with("+json") {
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let value = serde_json::from_slice(text).map_err(|fault| invalid(fault.to_string()))?;
        return Ok(Some(value));
    }
    if media_type.starts_with("text/") {
        return Ok(Some(Value::from(
            String::from_utf8_lossy(bytes).into_owned(),
        )));
    }
    let mut envelope = Object::new();
    envelope.insert("$content-type", Value::from(content_type));
    envelope.insert("$content", Value::from(STANDARD.encode(bytes)));
    if media_type == "application/x-www-form-urlencoded" {
        envelope.insert("$formdata", form_data(bytes));
    } else if media_type.starts_with("multipart/") {
        let boundary = parameter(content_type, "boundary");
        let boundary = boundary.ok_or_else(|| invalid("it names no boundary".to_owned()))?;
        envelope.insert("$multipart", multipart(bytes, &boundary));
    }
    Ok(Some(Value::Object(envelope)))
}

/// A parameter of a content type, without its quotes.
pub(super) fn parameter(content_type: &str, name: &str) -> Option<String> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (key, value) = parameter.split_once('=')?;
        key.trim()
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().trim_matches('"').to_owned())
    })
}

fn form_data(bytes: &[u8]) -> Value {
    let text = String::from_utf8_lossy(bytes);
    let pairs = text.split('&').map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        [
            ("key", Value::from(decoded(key))),
            ("value", Value::from(decoded(value))),
        ]
        .into_iter()
        .collect::<Value>()
    });
    pairs.collect()
}

/// A text with `+` for blanks and percent encoding; what is no encoding stays.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|hex| std::str::from_utf8(hex).ok());
        match (
            bytes[at],
            hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()),
        ) {
            (b'%', Some(byte)) => {
                plain.push(byte);
                at += 2;
            }
            (b'+', _) => plain.push(b' '),
            (byte, _) => plain.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// The parts: `{"headers", "body"}` each.
fn multipart(bytes: &[u8], boundary: &str) -> Value {
    let delimiter = format!("--{boundary}");
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(start) = find(rest, delimiter.as_bytes()) {
        let after = &rest[start + delimiter.len()..];
        if after.starts_with(b"--") {
            break;
        }
        let Some(end) = find(after, delimiter.as_bytes()) else {
            break;
        };
        let part = &after[..end];
        let part = part
            .strip_prefix(b"\r\n")
            .or(part.strip_prefix(b"\n"))
            .unwrap_or(part);
        let part = part
            .strip_suffix(b"\r\n")
            .or(part.strip_suffix(b"\n"))
            .unwrap_or(part);
        parts.push(one_part(part));
        rest = &after[end..];
    }
    Value::from(parts)
}

fn one_part(part: &[u8]) -> Value {
    let (head, body) = match (find(part, b"\r\n\r\n"), find(part, b"\n\n")) {
        (Some(at), _) => (&part[..at], &part[at + 4..]),
        (None, Some(at)) => (&part[..at], &part[at + 2..]),
        (None, None) if part.starts_with(b"\r\n") => (&part[..0], &part[2..]),
        (None, None) => (part, &part[part.len()..]),
    };
    let mut headers = Object::new();
    for line in String::from_utf8_lossy(head).lines() {
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.trim(), Value::from(value.trim()));
        }
    }
    let content_type = headers.get("Content-Type").map(Value::to_text);
    let content_type = content_type.unwrap_or_else(|| "text/plain".to_owned());
    let body = body_value(Some(&content_type), body).ok().flatten();
    let members = [
        ("headers", Value::Object(headers)),
        ("body", body.unwrap_or_else(|| Value::from(""))),
    ];
    members.into_iter().collect()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content_type: &str, body: &str, expected: &str) {
        let value = body_value(Some(content_type), body.as_bytes()).unwrap();
        assert_eq!(value.unwrap_or_default().to_string(), expected);
    }

    #[test]
    fn bodies() {
        check(
            "application/json",
            r#"{"b":1.5,"a":null}"#,
            r#"{"b":1.5,"a":null}"#,
        );
        check("application/vnd.x+json; charset=utf-8", "[1]", "[1]");
        check("text/plain", "hi", "\"hi\"");
        check(
            "application/xml",
            "<a/>",
            r#"{"$content-type":"application/xml","$content":"PGEvPg=="}"#,
        );
        assert_eq!(body_value(Some("text/plain"), b"").unwrap(), None);
        assert!(body_value(Some("application/json"), b"{").is_err());
        assert!(body_value(Some("multipart/form-data"), b"x").is_err());
    }

    #[test]
    fn form_data_as_the_peer_reads_it() {
        let body = "test&x=y=z&&&===&a+b=%20%zz";
        let value = body_value(Some("application/x-www-form-urlencoded"), body.as_bytes());
        let value = value.unwrap().unwrap();
        let expected = r#"[{"key":"test","value":""},{"key":"x","value":"y=z"},{"key":"","value":""},{"key":"","value":""},{"key":"","value":"=="},{"key":"a b","value":" %zz"}]"#;
        assert_eq!(value.get("$formdata").unwrap().to_string(), expected);
    }

    #[test]
    fn parts_of_a_form() {
        let body = "--B\r\nContent-Disposition: form-data; name=\"x\"\r\n\r\ny=z\r\n--B\r\n\
                    Content-Type: application/json\r\n\r\n{\"a\":1}\r\n--B--\r\n";
        let value = body_value(Some("multipart/form-data; boundary=\"B\""), body.as_bytes());
        let parts = value
            .unwrap()
            .unwrap()
            .get("$multipart")
            .unwrap()
            .to_string();
        assert_eq!(
            parts,
            r#"[{"headers":{"Content-Disposition":"form-data; name=\"x\""},"body":"y=z"},{"headers":{"Content-Type":"application/json"},"body":{"a":1}}]"#
        );
    }
}
