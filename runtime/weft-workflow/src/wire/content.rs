//! Bodies: what an action gives as a body, as bytes with their type.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};

use crate::value::{Object, Value};

use super::Refused;

const JSON: &str = "application/json; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const FORM: &str = "application/x-www-form-urlencoded";
const OCTETS: &str = "application/octet-stream";
const FORM_ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// Bytes to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub bytes: Bytes,
    /// For where no header says it.
    pub content_type: String,
}

impl Content {
    fn new(bytes: impl Into<Bytes>, content_type: impl Into<String>) -> Self {
        Self {
            bytes: bytes.into(),
            content_type: content_type.into(),
        }
    }
}

/// `None` where nothing is to be sent.
///
/// # Errors
/// An envelope whose contents cannot be read.
pub fn content(body: Option<&Value>) -> Result<Option<Content>, Refused> {
    let content = match body {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::String(text)) => Content::new(text.to_string(), TEXT),
        Some(Value::Object(object)) => match envelope(object)? {
            Some(content) => content,
            None => Content::new(Value::from(object.clone()).to_string(), JSON),
        },
        Some(other) => Content::new(other.to_string(), JSON),
    };
    Ok(Some(content))
}

/// What is no JSON: `{"$content-type", "$content" | "$multipart" | "$formdata"}`.
fn envelope(object: &Object) -> Result<Option<Content>, Refused> {
    let kind = object.get_exact("$content-type").and_then(Value::as_str);
    if let Some(parts) = object.get_exact("$multipart") {
        return multipart(kind.unwrap_or("multipart/form-data"), parts).map(Some);
    }
    if let Some(fields) = object.get_exact("$formdata") {
        return form(kind.unwrap_or(FORM), fields).map(Some);
    }
    let Some(encoded) = object.get_exact("$content") else {
        return Ok(None);
    };
    let (kind, encoded) = match encoded.as_str() {
        Some(encoded) if object.len() <= 2 => (kind.unwrap_or(OCTETS), encoded),
        _ => return Ok(None),
    };
    let bytes = STANDARD
        .decode(encoded)
        .map_err(|_| Refused::invalid("the `$content` of a body is not base64"))?;
    Ok(Some(Content::new(bytes, kind)))
}

fn form(kind: &str, fields: &Value) -> Result<Content, Refused> {
    let wrong = || Refused::invalid("`$formdata` is an array of {\"key\", \"value\"}");
    let escaped = |value: Option<&Value>| {
        let text = value.map(Value::to_text).unwrap_or_default();
        utf8_percent_encode(&text, FORM_ESCAPED).to_string()
    };
    let fields = fields.as_array().ok_or_else(wrong)?;
    let mut pairs = Vec::new();
    for field in fields.iter() {
        let key = field.get("key").ok_or_else(wrong)?;
        pairs.push(format!(
            "{}={}",
            escaped(Some(key)),
            escaped(field.get("value"))
        ));
    }
    Ok(Content::new(pairs.join("&"), kind))
}

fn multipart(kind: &str, parts: &Value) -> Result<Content, Refused> {
    let wrong = || Refused::invalid("`$multipart` is an array of {\"headers\", \"body\"}");
    let boundary = match boundary(kind) {
        Some(boundary) => boundary,
        // The same parts have the same boundary, so that a request can be made again.
        None => Sha256::digest(parts.to_string().as_bytes())
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect(),
    };
    let mut bytes = Vec::new();
    for part in parts.as_array().ok_or_else(wrong)?.iter() {
        let content = content(part.get("body"))?;
        let headers = part.get("headers").and_then(Value::as_object);
        let stated: Vec<_> = headers
            .into_iter()
            .flat_map(Object::iter)
            .map(|(name, value)| (name.to_string(), value.to_text()))
            .collect();
        let has_type = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
        bytes.extend_from_slice(format!("--{boundary}\r\n").as_bytes());
        if let Some(content) = content.as_ref().filter(|_| !stated.iter().any(has_type)) {
            let line = format!("Content-Type: {}\r\n", content.content_type);
            bytes.extend_from_slice(line.as_bytes());
        }
        for (name, value) in stated {
            if [&name, &value]
                .iter()
                .any(|text| text.contains(['\r', '\n']))
            {
                return Err(Refused::invalid(
                    "a header of a part has a line break in it",
                ));
            }
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(&content.map(|content| content.bytes).unwrap_or_default());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let essence = kind.split(';').next().unwrap_or_default().trim();
    let essence = if essence.is_empty() {
        "multipart/form-data"
    } else {
        essence
    };
    Ok(Content::new(
        bytes,
        format!("{essence}; boundary={boundary}"),
    ))
}

fn boundary(kind: &str) -> Option<String> {
    kind.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"');
        let fits = (1..=70).contains(&value.len()) && value.bytes().all(|b| b.is_ascii_graphic());
        (name.trim().eq_ignore_ascii_case("boundary") && fits).then(|| value.to_owned())
    })
}

/// The media type in lower case without parameters, and the charset.
fn media_type(header: &str) -> (String, Option<String>) {
    let mut parts = header.split(';');
    let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let charset = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let value = value.trim().trim_matches('"').to_ascii_lowercase();
        name.trim().eq_ignore_ascii_case("charset").then_some(value)
    });
    (essence, charset)
}

fn is_json(essence: &str) -> bool {
    matches!(essence, "application/json" | "text/json") || essence.ends_with("+json")
}

/// A body of JSON text, a text or an envelope, as JSON text; `None` where it is empty.
pub fn body_of(bytes: &[u8], content_type: Option<&str>) -> Option<String> {
    if bytes.is_empty() {
        return None;
    }
    let (essence, charset) = content_type.map(media_type).unwrap_or_default();
    let as_text = || text(bytes, charset.as_deref());
    if is_json(&essence) {
        let text = as_text()?;
        // Whether it is JSON that can be read again; its text stays as it is, with every digit.
        return match serde_json::from_str::<Value>(&text) {
            Ok(_) => Some(text.trim().to_owned()),
            Err(_) => Some(quoted(&text)),
        };
    }
    if essence.starts_with("text/")
        && let Some(text) = as_text()
    {
        return Some(quoted(&text));
    }
    let kind = content_type.unwrap_or(OCTETS);
    Some(format!(
        r#"{{"$content-type":{},"$content":"{}"}}"#,
        quoted(kind),
        STANDARD.encode(bytes)
    ))
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string can be written")
}

/// `None` for a charset that is not known, or bytes that are not in it.
fn text(bytes: &[u8], charset: Option<&str>) -> Option<String> {
    match charset {
        None | Some("utf-8" | "utf8" | "us-ascii" | "ascii") => {
            let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
            match charset {
                None => std::str::from_utf8(bytes).ok().map(str::to_owned),
                Some(_) => Some(String::from_utf8_lossy(bytes).into_owned()),
            }
        }
        Some("iso-8859-1" | "latin1") => Some(bytes.iter().copied().map(char::from).collect()),
        Some("utf-16" | "utf-16le") => {
            let bytes = bytes.strip_prefix(b"\xff\xfe").unwrap_or(bytes);
            let units = bytes.chunks_exact(2);
            let units = units.map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
            Some(
                char::decode_utf16(units)
                    .map(|c| c.unwrap_or('\u{fffd}'))
                    .collect(),
            )
        }
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(json: &str) -> (String, String) {
        let body: Value = serde_json::from_str(json).unwrap();
        let content = content(Some(&body)).unwrap().unwrap();
        let text = String::from_utf8_lossy(&content.bytes).into_owned();
        (content.content_type, text)
    }

    #[test]
    fn a_body_is_sent_as_what_it_is() {
        let check = |json: &str, kind: &str, text: &str| {
            assert_eq!(sent(json), (kind.to_owned(), text.to_owned()), "{json}");
        };
        check(r#"{ "b": 1.50, "a": [ 2 ] }"#, JSON, r#"{"b":1.5,"a":[2]}"#);
        check("[1,\"ä\"]", JSON, "[1,\"ä\"]");
        check("true", JSON, "true");
        check("\"some text\"", TEXT, "some text");
        check(
            r#"{"$content-type": "image/png", "$content": "YWJj"}"#,
            "image/png",
            "abc",
        );
        check(r#"{"$content": "YWJj"}"#, OCTETS, "abc");
        check(
            r#"{"$content-type": "application/x-www-form-urlencoded",
                "$formdata": [{"key": "a b", "value": "c&d"}, {"key": "n", "value": 5}]}"#,
            FORM,
            "a%20b=c%26d&n=5",
        );
        check(
            r#"{"$content-type": "multipart/form-data; boundary=\"xyz\"", "$multipart": [
                {"headers": {"Content-Disposition": "form-data; name=\"f\""},
                 "body": {"$content-type": "text/csv", "$content": "YWJj"}},
                {"headers": {"Content-Type": "text/x"}, "body": "t"}]}"#,
            "multipart/form-data; boundary=xyz",
            "--xyz\r\nContent-Type: text/csv\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nabc\r\n\
             --xyz\r\nContent-Type: text/x\r\n\r\nt\r\n--xyz--\r\n",
        );
        assert_eq!(content(None).unwrap(), None);
        assert_eq!(content(Some(&Value::Null)).unwrap(), None);
        let bad: Value = serde_json::from_str(r#"{"$content": "?"}"#).unwrap();
        assert_eq!(content(Some(&bad)).unwrap_err().code, "BadRequest");
    }

    #[test]
    fn a_body_is_read_as_its_type_says() {
        let check = |kind: Option<&str>, bytes: &[u8], json: Option<&str>| {
            assert_eq!(body_of(bytes, kind).as_deref(), json, "{kind:?}");
        };
        let json = Some("application/json; charset=utf-8");
        check(
            json,
            b"{\"a\": 9.0,\n \"b\": 1.50}",
            Some("{\"a\": 9.0,\n \"b\": 1.50}"),
        );
        check(json, b"{\"a\":", Some(r#""{\"a\":""#));
        check(json, b"", None);
        check(Some("application/problem+json"), b"[1]", Some("[1]"));
        check(Some("text/plain"), b"abc", Some("\"abc\""));
        check(
            Some("text/plain; charset=iso-8859-1"),
            b"\xe4",
            Some("\"ä\""),
        );
        check(
            Some("text/html;charset=utf-16"),
            b"\xff\xfea\0",
            Some("\"a\""),
        );
        check(
            Some("text/plain"),
            b"\xff",
            Some(r#"{"$content-type":"text/plain","$content":"/w=="}"#),
        );
        check(
            Some("application/xml"),
            b"<a/>",
            Some(r#"{"$content-type":"application/xml","$content":"PGEvPg=="}"#),
        );
        check(
            None,
            b"abc",
            Some(r#"{"$content-type":"application/octet-stream","$content":"YWJj"}"#),
        );
    }
}
