//! What expressions refer to: it exists, and it comes before.

use std::collections::HashSet;

use crate::expression::Reference;
use crate::value::same_name;

use super::super::fault::{Fault, nearest};
use super::expressions::{Compiled, Owner};
use super::order::Order;
use super::tree::{Node, Tree};
use super::variables::{self, Variables};
use super::{Known, Report};

pub(super) struct Scope<'a, 'd> {
    pub(super) tree: &'a Tree<'d>,
    pub(super) order: &'a Order,
    pub(super) variables: &'a Variables,
    /// Parameters, in lower case.
    pub(super) declared: &'a HashSet<String>,
    pub(super) known: &'a Known,
}

/// Functions whose argument is the name of an action.
const OF_ACTIONS: [&str; 9] = [
    "actions",
    "actionBody",
    "actionOutputs",
    "body",
    "outputs",
    "result",
    "formDataValue",
    "formDataMultiValues",
    "multipartBody",
];

pub(super) fn check(scope: &Scope<'_, '_>, compiled: &[Compiled], report: &mut Report) {
    let mut told = HashSet::new();
    for text in compiled {
        for reference in text.template.references() {
            if let Some(fault) = scope.fault(text, &reference)
                && told.insert((fault.pointer.clone(), fault.message.clone()))
            {
                report.add(fault);
            }
        }
    }
    for (index, action) in scope.tree.actions.iter().enumerate() {
        if let Some(fault) = scope.changed_variable(index, &action.node) {
            report.add(fault);
        }
    }
}

/// How one action stands to another that it refers to.
enum Relation {
    Before,
    /// The other one holds it.
    Around,
    /// It holds the other one.
    Inside,
    Itself,
    After,
    /// Neither before nor after.
    Beside,
}

impl Scope<'_, '_> {
    fn fault(&self, text: &Compiled, reference: &Reference) -> Option<Fault> {
        let place = |fault: Fault| Fault {
            offset: Some(reference.offset),
            ..fault
        };
        let function = reference.function.as_str();
        if function == "item" {
            return self.item(text).map(place);
        }
        let name = reference.name()?;
        let fault = match function {
            "parameters" => self.parameter(text, name),
            "appsetting" => self.app_setting(text, name),
            "variables" => self.variable(text, name),
            "items" => self.in_loop(text, name, "foreach"),
            "iterationIndexes" => self.in_loop(text, name, "until"),
            _ if OF_ACTIONS.contains(&function) => self.action(text, name),
            _ => None,
        };
        fault.map(place)
    }

    /// Who refers, as messages name it.
    fn owner(&self, text: &Compiled) -> String {
        match text.owner {
            Owner::Trigger(index) => format!("trigger '{}'", self.tree.triggers[index].name),
            Owner::Action(index) => format!("action '{}'", self.tree.actions[index].node.name),
            Owner::Output => "the outputs of the workflow".to_owned(),
        }
    }

    fn parameter(&self, text: &Compiled, name: &str) -> Option<Fault> {
        let given = self.known.parameters.iter().flatten();
        let mut given = given.map(String::as_str);
        if self.declared.contains(&name.to_lowercase()) || given.any(|g| same_name(g, name)) {
            return None;
        }
        let message = format!("The workflow parameter '{name}' is not found.");
        // Standard keeps parameters in a file of their own, and templates fill in names later.
        let elsewhere = self.declared.is_empty() && self.known.parameters.is_none();
        if elsewhere || name.contains('#') || name.starts_with('$') {
            let hint = "The definition does not declare it: a value has to be given on deployment.";
            return Some(Fault::warning(&text.pointer, message).hint(hint));
        }
        let given = self.known.parameters.iter().flatten();
        let names = self.declared.iter().chain(given).map(String::as_str);
        let fault = Fault::error(&text.pointer, message);
        Some(match nearest(name, names) {
            Some(meant) => fault.hint(format!("Did you mean '{meant}'?")),
            None => fault.hint("Declare it in 'parameters' of the definition."),
        })
    }

    fn app_setting(&self, text: &Compiled, name: &str) -> Option<Fault> {
        let known = self.known.app_settings.as_ref()?;
        if known.iter().any(|setting| same_name(setting, name)) {
            return None;
        }
        let message = format!("The app setting '{name}' is not there.");
        Some(Fault::warning(&text.pointer, message))
    }

    fn item(&self, text: &Compiled) -> Option<Fault> {
        const OWN: [&str; 4] = ["query", "select", "table", "foreach"];
        let Owner::Action(index) = text.owner else {
            return match text.owner {
                Owner::Trigger(_) => None,
                _ => Some(self.no_item(text)),
            };
        };
        let kind = |action: usize| self.tree.actions[action].node.kind.as_str();
        let around = self.tree.containers(index).any(|c| kind(c) == "foreach");
        let fine = around || OWN.contains(&kind(index));
        (!fine).then(|| self.no_item(text))
    }

    fn no_item(&self, text: &Compiled) -> Fault {
        let message = format!(
            "The function 'item' has no item in {}: it stands in no loop.",
            self.owner(text)
        );
        Fault::warning(&text.pointer, message)
    }

    fn variable(&self, text: &Compiled, name: &str) -> Option<Fault> {
        let Some((declared, _)) = self.variables.declared.get(&name.to_lowercase()) else {
            if self.variables.open {
                return None;
            }
            let node = match text.owner {
                Owner::Action(index) => &self.tree.actions[index].node,
                Owner::Trigger(index) => &self.tree.triggers[index],
                Owner::Output => {
                    let message = format!("The variable '{name}' is not initialised anywhere.");
                    return Some(Fault::error(&text.pointer, message));
                }
            };
            let at = text.pointer.clone();
            return Some(variables::undefined(node, name, self.variables, at));
        };
        match text.owner {
            Owner::Trigger(_) => {
                let message = format!(
                    "The variable '{name}' is used in {}, where no variable is there yet.",
                    self.owner(text)
                );
                Some(Fault::error(&text.pointer, message))
            }
            Owner::Output => None,
            Owner::Action(index) => self
                .self_reference(index, name, text)
                .or_else(|| self.initialized(index, *declared, name, &text.pointer)),
        }
    }

    fn self_reference(&self, index: usize, name: &str, text: &Compiled) -> Option<Fault> {
        let node = &self.tree.actions[index].node;
        let inputs = node.get("inputs")?.as_object()?;
        if node.kind != "setvariable" || text.section != "inputs" {
            return None;
        }
        if !same_name(variables::named(inputs)?, name) {
            return None;
        }
        let message = format!(
            "The inputs of workflow run action '{}' of type '{}' are not valid. Self reference is not \
             supported when updating the value of variable '{name}'.",
            node.name,
            node.type_name()
        );
        let hint = "Compute the new value in a 'Compose' before it, or use 'IncrementVariable' or one \
                    of the append actions.";
        Some(Fault::error(&text.pointer, message).hint(hint))
    }

    /// That the variable is there when the action runs.
    fn initialized(
        &self,
        index: usize,
        declared: usize,
        name: &str,
        pointer: &str,
    ) -> Option<Fault> {
        let node = &self.tree.actions[index].node;
        let late = || {
            let message = format!(
                "The inputs of workflow run action '{}' of type '{}' are not valid. The variable \
                 '{name}' must be initialized before it can be used inside action '{}'.",
                node.name,
                node.type_name(),
                node.name
            );
            let hint = format!(
                "'{}' initialises it, but not before.",
                self.tree.actions[declared].node.name
            );
            (message, hint)
        };
        match self.relation(index, declared) {
            Relation::Before | Relation::Inside | Relation::Around => None,
            Relation::Itself | Relation::After => {
                let (message, hint) = late();
                Some(Fault::error(pointer, message).hint(hint))
            }
            Relation::Beside => {
                let (message, hint) = late();
                Some(Fault::warning(pointer, message).hint(hint))
            }
        }
    }

    fn changed_variable(&self, index: usize, node: &Node<'_>) -> Option<Fault> {
        const CHANGES: [&str; 5] = [
            "setvariable",
            "incrementvariable",
            "decrementvariable",
            "appendtoarrayvariable",
            "appendtostringvariable",
        ];
        if !CHANGES.contains(&node.kind.as_str()) {
            return None;
        }
        let name = variables::named(node.get("inputs")?.as_object()?)?;
        let (declared, _) = self.variables.declared.get(&name.to_lowercase())?;
        let pointer = format!("{}/name", node.at("inputs"));
        self.initialized(index, *declared, name, &pointer)
    }

    fn in_loop(&self, text: &Compiled, name: &str, kind: &str) -> Option<Fault> {
        let Some(target) = self.tree.action(name) else {
            let message = format!(
                "The repetition action(s) '{name}' referenced by '{}' in {} are not defined in the \
                 template.",
                text.section,
                self.owner(text)
            );
            return Some(self.with_nearest(Fault::error(&text.pointer, message), name));
        };
        let right = self.tree.actions[target].node.kind == kind;
        let around = match text.owner {
            Owner::Action(index) => {
                // An Until counts in its own condition, too.
                let own = index == target && kind == "until";
                own || self.tree.containers(index).any(|c| c == target)
            }
            Owner::Trigger(_) | Owner::Output => false,
        };
        if right && around {
            return None;
        }
        let functions = match kind {
            "foreach" => "'repeatItems' or 'items' functions",
            _ => "the function 'iterationIndexes'",
        };
        let owner = self.owner(text);
        let message = format!(
            "The {} of template {owner} is invalid. Action '{name}' must be a parent '{kind}' scope \
             of {owner} to be referenced by {functions}.",
            text.section
        );
        Some(Fault::error(&text.pointer, message))
    }

    fn action(&self, text: &Compiled, name: &str) -> Option<Fault> {
        let Some(target) = self.tree.action(name) else {
            if self.tree.trigger(name).is_some() {
                return None;
            }
            let message = format!(
                "The action(s) '{name}' referenced by '{}' in {} are not defined in the template.",
                text.section,
                self.owner(text)
            );
            let fault = match text.owner {
                // The peer takes it: what ran is not known before it ran.
                Owner::Output => Fault::warning(&text.pointer, message),
                Owner::Trigger(_) | Owner::Action(_) => Fault::error(&text.pointer, message),
            };
            return Some(self.with_nearest(fault, name));
        };
        let index = match text.owner {
            Owner::Output => return None,
            Owner::Trigger(_) => {
                let message = format!(
                    "The {} of {} cannot reference action '{name}': it runs before every action.",
                    text.section,
                    self.owner(text)
                );
                return Some(Fault::error(&text.pointer, message));
            }
            Owner::Action(index) => index,
        };
        // What is evaluated at the end sees what was inside.
        let node = &self.tree.actions[index].node;
        let at_end = text.section == "trackedProperties"
            || (node.kind == "until" && text.section == "expression");
        match self.relation(index, target) {
            Relation::Before => return None,
            Relation::Inside | Relation::Itself if at_end => return None,
            _ => {}
        }
        let message = format!(
            "The {} of template {} cannot reference action '{name}'. Action '{name}' must either be \
             in 'runAfter' path, or be within a scope action on the 'runAfter' path of action '{}', \
             or be a Trigger.",
            text.section,
            self.owner(text),
            node.name
        );
        Some(Fault::error(&text.pointer, message))
    }

    fn with_nearest(&self, fault: Fault, name: &str) -> Fault {
        match nearest(name, self.tree.names()) {
            Some(meant) => fault.hint(format!("Did you mean '{meant}'?")),
            None => fault,
        }
    }

    /// How `target` stands to `action`.
    fn relation(&self, action: usize, target: usize) -> Relation {
        if action == target {
            return Relation::Itself;
        }
        let level = |action: usize| self.tree.actions[action].level;
        let own: Vec<usize> = std::iter::once(action)
            .chain(self.tree.containers(action))
            .collect();
        for other in std::iter::once(target).chain(self.tree.containers(target)) {
            let Some(mine) = own.iter().find(|mine| level(**mine) == level(other)) else {
                continue;
            };
            return match (*mine == other, *mine == action, other == target) {
                (true, _, true) => Relation::Around,
                (true, true, false) => Relation::Inside,
                // Another branch of the same container.
                (true, false, false) => Relation::Beside,
                (false, _, _) if self.order.is_before(other, *mine) => Relation::Before,
                (false, _, _) if self.order.is_before(*mine, other) => Relation::After,
                (false, _, _) => Relation::Beside,
            };
        }
        Relation::Beside
    }
}
