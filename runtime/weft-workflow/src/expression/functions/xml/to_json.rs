//! A document as JSON: attributes are `@name`, text beside elements is `#text`, siblings of one name
//! are an array. Comments leave no value.

use indexmap::IndexMap;

use crate::value::{Object, Value};

use super::document::{Document, Element, Node};

pub(super) fn value(document: &Document) -> Result<Value, String> {
    let mut object = Object::new();
    if let Some(declaration) = &document.declaration {
        let encoding = declaration.iter().find(|(name, _)| name == "encoding");
        let known = ["utf-8", "ascii", "us-ascii", "iso-8859-1"];
        if let Some((_, encoding)) = encoding
            && !known.contains(&encoding.to_ascii_lowercase().as_str())
        {
            return Err(format!("the document is not encoded as '{encoding}'"));
        }
        let members = declaration.iter();
        let members =
            members.map(|(name, value)| (format!("@{name}"), Value::from(value.as_str())));
        object.insert("?xml", members.collect());
    }
    if let Some(doctype) = &document.doctype {
        object.insert("!DOCTYPE", doctype_of(doctype));
    }
    object.insert(document.root.name.as_str(), of_element(&document.root));
    Ok(Value::Object(object))
}

/// `name`, `name SYSTEM "id"`, `name PUBLIC "id" "uri"`, each with an internal part or without.
fn doctype_of(doctype: &str) -> Value {
    let (head, internal) = match doctype.split_once('[') {
        Some((head, rest)) => (
            head,
            Some(rest.rsplit_once(']').map_or(rest, |(inside, _)| inside)),
        ),
        None => (doctype, None),
    };
    let mut words = head.split_whitespace();
    let mut object = Object::new();
    object.insert("@name", Value::from(words.next().unwrap_or_default()));
    let quoted: Vec<&str> = head.split(['"', '\'']).skip(1).step_by(2).collect();
    match (words.next(), quoted.as_slice()) {
        (Some("PUBLIC"), [public, system, ..]) => {
            object.insert("@public", Value::from(*public));
            object.insert("@system", Value::from(*system));
        }
        (Some("SYSTEM"), [system, ..]) => object.insert("@system", Value::from(*system)),
        _ => {}
    }
    if let Some(internal) = internal.filter(|internal| !internal.is_empty()) {
        object.insert("@internalSubset", Value::from(internal));
    }
    Value::Object(object)
}

fn of_element(element: &Element) -> Value {
    match (element.attributes.as_slice(), element.children.as_slice()) {
        ([], []) if element.single => return Value::Null,
        ([], []) => return Value::from(""),
        ([], [Node::Text(text)]) => return Value::from(text.as_str()),
        _ => {}
    }
    let mut object = Object::new();
    for (name, value) in &element.attributes {
        object.insert(format!("@{name}"), Value::from(value.as_str()));
    }
    let mut groups: IndexMap<&str, Vec<&Node>> = IndexMap::new();
    for child in &element.children {
        let name = match child {
            Node::Element(child) => child.name.as_str(),
            Node::Text(_) => "#text",
            Node::Cdata(_) => "#cdata-section",
            Node::Comment(_) => "#comment",
        };
        groups.entry(name).or_default().push(child);
    }
    for (name, nodes) in groups {
        match nodes.as_slice() {
            [Node::Comment(_)] => {}
            [one] => object.insert(name, of_node(one).unwrap_or_default()),
            several => {
                let values = several.iter().filter_map(|node| of_node(node));
                object.insert(name, values.collect());
            }
        }
    }
    Value::Object(object)
}

fn of_node(node: &Node) -> Option<Value> {
    match node {
        Node::Element(element) => Some(of_element(element)),
        Node::Text(text) | Node::Cdata(text) => Some(Value::from(text.as_str())),
        Node::Comment(_) => None,
    }
}
