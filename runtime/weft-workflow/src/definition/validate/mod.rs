//! Every fault of a definition.
//!
//! An error is what the peer refuses on deployment, or what could never run; a warning is what it
//! takes although it will surprise. What is computed by an expression, or stands for something that
//! only a deployment knows, is not judged.

mod actions;
mod condition;
mod control;
mod expressions;
mod literal;
mod order;
mod parameters;
mod policies;
mod recurrence;
mod references;
mod tree;
mod triggers;
mod types;
mod variables;

use std::collections::BTreeSet;

use crate::value::{Object, Value};

use super::fault::{Fault, child, nearest};

/// The bounds of one definition: those of the peer where it documents them.
mod limits {
    /// Containers within each other.
    pub(super) const NESTING: usize = 8;
    /// More is a warning: the peer takes no more, this engine does.
    pub(super) const ACTIONS_USUAL: usize = 500;
    pub(super) const ACTIONS: usize = 10_000;
    pub(super) const TRIGGERS: usize = 10;
    pub(super) const NAME: usize = 80;
    pub(super) const CASES: usize = 25;
    pub(super) const UNTIL_COUNT: i64 = 5_000;
    pub(super) const VARIABLES: usize = 250;
    pub(super) const PARAMETERS: usize = 500;
    pub(super) const OUTPUTS: usize = 10;
    /// Levels of JSON.
    pub(super) const DEPTH: u32 = 128;
    /// About, when written out.
    pub(super) const BYTES: u64 = 16 << 20;
    pub(super) const EXPRESSION_USUAL: usize = 8_192;
    /// No more are told than anyone would read.
    pub(super) const FAULTS: usize = 1_000;
}

/// What a deployment gives beside the definition; `None` where nothing is known about it.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// Names of parameters that have values although the definition may not declare them.
    pub parameters: Option<BTreeSet<String>>,
    pub app_settings: Option<BTreeSet<String>>,
}

/// Every fault of a bare definition, errors and warnings, with pointers from its root.
pub fn validate(definition: &Value, known: &Known) -> Vec<Fault> {
    let Some(object) = definition.as_object() else {
        let message = format!(
            "A definition is a JSON object; this is of type '{}'.",
            definition.kind()
        );
        return vec![Fault::error("", message)];
    };
    if definition.depth() > limits::DEPTH {
        let message = format!("The definition nests deeper than {} levels.", limits::DEPTH);
        return vec![Fault::error("", message)];
    }
    if definition.weight() > limits::BYTES {
        let message = format!("The definition is larger than {} bytes.", limits::BYTES);
        return vec![Fault::error("", message)];
    }
    let mut report = Report::default();
    members(object, &mut report);
    let tree = tree::Tree::build(object, &mut report);
    if tree.actions.len() > limits::ACTIONS {
        return report.faults;
    }
    let declared = parameters::check(object, &mut report);
    triggers::check(&tree, &mut report);
    actions::check(&tree, &mut report);
    let order = order::Order::of(&tree, &mut report);
    control::responses(&tree, &order, &mut report);
    let variables = variables::check(&tree, &mut report);
    let compiled = expressions::compile(object, &tree, &mut report);
    let scope = references::Scope {
        tree: &tree,
        order: &order,
        variables: &variables,
        declared: &declared,
        known,
    };
    references::check(&scope, &compiled, &mut report);
    report.faults
}

#[derive(Debug, Default)]
struct Report {
    faults: Vec<Fault>,
}

impl Report {
    fn add(&mut self, fault: Fault) {
        if self.faults.len() < limits::FAULTS {
            self.faults.push(fault);
        }
    }

    fn error(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.add(Fault::error(pointer, message));
    }

    fn warning(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        self.add(Fault::warning(pointer, message));
    }

    /// An error with the known name that was probably meant, when there is one.
    fn unknown<'a>(&mut self, fault: Fault, name: &str, known: impl IntoIterator<Item = &'a str>) {
        self.add(match nearest(name, known) {
            Some(meant) => fault.hint(format!("Did you mean '{meant}'?")),
            None => fault,
        });
    }
}

fn members(definition: &Object, report: &mut Report) {
    const MEMBERS: [&str; 9] = [
        "$schema",
        "contentVersion",
        "description",
        "metadata",
        "parameters",
        "triggers",
        "actions",
        "outputs",
        "staticResults",
    ];
    for (name, value) in definition.iter() {
        let pointer = child("", name);
        if !MEMBERS.iter().any(|known| known.eq_ignore_ascii_case(name)) {
            let message =
                format!("Could not find member '{name}' on object of type 'FlowTemplate'.");
            report.unknown(Fault::warning(pointer, message), name, MEMBERS);
            continue;
        }
        let object = [
            "parameters",
            "triggers",
            "actions",
            "outputs",
            "staticResults",
        ];
        let wanted = object.iter().any(|o| o.eq_ignore_ascii_case(name));
        if wanted && !matches!(value, Value::Object(_) | Value::Null) {
            let message = format!(
                "'{name}' should be an object; it is of type '{}'.",
                value.kind()
            );
            report.error(pointer, message);
        }
    }
    if let Some(schema) = definition.get("$schema").and_then(Value::as_str)
        && !schema.contains("2016-06-01")
        && !super::is_unresolved(schema)
    {
        let message = format!("The schema '{schema}' is not known.");
        let hint = "Definitions of the schema 2016-06-01 are understood.";
        report.add(Fault::warning("/$schema", message).hint(hint));
    }
    let outputs = definition.get("outputs").and_then(Value::as_object);
    if let Some(outputs) = outputs {
        if outputs.len() > limits::OUTPUTS {
            let message = format!(
                "The definition has {} outputs; the peer takes {}.",
                outputs.len(),
                limits::OUTPUTS
            );
            report.warning("/outputs", message);
        }
        for (name, output) in outputs.iter() {
            if !matches!(output, Value::Object(_)) {
                let pointer = child("/outputs", name);
                let message = format!("The output '{name}' should be an object with a 'value'.");
                report.error(pointer, message);
            }
        }
    }
}

#[cfg(test)]
mod tests;
