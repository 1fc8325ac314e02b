//! A document as a tree, read and written.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

/// More than any message has, and less than a stack holds.
const DEPTH_MAX: usize = 100;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Document {
    /// Name and value, in order.
    pub(super) declaration: Option<Vec<(String, String)>>,
    pub(super) doctype: Option<String>,
    /// Comments before the root.
    pub(super) comments: Vec<String>,
    pub(super) root: Element,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Node>,
    /// Written as one tag: such an element has no value, where one of two tags has an empty one.
    pub(super) single: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Element(Element),
    Text(String),
    Cdata(String),
    Comment(String),
}

impl Document {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}').trim_start());
        let (mut declaration, mut doctype, mut root) = (None, None, None);
        let mut open: Vec<Element> = Vec::new();
        let mut comments = Vec::new();
        loop {
            let event = reader.read_event().map_err(|error| error.to_string())?;
            match event {
                Event::Decl(found) => {
                    let text = String::from_utf8_lossy(&found).into_owned();
                    declaration = Some(declared(&text)?);
                }
                Event::DocType(found) => {
                    doctype = Some(String::from_utf8_lossy(&found).trim().to_owned());
                }
                Event::Start(start) => {
                    if open.len() == DEPTH_MAX || (open.is_empty() && root.is_some()) {
                        return Err("there are several roots, or it nests too deeply".to_owned());
                    }
                    open.push(element(&start, &open)?);
                }
                Event::Empty(start) => {
                    let mut element = element(&start, &open)?;
                    element.single = true;
                    close(element, &mut open, &mut root)?;
                }
                Event::End(_) => {
                    let element = open.pop().ok_or("an element ends that did not begin")?;
                    close(element, &mut open, &mut root)?;
                }
                Event::Text(found) => {
                    let text = found.decode().map_err(|error| error.to_string())?;
                    push_text(&mut open, &text)?;
                }
                Event::GeneralRef(found) => {
                    let name = found.decode().map_err(|error| error.to_string())?;
                    let text = quick_xml::escape::unescape(&format!("&{name};"))
                        .map_err(|error| error.to_string())?
                        .into_owned();
                    push_text(&mut open, &text)?;
                }
                Event::CData(found) => {
                    let text = String::from_utf8_lossy(&found).into_owned();
                    let parent = open.last_mut().ok_or("text stands outside of the root")?;
                    parent.children.push(Node::Cdata(text));
                }
                Event::Comment(found) => {
                    let text = String::from_utf8_lossy(&found).into_owned();
                    if text.contains("--") {
                        return Err("a comment holds two hyphens".to_owned());
                    }
                    match open.last_mut() {
                        Some(parent) => parent.children.push(Node::Comment(text)),
                        None if root.is_none() => comments.push(text),
                        None => {}
                    }
                }
                Event::PI(_) => {}
                Event::Eof => break,
            }
        }
        if let Some(element) = open.last() {
            return Err(format!("the element '{}' does not end", element.name));
        }
        let mut root: Element = root.ok_or("there is no root element")?;
        drop_blanks(&mut root);
        Ok(Self {
            declaration,
            doctype,
            comments,
            root,
        })
    }

    pub(crate) fn to_text(&self) -> String {
        let mut out = String::new();
        if let Some(declaration) = &self.declaration {
            out.push_str("<?xml");
            for (name, value) in declaration {
                out.push_str(&format!(" {name}=\"{value}\""));
            }
            out.push_str("?>");
        }
        if let Some(doctype) = &self.doctype {
            out.push_str(&format!("<!DOCTYPE {doctype}>"));
        }
        for comment in &self.comments {
            out.push_str(&format!("<!--{comment}-->"));
        }
        write(&self.root, &mut out);
        out
    }
}

fn push_text(open: &mut [Element], text: &str) -> Result<(), String> {
    let Some(parent) = open.last_mut() else {
        return match text.trim().is_empty() {
            true => Ok(()),
            false => Err("text stands outside of the root".to_owned()),
        };
    };
    match parent.children.last_mut() {
        Some(Node::Text(before)) => before.push_str(text),
        _ => parent.children.push(Node::Text(text.to_owned())),
    }
    Ok(())
}

fn close(element: Element, open: &mut [Element], root: &mut Option<Element>) -> Result<(), String> {
    match open.last_mut() {
        Some(parent) => parent.children.push(Node::Element(element)),
        None if root.is_some() => return Err("there are several roots".to_owned()),
        None => *root = Some(element),
    }
    Ok(())
}

fn drop_blanks(element: &mut Element) {
    let blank = |node: &Node| matches!(node, Node::Text(text) if text.trim().is_empty());
    element.children.retain(|node| !blank(node));
    for child in &mut element.children {
        if let Node::Element(child) = child {
            drop_blanks(child);
        }
    }
}

/// Its prefix must have been declared.
fn element(start: &BytesStart<'_>, open: &[Element]) -> Result<Element, String> {
    let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let key = String::from_utf8_lossy(attribute.key.as_ref()).into_owned();
        let raw = String::from_utf8_lossy(&attribute.value).into_owned();
        let value = quick_xml::escape::unescape(&raw).map_err(|error| error.to_string())?;
        attributes.push((key, value.into_owned()));
    }
    let element = Element {
        name,
        attributes,
        children: Vec::new(),
        single: false,
    };
    if let Some((prefix, _)) = element.name.split_once(':') {
        let declares = |element: &Element| {
            let name = format!("xmlns:{prefix}");
            element.attributes.iter().any(|(key, _)| *key == name)
        };
        if prefix != "xml" && !open.iter().any(declares) && !declares(&element) {
            return Err(format!("'{prefix}' is an undeclared prefix"));
        }
    }
    Ok(element)
}

/// Version, encoding and standalone, in this order.
fn declared(text: &str) -> Result<Vec<(String, String)>, String> {
    let wrong = || "the declaration of the document is not valid".to_owned();
    let mut rest = text.trim_start_matches("xml").trim();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=').ok_or_else(wrong)?;
        let after = after.trim_start();
        let quote = after
            .chars()
            .next()
            .filter(|c| "'\"".contains(*c))
            .ok_or_else(wrong)?;
        let (value, after) = after[1..].split_once(quote).ok_or_else(wrong)?;
        found.push((name.trim().to_owned(), value.to_owned()));
        rest = after.trim_start();
    }
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    let known = [
        &["version"][..],
        &["version", "encoding"],
        &["version", "standalone"],
        &["version", "encoding", "standalone"],
    ];
    let valid = known.contains(&names.as_slice()) && found[0].1 == "1.0";
    valid.then_some(found).ok_or_else(wrong)
}

fn write(element: &Element, out: &mut String) {
    out.push_str(&format!("<{}", element.name));
    for (name, value) in &element.attributes {
        let value = value
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('"', "&quot;");
        out.push_str(&format!(" {name}=\"{value}\""));
    }
    if element.children.is_empty() && element.single {
        out.push_str(" />");
        return;
    }
    out.push('>');
    for child in &element.children {
        match child {
            Node::Element(child) => write(child, out),
            Node::Text(text) => out.push_str(
                &text
                    .replace('&', "&amp;")
                    .replace('<', "&lt;")
                    .replace('>', "&gt;"),
            ),
            Node::Cdata(text) => out.push_str(&format!("<![CDATA[{text}]]>")),
            Node::Comment(text) => out.push_str(&format!("<!--{text}-->")),
        }
    }
    out.push_str(&format!("</{}>", element.name));
}
