//! Every string that a run evaluates, compiled.

use crate::expression::Template;
use crate::value::{Object, Value};

use super::super::fault::{Fault, child};
use super::tree::{Node, Tree};
use super::{Report, limits};

/// Who evaluates a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Trigger(usize),
    Action(usize),
    Output,
}

pub(super) struct Compiled {
    pub(super) owner: Owner,
    /// The member of the owner that the string stands in.
    pub(super) section: &'static str,
    pub(super) pointer: String,
    pub(super) template: Template,
}

/// Members of actions and triggers that are evaluated.
const SECTIONS: [&str; 12] = [
    "inputs",
    "expression",
    "foreach",
    "limit",
    "trackedProperties",
    "correlation",
    "runtimeConfiguration",
    "recurrence",
    "conditions",
    "splitOn",
    "splitOnConfiguration",
    "retryPolicy",
];

pub(super) fn compile(definition: &Object, tree: &Tree<'_>, report: &mut Report) -> Vec<Compiled> {
    let mut compiler = Compiler {
        found: Vec::new(),
        report,
    };
    for (index, trigger) in tree.triggers.iter().enumerate() {
        compiler.node(Owner::Trigger(index), trigger);
    }
    for (index, action) in tree.actions.iter().enumerate() {
        compiler.node(Owner::Action(index), &action.node);
    }
    if let Some(outputs) = definition.get("outputs") {
        compiler.value(Owner::Output, "outputs", outputs, "/outputs");
    }
    compiler.found
}

struct Compiler<'r> {
    found: Vec<Compiled>,
    report: &'r mut Report,
}

impl Compiler<'_> {
    fn node(&mut self, owner: Owner, node: &Node<'_>) {
        for section in SECTIONS {
            let Some(value) = node.get(section) else {
                continue;
            };
            let pointer = node.at(section);
            match (section, value) {
                ("inputs", Value::Object(inputs)) => {
                    for (name, input) in inputs.iter() {
                        if !verbatim(&owner, &node.kind, name) {
                            self.text(owner, section, name, &child(&pointer, name));
                            self.value(owner, section, input, &child(&pointer, name));
                        }
                    }
                }
                _ => self.value(owner, section, value, &pointer),
            }
        }
        let cases = node.get("cases").and_then(Value::as_object);
        for (name, case) in cases.into_iter().flat_map(Object::iter) {
            if let Some(value) = case.get("case") {
                let pointer = child(&child(&node.at("cases"), name), "case");
                self.value(owner, "cases", value, &pointer);
            }
        }
    }

    fn value(&mut self, owner: Owner, section: &'static str, value: &Value, pointer: &str) {
        match value {
            Value::String(text) => self.text(owner, section, text, pointer),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.value(owner, section, item, &format!("{pointer}/{index}"));
                }
            }
            Value::Object(object) => {
                for (key, value) in object.iter() {
                    let pointer = child(pointer, key);
                    self.text(owner, section, key, &pointer);
                    self.value(owner, section, value, &pointer);
                }
            }
            _ => {}
        }
    }

    fn text(&mut self, owner: Owner, section: &'static str, text: &str, pointer: &str) {
        if !text.contains('@') {
            return;
        }
        let template = match Template::compile_string(text) {
            Ok(template) => template,
            Err(faults) => {
                for fault in faults {
                    self.report.add(Fault::of_expression(pointer, fault));
                }
                return;
            }
        };
        if template.is_literal() {
            return;
        }
        for fault in template.faults() {
            self.report.add(Fault::of_expression(pointer, fault));
        }
        if text.len() > limits::EXPRESSION_USUAL {
            let message = format!(
                "The expression is {} characters long; the peer takes {}.",
                text.chars().count(),
                limits::EXPRESSION_USUAL
            );
            self.report.warning(pointer, message);
        }
        self.found.push(Compiled {
            owner,
            section,
            pointer: pointer.to_owned(),
            template,
        });
    }
}

/// Inputs that are taken as they stand.
fn verbatim(owner: &Owner, kind: &str, input: &str) -> bool {
    match owner {
        Owner::Trigger(_) => ["schema", "headersSchema"].contains(&input),
        Owner::Action(_) => {
            ["javascriptcode", "csharpscriptcode", "powershellcode"].contains(&kind)
                && input.eq_ignore_ascii_case("code")
        }
        Owner::Output => false,
    }
}
