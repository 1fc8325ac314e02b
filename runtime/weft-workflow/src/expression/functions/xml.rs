//! `xml` and its way back to JSON, as Newtonsoft converts between the two.
//!
//! Whitespace between elements is no content. What a document declares beyond its elements (its
//! version, its type) is kept; external entities are never followed.

mod document;
mod from_json;
mod to_json;
mod xpath;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::value::{Object, Value};

use super::{Invocation, Outcome};
pub(super) use document::Document;
pub(super) use xpath::xpath;

const XML: &str = "application/xml;charset=utf-8";

pub(super) fn envelope(text: &str) -> Value {
    let mut object = Object::new();
    object.insert("$content-type", Value::from(XML));
    object.insert("$content", Value::from(STANDARD.encode(text)));
    Value::Object(object)
}

/// Whether a type is one of XML.
pub(super) fn is_xml(content_type: &str) -> bool {
    let media = content_type.split(';').next().unwrap_or_default().trim();
    let media = media.to_ascii_lowercase();
    media == "application/xml" || media == "text/xml" || media.ends_with("+xml")
}

pub(super) fn xml(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let wrong = |call: &Invocation<'_>, why: String| {
        call.error(format_args!(
            "parameter is not valid. The provided value cannot be converted to XML: '{why}'."
        ))
    };
    match &args[0] {
        Value::String(text) => {
            call.budget.bytes(text.len() as u64)?;
            let document = Document::parse(text).map_err(|why| wrong(call, why))?;
            Ok(envelope(&document.to_text()))
        }
        Value::Object(object) => {
            if let Some(content) = object.get_exact("$content") {
                let mut same = Object::new();
                same.insert("$content-type", Value::from(XML));
                same.insert("$content", content.clone());
                return Ok(Value::Object(same));
            }
            let document = from_json::document(object).map_err(|why| wrong(call, why))?;
            Ok(envelope(&document.to_text()))
        }
        other => Err(call.wrong(0, other, "be a string or an object")),
    }
}

/// The JSON of a document.
pub(super) fn to_json(call: &mut Invocation<'_>, text: &str) -> Outcome {
    call.budget.bytes(text.len() as u64)?;
    let document = Document::parse(text);
    document
        .and_then(|document| to_json::value(&document))
        .map_err(|why| {
            call.error(format_args!(
                "parameter is not valid. The provided value cannot be parsed: '{why}'."
            ))
        })
}
