//! `XmlValidation`: a document compared with a schema.

use std::collections::BTreeSet;

use uppsala::{Document, NodeId, XS_NAMESPACE, XsdValidator};

use crate::value::Value;
use crate::wire::{Refused, text};

use super::{Artifacts, artifact, content_of, envelope, invalid, parse, unsupported};

/// Schemas that one may include, itself counted.
const SCHEMAS_MAX: usize = 64;
/// Faults that are told.
const FAULTS_MAX: usize = 10;
/// Members of a schema that say how the rest of it is read: the same in one that is included.
const FORMS: [&str; 3] = ["elementFormDefault", "attributeFormDefault", "blockDefault"];

/// `workflow/xml-validation`: `{"content", "schema"}` to the content as XML. Walks what nests by
/// calling itself: wants a stack of 64 MiB.
///
/// # Errors
/// `NotFound` for a schema that is missing, `NotSupported` for one that asks for what is not done
/// here, `XmlValidationFailed` where the content does not fit.
pub fn xml_validation(input: &Value, artifacts: &Artifacts) -> Result<Value, Refused> {
    let name = text(input, "schema").unwrap_or_default();
    let (file, schema) = artifact(artifacts, "schemas", &name)?;
    let content = content_of(input)?;
    let schema = composed(file, schema, artifacts)?;
    let validator = XsdValidator::from_schema(&schema)
        .map_err(|error| invalid(format!("the schema {file:?} cannot be used: {error}")))?;
    let document = parse("the content", &content)?;
    let faults = validator.validate(&document);
    if faults.is_empty() {
        return Ok(envelope(&content));
    }
    let told: Vec<String> = faults
        .iter()
        .take(FAULTS_MAX)
        .map(|fault| match fault.line {
            Some(line) => format!("line {line}: {}", fault.message),
            None => fault.message.clone(),
        })
        .collect();
    let more = faults.len() - told.len();
    let more = match more {
        0 => String::new(),
        more => format!("; and {more} more"),
    };
    Err(Refused {
        code: "XmlValidationFailed",
        message: format!(
            "The XML content does not fit the schema '{file}': {}{more}.",
            told.join("; ")
        ),
    })
}

/// The schema with what it includes in the places where it does.
fn composed<'a>(
    file: &str,
    text: &'a str,
    artifacts: &'a Artifacts,
) -> Result<Document<'a>, Refused> {
    let mut schema = parse(&format!("the schema {file:?}"), text)?;
    let root = root_of(file, &schema)?;
    let mut seen = BTreeSet::from([file.to_owned()]);
    while let Some((include, location)) = next_include(file, &schema, root)? {
        // Schemas name each other by their places; the project keeps them side by side.
        let name = location.rsplit(['/', '\\']).next().unwrap_or_default();
        let (included, text) = artifact(artifacts, "schemas", name)?;
        if seen.insert(included.to_owned()) {
            if seen.len() > SCHEMAS_MAX {
                return Err(invalid(format!(
                    "the schema {file:?} includes more than {SCHEMAS_MAX} schemas"
                )));
            }
            insert(&mut schema, root, include, included, text)?;
        }
        schema.detach(include);
    }
    Ok(schema)
}

fn root_of(file: &str, schema: &Document<'_>) -> Result<NodeId, Refused> {
    let root = schema.document_element();
    root.filter(|root| {
        let element = schema.element(*root);
        element.is_some_and(|element| element.matches_name_ns(XS_NAMESPACE, "schema"))
    })
    .ok_or_else(|| invalid(format!("the schema {file:?} is no xs:schema")))
}

/// The first `xs:include` and what it names.
fn next_include(
    file: &str,
    schema: &Document<'_>,
    root: NodeId,
) -> Result<Option<(NodeId, String)>, Refused> {
    for node in schema.children(root) {
        let Some(element) = schema.element(node) else {
            continue;
        };
        if element.name.namespace_uri.as_deref() != Some(XS_NAMESPACE) {
            continue;
        }
        match &*element.name.local_name {
            "include" => {
                let location = element.get_attribute("schemaLocation");
                return Ok(Some((node, location.unwrap_or_default().to_owned())));
            }
            local @ ("import" | "redefine" | "override") => {
                return Err(unsupported(format!(
                    "the schema {file:?} has an xs:{local}, which this node does not follow: put \
                     what it needs of the other schema into one, or validate in a function of the \
                     app (an InvokeFunction action)"
                )));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Puts what a schema declares in front of `place`.
fn insert(
    schema: &mut Document<'_>,
    root: NodeId,
    place: NodeId,
    file: &str,
    text: &str,
) -> Result<(), Refused> {
    let included = parse(&format!("the schema {file:?}"), text)?;
    let its_root = root_of(file, &included)?;
    for name in FORMS.into_iter().chain(["targetNamespace"]) {
        if schema.get_attribute(root, name) != included.get_attribute(its_root, name) {
            return Err(unsupported(format!(
                "the schema {file:?} is included by one that has another {name}: give both the same"
            )));
        }
    }
    let declared = included.element(its_root).map(|element| {
        let declared = element.namespace_declarations.iter();
        let owned = |(prefix, uri): &(std::borrow::Cow<'_, str>, std::borrow::Cow<'_, str>)| {
            (prefix.to_string(), uri.to_string())
        };
        declared.map(owned).collect::<Vec<_>>()
    });
    for node in included.children(its_root) {
        if included.element(node).is_none() {
            continue;
        }
        let Some(copy) = schema.import_subtree(&included, node) else {
            continue;
        };
        if let Some(element) = schema.element_mut(copy) {
            for (prefix, uri) in declared.iter().flatten() {
                let mut own = element.namespace_declarations.iter();
                if !own.any(|(known, _)| known == prefix) {
                    let declaration = (prefix.clone().into(), uri.clone().into());
                    element.namespace_declarations.push(declaration);
                }
            }
        }
        schema.insert_before(root, copy, place);
    }
    Ok(())
}
