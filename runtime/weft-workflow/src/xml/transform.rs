//! `Xslt`: a document transformed by a map.

use uppsala::Stylesheet;
use uppsala::xslt::ParameterValue;

use crate::value::{Object, Value};
use crate::wire::{Refused, text};

use super::stylesheet::{Method, prepared};
use super::{Artifacts, artifact, content_of, envelope, parse};

/// What a map may build on its way.
const RESULT_TREE_BYTES_MAX: usize = 128 << 20;
/// What it may give.
const OUTPUT_BYTES_MAX: usize = 8 << 20;

/// `workflow/xslt`: `{"content", "map", "parameters"}` to XML content, or to a string where the map
/// gives text. Walks what nests by calling itself: wants a stack of 64 MiB.
///
/// # Errors
/// `NotFound` for a map that is missing, `NotSupported` for one that asks for what is not done here,
/// `InvalidXsltContent` for one that is wrong or fails.
pub fn xslt(input: &Value, artifacts: &Artifacts) -> Result<Value, Refused> {
    let name = text(input, "map").unwrap_or_default();
    let (file, map) = artifact(artifacts, "maps", &name)?;
    let content = content_of(input)?;
    let wrong = |error: uppsala::XmlError| Refused {
        code: "InvalidXsltContent",
        message: format!("An error occurred while processing map '{file}'. '{error}'."),
    };
    let mut document = parse(&format!("the map {file:?}"), map)?;
    let sheet = prepared(file, &mut document)?;
    let parameters = input.get("parameters").and_then(Value::as_object);
    let parameters: Vec<_> = parameters
        .into_iter()
        .flat_map(Object::iter)
        .map(|(name, value)| {
            let name = sheet.parameter(name);
            (name, ParameterValue::String(value.to_text()))
        })
        .collect();
    let stylesheet = Stylesheet::compile(&document)
        .map_err(wrong)?
        .with_exslt(true)
        .set_max_result_tree_bytes(RESULT_TREE_BYTES_MAX)
        .set_max_output_bytes(OUTPUT_BYTES_MAX);
    let mut source = parse("the content", &content)?;
    source.prepare_xpath();
    let output = stylesheet
        .transform_with_params(&source, &parameters)
        .map_err(wrong)?;
    Ok(match sheet.method {
        Method::Xml => envelope(&output),
        Method::Text => Value::from(output),
    })
}
