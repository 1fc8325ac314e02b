//! `xpath`: XPath 1.0 over a document.
//!
//! A set of nodes is an array: elements as XML content, attributes and text as strings. Numbers,
//! strings and truth values are themselves. Prefixes cannot be declared; `local-name()` and
//! `namespace-uri()` tell names apart.

use uppsala::{Document, NodeId, NodeKind, Parser, XPathEvaluator, XPathValue};

use crate::value::Value;

use super::super::convert;
use super::super::{Invocation, Outcome};
use super::{envelope, is_xml};

/// Elements within each other, and calls in an expression.
const DEPTH_MAX: u32 = 100;
/// How many nodes one evaluation may look at.
const VISITS_MAX: usize = 2_000_000;

pub(in super::super) fn xpath(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let text = match convert::content(&args[0]) {
        Some((kind, bytes)) if is_xml(kind) => String::from_utf8_lossy(&bytes).into_owned(),
        _ => return Err(call.wrong(0, &args[0], "be an XML object")),
    };
    let path = call.string(args, 1)?;
    call.budget.bytes(text.len() as u64 * 4)?;
    call.budget.steps(text.len() as u64 / 4)?;
    let wrong = |call: &Invocation<'_>, why: String| {
        call.error(format_args!(
            "parameters are not valid. The provided XPath '{path}' cannot be evaluated: '{why}'."
        ))
    };
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let parser = Parser::new().with_max_depth(DEPTH_MAX);
    let mut document = parser
        .parse(text)
        .map_err(|error| wrong(call, error.to_string()))?;
    document.prepare_xpath();
    let evaluator = XPathEvaluator::new()
        .with_max_depth(DEPTH_MAX)
        .with_max_node_visits(VISITS_MAX);
    let found = evaluator
        .evaluate(&document, document.root(), path)
        .map_err(|error| wrong(call, error.to_string()))?;
    match found {
        XPathValue::Boolean(truth) => Ok(Value::Bool(truth)),
        XPathValue::Number(number) => Ok(Value::Float(number)),
        XPathValue::String(text) => Ok(Value::from(text)),
        XPathValue::NodeSet(nodes) => {
            let mut values = Vec::new();
            for node in nodes {
                let value = of_node(&mut document, node);
                // What is found may overlap, so that it is charged one by one.
                call.budget.bytes(value.weight())?;
                values.push(value);
            }
            Ok(Value::from(values))
        }
    }
}

fn of_node(document: &mut Document<'_>, node: NodeId) -> Value {
    match document.node_kind(node) {
        Some(NodeKind::Text(text) | NodeKind::CData(text)) => Value::from(text.as_ref()),
        Some(NodeKind::Attribute(_, value)) => Value::from(value.as_ref()),
        Some(NodeKind::Document) => envelope(&document.to_xml()),
        Some(NodeKind::Element(_)) => {
            declare(document, node);
            envelope(&document.node_to_xml(node))
        }
        Some(NodeKind::Comment(_) | NodeKind::ProcessingInstruction(_)) => {
            envelope(&document.node_to_xml(node))
        }
        None => Value::Null,
    }
}

/// What the elements around it declare and it uses is declared on the element itself, so that it
/// stands alone.
fn declare(document: &mut Document<'_>, node: NodeId) {
    let mut declarations = Vec::new();
    for ancestor in document.ancestors(node) {
        if let Some(element) = document.element(ancestor) {
            for (prefix, uri) in &element.namespace_declarations {
                if !declarations.iter().any(|(known, _)| known == prefix) {
                    declarations.push((prefix.clone(), uri.clone()));
                }
            }
        }
    }
    if declarations.is_empty() {
        return;
    }
    let text = document.node_to_xml(node);
    let Some(element) = document.element_mut(node) else {
        return;
    };
    for (prefix, uri) in declarations {
        let declared = element.namespace_declarations.iter();
        let known = declared.into_iter().any(|(known, _)| *known == prefix);
        let used = match prefix.is_empty() {
            true => element.name.prefix.is_none() || element.name.namespace_uri.is_none(),
            false => text.contains(&format!("{prefix}:")),
        };
        if used && !known && !(prefix.is_empty() && element.name.namespace_uri.is_none()) {
            element.namespace_declarations.push((prefix, uri));
        }
    }
}
