//! Maps: which of them can be run here. The processor passes over some of what it does not know, so
//! that everything is looked at before.

use uppsala::{Document, Element, NodeId, XSLT_NAMESPACE};

use crate::wire::Refused;

use super::{invalid, unsupported};

const SCRIPTS: &str = "urn:schemas-microsoft-com:xslt";
const INSTEAD: &str = "do that part in a function of the app (an InvokeFunction action)";

/// What has to be known of a map beside what the processor reads.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) method: Method,
    /// Prefixes that its root declares.
    prefixes: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Xml,
    Text,
}

impl Sheet {
    /// The name of a parameter as the map knows it. The peer's examples write `input:X` for a
    /// parameter X, with a prefix that nothing declares.
    pub(super) fn parameter(&self, name: &str) -> String {
        match name.split_once(':') {
            Some((prefix, local)) if !self.prefixes.iter().any(|own| own == prefix) => {
                local.to_owned()
            }
            _ => name.to_owned(),
        }
    }
}

/// Takes out what has no effect on the result, and refuses what is not done here.
pub(super) fn prepared(file: &str, document: &mut Document<'_>) -> Result<Sheet, Refused> {
    let (method, prefixes) = {
        let root = document
            .document_element()
            .ok_or_else(|| invalid(format!("the map {file:?} is empty")))?;
        let element = document.element(root).expect("a root is an element");
        version(file, element)?;
        let declared = element.namespace_declarations.iter();
        let prefixes = declared.map(|(prefix, _)| prefix.to_string()).collect();
        (output(file, document, root)?, prefixes)
    };
    let mut messages = Vec::new();
    for node in document.descendants(document.root()) {
        let Some(element) = document.element(node) else {
            continue;
        };
        let namespace = element.name.namespace_uri.as_deref();
        let local = &*element.name.local_name;
        let refuse = |what: &str| {
            let line = document.node_line(node);
            Err(unsupported(format!(
                "the map {file:?} has {what} in line {line}, which this node does not run: \
                 {INSTEAD}"
            )))
        };
        if namespace == Some(SCRIPTS) && local == "script" {
            return refuse("a script (msxsl:script)");
        }
        if element.get_attribute_ns("http://www.w3.org/XML/1998/namespace", "space")
            == Some("preserve")
        {
            return refuse("xml:space=\"preserve\"");
        }
        let of_xslt = |name| element.get_attribute_ns(XSLT_NAMESPACE, name);
        if of_xslt("use-attribute-sets").is_some() {
            return refuse("sets of attributes");
        }
        if of_xslt("extension-element-prefixes").is_some() {
            return refuse("elements of an extension");
        }
        if namespace != Some(XSLT_NAMESPACE) {
            continue;
        }
        if let Some(what) = not_done(element) {
            return refuse(&what);
        }
        if local == "message" {
            messages.push(node);
        }
    }
    // Nobody reads them, and each would be a line in the output of the process.
    messages.into_iter().for_each(|node| document.detach(node));
    Ok(Sheet { method, prefixes })
}

fn version(file: &str, root: &Element<'_>) -> Result<(), Refused> {
    let is_sheet = root.name.namespace_uri.as_deref() == Some(XSLT_NAMESPACE)
        && ["stylesheet", "transform"].contains(&&*root.name.local_name);
    if !is_sheet {
        return Err(unsupported(format!(
            "the map {file:?} is no xsl:stylesheet: wrap its content in one, with a template that \
             matches \"/\""
        )));
    }
    match root.get_attribute("version").map(str::trim) {
        Some("1.0") => Ok(()),
        version => Err(unsupported(format!(
            "the map {file:?} is written in XSLT {}, and this node runs XSLT 1.0: write it in that, \
             or {INSTEAD}",
            version.unwrap_or("without a version")
        ))),
    }
}

fn output(file: &str, document: &Document<'_>, root: NodeId) -> Result<Method, Refused> {
    let mut method = Method::Xml;
    for node in document.child_elements_by_name_ns(root, XSLT_NAMESPACE, "output") {
        let Some(element) = document.element(node) else {
            continue;
        };
        match element.get_attribute("method") {
            Some("text") => method = Method::Text,
            Some("xml") | None => {}
            Some(other) => {
                return Err(unsupported(format!(
                    "the map {file:?} gives {other}, and this node gives xml or text: {INSTEAD}"
                )));
            }
        }
    }
    Ok(method)
}

/// What of XSLT 1.0 the processor does not do, where an element asks for it.
fn not_done(element: &Element<'_>) -> Option<String> {
    let local = &*element.name.local_name;
    let has = |name: &str| element.get_attribute(name).is_some();
    let with = |name: &str| Some(format!("xsl:{local} with {name}"));
    match local {
        "import" | "include" | "key" | "sort" | "number" | "attribute-set" | "decimal-format"
        | "namespace-alias" | "preserve-space" | "apply-imports" => Some(format!("xsl:{local}")),
        "template" | "apply-templates" if has("mode") => with("mode"),
        "element" | "attribute" if has("namespace") => with("namespace"),
        "element" | "copy" if has("use-attribute-sets") => with("use-attribute-sets"),
        "strip-space" if element.get_attribute("elements") != Some("*") => {
            with("single names of elements")
        }
        "message" if element.get_attribute("terminate") == Some("yes") => with("terminate"),
        "output" => ["doctype-public", "doctype-system", "cdata-section-elements"]
            .into_iter()
            .find(|name| has(name))
            .and_then(with),
        "stylesheet" | "transform" if has("extension-element-prefixes") => {
            with("extension-element-prefixes").filter(|_| {
                // Declared by habit for scripts, which are found where they stand.
                element.get_attribute("extension-element-prefixes") != Some("msxsl")
            })
        }
        _ => None,
    }
}
