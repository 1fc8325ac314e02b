//! The triggers and actions of a definition, with the containers they stand in.

use std::collections::HashMap;

use crate::value::{Object, Value};

use super::super::fault::{Fault, child};
use super::types;
use super::{Report, limits};

pub(super) struct Tree<'d> {
    pub(super) triggers: Vec<Node<'d>>,
    /// Containers before what they hold.
    pub(super) actions: Vec<Action<'d>>,
    pub(super) levels: Vec<Level>,
    by_name: HashMap<String, usize>,
}

/// A trigger, or the part of an action that both have.
pub(super) struct Node<'d> {
    pub(super) name: &'d str,
    pub(super) pointer: String,
    pub(super) value: &'d Object,
    /// In lower case; empty where there is none.
    pub(super) kind: String,
}

pub(super) struct Action<'d> {
    pub(super) node: Node<'d>,
    pub(super) level: usize,
    /// Levels that it holds.
    pub(super) branches: Vec<usize>,
}

/// Actions that stand beside each other.
pub(super) struct Level {
    /// The container; `None` at the top.
    pub(super) owner: Option<usize>,
    pub(super) actions: Vec<usize>,
    pub(super) by_name: HashMap<String, usize>,
}

impl Node<'_> {
    pub(super) fn at(&self, member: &str) -> String {
        child(&self.pointer, member)
    }

    pub(super) fn get(&self, member: &str) -> Option<&Value> {
        self.value.get(member)
    }

    /// The type as it was written.
    pub(super) fn type_name(&self) -> &str {
        self.get("type").and_then(Value::as_str).unwrap_or_default()
    }
}

impl<'d> Tree<'d> {
    pub(super) fn build(definition: &'d Object, report: &mut Report) -> Tree<'d> {
        let mut tree = Tree {
            triggers: Vec::new(),
            actions: Vec::new(),
            levels: Vec::new(),
            by_name: HashMap::new(),
        };
        if let Some(triggers) = definition.get("triggers").and_then(Value::as_object) {
            tree.add_triggers(triggers, report);
        }
        if tree.triggers.is_empty() {
            report.warning(
                "/triggers",
                "The workflow has no trigger: nothing starts it.",
            );
        }
        match definition.get("actions").and_then(Value::as_object) {
            Some(actions) => {
                tree.add_level(actions, "/actions", None, 1, report);
            }
            None => tree.levels.push(Level {
                owner: None,
                actions: Vec::new(),
                by_name: HashMap::new(),
            }),
        }
        if tree.actions.is_empty() {
            report.warning("/actions", "The workflow has no action.");
        }
        let count = tree.actions.len();
        if count > limits::ACTIONS {
            let message = format!("The workflow has more than {} actions.", limits::ACTIONS);
            report.error("/actions", message);
        } else if count > limits::ACTIONS_USUAL {
            let message = format!(
                "The workflow has {count} actions; the peer takes {}.",
                limits::ACTIONS_USUAL
            );
            report.warning("/actions", message);
        }
        tree
    }

    fn add_triggers(&mut self, triggers: &'d Object, report: &mut Report) {
        if triggers.len() > limits::TRIGGERS {
            let message = format!(
                "The workflow has {} triggers; at most {} are allowed.",
                triggers.len(),
                limits::TRIGGERS
            );
            report.error("/triggers", message);
        }
        for (name, value) in triggers.iter() {
            let pointer = child("/triggers", name);
            check_name("trigger", name, &pointer, report);
            let Some(value) = value.as_object() else {
                let message = format!(
                    "The template trigger '{name}' is not valid: it should be an object and is of \
                     type '{}'.",
                    value.kind()
                );
                report.error(pointer, message);
                continue;
            };
            let kind = kind_of("trigger", name, value, &pointer, report);
            self.triggers.push(Node {
                name,
                pointer,
                value,
                kind,
            });
        }
    }

    /// Returns the index of the level.
    fn add_level(
        &mut self,
        actions: &'d Object,
        pointer: &str,
        owner: Option<usize>,
        depth: usize,
        report: &mut Report,
    ) -> usize {
        let level = self.levels.len();
        self.levels.push(Level {
            owner,
            actions: Vec::new(),
            by_name: HashMap::new(),
        });
        if depth > limits::NESTING && !actions.is_empty() {
            let message = format!(
                "The actions are nested deeper than {} levels.",
                limits::NESTING
            );
            let hint = "Move the inner actions to a workflow of their own and call that.";
            report.add(Fault::error(pointer, message).hint(hint));
        }
        for (name, value) in actions.iter() {
            if self.actions.len() > limits::ACTIONS {
                break;
            }
            self.add_action(name, value, &child(pointer, name), level, depth, report);
        }
        level
    }

    fn add_action(
        &mut self,
        name: &'d str,
        value: &'d Value,
        pointer: &str,
        level: usize,
        depth: usize,
        report: &mut Report,
    ) {
        check_name("action", name, pointer, report);
        let Some(object) = value.as_object() else {
            let message = format!(
                "The template action '{name}' is not valid: it should be an object and is of type \
                 '{}'.",
                value.kind()
            );
            report.error(pointer, message);
            return;
        };
        let index = self.actions.len();
        let lower = name.to_lowercase();
        match self.by_name.get(&lower) {
            Some(other) => {
                let message = format!(
                    "The action name '{name}' is used more than once; names of actions are unique \
                     in the whole workflow, whatever their letter case."
                );
                let hint = format!("The other one is at {}.", self.actions[*other].node.pointer);
                // Tools of agents are called by the names of tools: an action may stand in several.
                let tools = [level, self.actions[*other].level].map(|level| self.in_tool(level));
                report.add(match tools {
                    [true, true] => Fault::warning(pointer, message).hint(hint),
                    _ => Fault::error(pointer, message).hint(hint),
                });
            }
            None => {
                self.by_name.insert(lower.clone(), index);
            }
        }
        self.levels[level].by_name.insert(lower, index);
        self.levels[level].actions.push(index);
        let kind = kind_of("action", name, object, pointer, report);
        self.actions.push(Action {
            node: Node {
                name,
                pointer: pointer.to_owned(),
                value: object,
                kind,
            },
            level,
            branches: Vec::new(),
        });
        for (holder, at) in branches(object, pointer, report) {
            let branch = self.add_level(holder, &at, Some(index), depth + 1, report);
            self.actions[index].branches.push(branch);
        }
    }

    fn in_tool(&self, level: usize) -> bool {
        let owner = self.levels[level].owner;
        owner.is_some_and(|owner| self.actions[owner].node.kind == "agent")
    }

    pub(super) fn action(&self, name: &str) -> Option<usize> {
        self.by_name.get(&name.to_lowercase()).copied()
    }

    pub(super) fn trigger(&self, name: &str) -> Option<&Node<'d>> {
        let mut triggers = self.triggers.iter();
        triggers.find(|trigger| crate::value::same_name(trigger.name, name))
    }

    /// The containers around an action, from the inside.
    pub(super) fn containers(&self, action: usize) -> impl Iterator<Item = usize> {
        let owner = |action: &usize| self.levels[self.actions[*action].level].owner;
        std::iter::successors(owner(&action), owner)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.actions.iter().map(|action| action.node.name)
    }
}

/// The maps of actions that an action holds, whatever its type.
fn branches<'d>(
    action: &'d Object,
    pointer: &str,
    report: &mut Report,
) -> Vec<(&'d Object, String)> {
    let mut holders: Vec<(&'d Object, String)> = vec![(action, pointer.to_owned())];
    for member in ["else", "default"] {
        if let Some(Value::Object(holder)) = action.get(member) {
            holders.push((holder, format!("{pointer}/{member}")));
        }
    }
    for member in ["cases", "tools"] {
        if let Some(Value::Object(several)) = action.get(member) {
            for (name, holder) in several.iter() {
                let at = child(&format!("{pointer}/{member}"), name);
                holders.extend(holder.as_object().map(|holder| (holder, at)));
            }
        }
    }
    let mut found = Vec::new();
    for (holder, pointer) in holders {
        match holder.get("actions") {
            Some(Value::Object(actions)) => found.push((actions, format!("{pointer}/actions"))),
            None | Some(Value::Null) => {}
            Some(other) => {
                let message = format!(
                    "'actions' should be an object; it is of type '{}'.",
                    other.kind()
                );
                report.error(format!("{pointer}/actions"), message);
            }
        }
    }
    found
}

fn check_name(what: &str, name: &str, pointer: &str, report: &mut Report) {
    if name.trim().is_empty() {
        report.error(pointer, format!("The name of the {what} is empty."));
    } else if name.chars().count() > limits::NAME {
        let message = format!(
            "The name of the {what} '{name}' is longer than {} characters.",
            limits::NAME
        );
        report.error(pointer, message);
    }
}

/// The type in lower case.
fn kind_of(what: &str, name: &str, value: &Object, pointer: &str, report: &mut Report) -> String {
    let known: Vec<&str> = match what {
        "trigger" => types::TRIGGERS.to_vec(),
        _ => types::ACTIONS.to_vec(),
    };
    match value.get("type") {
        Some(Value::String(kind)) => {
            let lower = kind.to_lowercase();
            if !known.iter().any(|known| known.eq_ignore_ascii_case(kind))
                && !super::literal::later(kind)
            {
                let message =
                    format!("The type '{kind}' of template {what} '{name}' is not supported.");
                let fault = Fault::error(format!("{pointer}/type"), message);
                report.unknown(fault, kind, known);
            }
            lower
        }
        found => {
            let message = match found {
                None => format!("The template {what} '{name}' is not valid: it has no 'type'."),
                Some(other) => format!(
                    "The template {what} '{name}' is not valid: its 'type' is of type '{}'.",
                    other.kind()
                ),
            };
            report.error(pointer, message);
            String::new()
        }
    }
}
