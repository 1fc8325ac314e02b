//! JSON as a document: one member is the root, beside a declaration.

use crate::value::{Object, Value};

use super::document::{Document, Element, Node};

pub(super) fn document(object: &Object) -> Result<Document, String> {
    let (mut declaration, mut root) = (None, None);
    for (name, value) in object.iter() {
        match (name.as_ref(), value) {
            ("?xml", Value::Object(members)) => {
                let members = members.iter();
                let members = members.map(|(name, value)| {
                    (name.trim_start_matches('@').to_owned(), value.to_text())
                });
                declaration = Some(members.collect());
            }
            ("!DOCTYPE", _) => {}
            (_, Value::Array(_)) => return Err("a document has one root, not several".to_owned()),
            (name, value) => {
                if root.is_some() {
                    return Err("a document has one root, not several".to_owned());
                }
                root = Some(element(name, value)?);
            }
        }
    }
    Ok(Document {
        declaration,
        doctype: None,
        comments: Vec::new(),
        root: root.ok_or("there is no root element")?,
    })
}

fn element(name: &str, value: &Value) -> Result<Element, String> {
    let mut element = Element {
        name: encoded(name),
        ..Element::default()
    };
    match value {
        Value::Null => element.single = true,
        Value::Object(members) => {
            element.single = true;
            for (name, value) in members.iter() {
                add(&mut element, name, value)?;
            }
        }
        Value::Array(_) => return Err("an array stands where one value is expected".to_owned()),
        scalar => push(&mut element, Node::Text(text(scalar))),
    }
    Ok(element)
}

fn push(element: &mut Element, node: Node) {
    if node != Node::Text(String::new()) {
        element.children.push(node);
    }
}

fn add(parent: &mut Element, name: &str, value: &Value) -> Result<(), String> {
    let several: &[Value] = match value {
        Value::Array(items) => items,
        one => std::slice::from_ref(one),
    };
    if let Some(attribute) = name.strip_prefix('@') {
        parent.attributes.push((attribute.to_owned(), text(value)));
        return Ok(());
    }
    for value in several {
        match name {
            "#text" => push(parent, Node::Text(text(value))),
            "#cdata-section" => {
                let text = text(value);
                if text.contains("]]>") {
                    return Err("a CDATA section holds its own end".to_owned());
                }
                push(parent, Node::Cdata(text));
            }
            name => {
                let child = element(name, value)?;
                push(parent, Node::Element(child));
            }
        }
    }
    Ok(())
}

fn text(value: &Value) -> String {
    match value {
        Value::Bool(truth) => truth.to_string(),
        other => other.to_text(),
    }
}

/// A name that an element may have. What stands before a colon is no declared prefix.
fn encoded(name: &str) -> String {
    let name = name.rsplit(':').next().unwrap_or_default();
    let mut encoded = String::new();
    for (index, char) in name.chars().enumerate() {
        let starts = char.is_alphabetic() || char == '_';
        if starts || index > 0 && (char.is_numeric() || "-.".contains(char)) {
            encoded.push(char);
        } else {
            encoded.push_str(&format!("_x{:04X}_", u32::from(char)));
        }
    }
    encoded
}
