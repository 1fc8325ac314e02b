//! The XML actions: `Xslt` transforms by a map, `XmlValidation` compares with a schema.
//!
//! Owns what both make of their input and of the project's artifacts. Pure, so that a node, which
//! calls it in a process that bounds time and memory, and a scenario get the same. Refuses whatever
//! it would do otherwise than a complete processor: nothing is left out silently.

mod stylesheet;
#[cfg(test)]
mod tests;
mod transform;
mod validation;

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uppsala::{Document, Parser};

use crate::value::{Object, Value};
use crate::wire::{Refused, content};

pub use transform::xslt;
pub use validation::xml_validation;

/// What a project keeps under `Artifacts`: by kind (`maps`, `schemas`), by the name of the file.
pub type Artifacts = BTreeMap<String, BTreeMap<String, String>>;

/// Of a document, and of an artifact.
const BYTES_MAX: usize = 8 << 20;
/// Elements within each other.
const DEPTH_MAX: u32 = 100;
const XML: &str = "application/xml; charset=utf-8";

/// The artifact of that name: a file may be named with its ending or without.
fn artifact<'a>(
    artifacts: &'a Artifacts,
    kind: &'static str,
    name: &str,
) -> Result<(&'a str, &'a str), Refused> {
    let noun = kind.trim_end_matches('s');
    if name.is_empty() {
        return Err(invalid(format!("the action names no {noun}")));
    }
    let files = artifacts.get(kind);
    let stem = |file: &str| file.rsplit_once('.').map_or(file, |(stem, _)| stem).len();
    let exact = |file: &str| file == name;
    let same = |file: &str| file.eq_ignore_ascii_case(name);
    let without_ending = |file: &str| file[..stem(file)].eq_ignore_ascii_case(name);
    let ways: [&dyn Fn(&str) -> bool; 3] = [&exact, &same, &without_ending];
    let found = files.and_then(|files| {
        ways.iter()
            .find_map(|fits| files.iter().find(|(file, _)| fits(file)))
    });
    let (file, text) = found.ok_or_else(|| Refused {
        code: "NotFound",
        message: format!(
            "the project has no {noun} {name:?}: put it in the folder Artifacts/{} beside the \
             workflows, or under `artifacts.{kind}` of the deployment",
            if kind == "maps" { "Maps" } else { "Schemas" }
        ),
    })?;
    if text.len() > BYTES_MAX {
        return Err(invalid(format!("the {noun} {file:?} is too large")));
    }
    Ok((file, text))
}

/// The text of the action's `content`.
fn content_of(input: &Value) -> Result<String, Refused> {
    let found = content(input.get("content"))?.ok_or_else(|| Refused {
        code: "InvalidTemplate",
        message: "Required property 'content' expects a value but got null.".to_owned(),
    })?;
    if found.bytes.len() > BYTES_MAX {
        return Err(invalid(format!(
            "the content has more than {} MiB",
            BYTES_MAX >> 20
        )));
    }
    let units = |to_unit: fn([u8; 2]) -> u16| -> Option<String> {
        let units: Vec<u16> = found.bytes[2..]
            .chunks_exact(2)
            .map(|pair| to_unit([pair[0], pair[1]]))
            .collect();
        String::from_utf16(&units).ok()
    };
    let text = match &*found.bytes {
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        bytes => std::str::from_utf8(bytes).ok().map(str::to_owned),
    };
    let text = text.ok_or_else(|| invalid("the content is neither UTF-8 nor UTF-16"))?;
    Ok(text.trim_start_matches('\u{feff}').trim_start().to_owned())
}

/// A document; one that declares its type is refused, as the peer does.
fn parse<'a>(what: &str, text: &'a str) -> Result<Document<'a>, Refused> {
    let parser = Parser::new()
        .with_max_depth(DEPTH_MAX)
        .with_forbid_dtd(true);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    parser
        .parse(text)
        .map_err(|error| invalid(format!("{what} cannot be read: {error}")))
}

fn envelope(text: &str) -> Value {
    let mut object = Object::new();
    object.insert("$content-type", Value::from(XML));
    object.insert("$content", Value::from(STANDARD.encode(text)));
    Value::Object(object)
}

fn invalid(message: impl Into<String>) -> Refused {
    Refused::invalid(message)
}

fn unsupported(message: impl Into<String>) -> Refused {
    Refused {
        code: "NotSupported",
        message: message.into(),
    }
}
