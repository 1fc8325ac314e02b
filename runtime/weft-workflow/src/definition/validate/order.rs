//! What runs after what: the statuses asked for, names that do not exist, circles.

use std::collections::VecDeque;

use crate::value::{Object, Value};

use super::super::fault::{Fault, child, nearest};
use super::Report;
use super::literal::is_later;
use super::tree::{Level, Node, Tree};

const STATUSES: [&str; 4] = ["Succeeded", "Failed", "Skipped", "TimedOut"];

/// For every action those of its own level that end before it starts.
pub(super) struct Order {
    before: Vec<Bits>,
    /// Where in its level an action stands.
    position: Vec<usize>,
}

#[derive(Debug, Clone, Default)]
struct Bits(Vec<u64>);

impl Bits {
    fn set(&mut self, index: usize) {
        if self.0.len() <= index / 64 {
            self.0.resize(index / 64 + 1, 0);
        }
        self.0[index / 64] |= 1 << (index % 64);
    }

    fn get(&self, index: usize) -> bool {
        let word = self.0.get(index / 64).copied().unwrap_or_default();
        word >> (index % 64) & 1 == 1
    }

    fn add(&mut self, other: &Bits) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }
}

impl Order {
    pub(super) fn of(tree: &Tree<'_>, report: &mut Report) -> Order {
        let mut order = Order {
            before: vec![Bits::default(); tree.actions.len()],
            position: vec![0; tree.actions.len()],
        };
        for level in &tree.levels {
            for (position, action) in level.actions.iter().enumerate() {
                order.position[*action] = position;
            }
            let edges: Vec<Vec<usize>> = level
                .actions
                .iter()
                .map(|action| predecessors(tree, level, &order.position, *action, report))
                .collect();
            order.close(tree, level, edges, report);
        }
        order
    }

    /// Whether `earlier` always ends before `action` starts; both are of one level.
    pub(super) fn is_before(&self, earlier: usize, action: usize) -> bool {
        self.before[action].get(self.position[earlier])
    }

    /// Whether neither of two actions of one level waits for the other.
    pub(super) fn is_beside(&self, one: usize, other: usize) -> bool {
        one != other && !self.is_before(one, other) && !self.is_before(other, one)
    }

    /// Predecessors of predecessors; a circle is told and then has everything before it.
    fn close(
        &mut self,
        tree: &Tree<'_>,
        level: &Level,
        mut edges: Vec<Vec<usize>>,
        report: &mut Report,
    ) {
        let count = level.actions.len();
        let mut done = vec![false; count];
        loop {
            let left = self.settle(level, &edges, &mut done);
            let Some(start) = left else {
                return;
            };
            let circle = circle(&edges, &done, start);
            tell(tree, level, &circle, report);
            for position in circle {
                let bits = &mut self.before[level.actions[position]];
                (0..count).for_each(|other| bits.set(other));
                edges[position].clear();
                done[position] = true;
            }
        }
    }

    /// Everything whose predecessors are done; one that is not, if any.
    fn settle(&mut self, level: &Level, edges: &[Vec<usize>], done: &mut [bool]) -> Option<usize> {
        let count = edges.len();
        let mut successors: Vec<Vec<usize>> = vec![Vec::new(); count];
        let mut waiting = vec![0_usize; count];
        for (position, predecessors) in edges.iter().enumerate() {
            for predecessor in predecessors {
                if !done[*predecessor] {
                    successors[*predecessor].push(position);
                    waiting[position] += 1;
                }
            }
        }
        let mut ready: VecDeque<usize> = (0..count)
            .filter(|position| !done[*position] && waiting[*position] == 0)
            .collect();
        while let Some(position) = ready.pop_front() {
            done[position] = true;
            let mut bits = Bits::default();
            for predecessor in &edges[position] {
                bits.set(*predecessor);
                bits.add(&self.before[level.actions[*predecessor]]);
            }
            self.before[level.actions[position]] = bits;
            for successor in &successors[position] {
                waiting[*successor] -= 1;
                if waiting[*successor] == 0 {
                    ready.push_back(*successor);
                }
            }
        }
        done.iter().position(|done| !done)
    }
}

/// From a node that never gets ready, predecessors lead to a circle.
fn circle(edges: &[Vec<usize>], done: &[bool], start: usize) -> Vec<usize> {
    let mut seen = vec![None; edges.len()];
    let mut path = Vec::new();
    let mut at = start;
    while seen[at].is_none() {
        seen[at] = Some(path.len());
        path.push(at);
        let next = edges[at].iter().find(|predecessor| !done[**predecessor]);
        at = *next.expect("what is not done waits for something that is not done");
    }
    path.split_off(seen[at].expect("it was seen"))
}

fn tell(tree: &Tree<'_>, level: &Level, circle: &[usize], report: &mut Report) {
    let nodes: Vec<&Node<'_>> = circle
        .iter()
        .rev()
        .map(|position| &tree.actions[level.actions[*position]].node)
        .collect();
    let names: Vec<String> = nodes
        .iter()
        .map(|node| format!("'{}'", node.name))
        .collect();
    let message = match names.as_slice() {
        [one] => format!("The template action {one} runs after itself."),
        _ => format!(
            "The template actions {} run after each other: none of them can start.",
            names.join(", ")
        ),
    };
    let hint = "Take one of them out of the 'runAfter' of another.";
    report.add(Fault::error(nodes[0].at("runAfter"), message).hint(hint));
}

/// Positions in the level.
fn predecessors(
    tree: &Tree<'_>,
    level: &Level,
    positions: &[usize],
    action: usize,
    report: &mut Report,
) -> Vec<usize> {
    let node = &tree.actions[action].node;
    let pointer = node.at("runAfter");
    let run_after = match node.get("runAfter") {
        Some(Value::Object(run_after)) => run_after,
        None | Some(Value::Null) => return Vec::new(),
        Some(other) => {
            let message = format!(
                "The 'runAfter' property of template action '{}' is not valid: it should be an \
                 object and is of type '{}'.",
                node.name,
                other.kind()
            );
            report.error(pointer, message);
            return Vec::new();
        }
    };
    statuses(node, run_after, &pointer, report);
    let mut found = Vec::new();
    for (name, _) in run_after.iter() {
        match level.by_name.get(&name.to_lowercase()) {
            Some(other) => found.push(positions[*other]),
            None if tree.trigger(name).is_some() => {}
            None => unknown(tree, level, node, name, &child(&pointer, name), report),
        }
    }
    found
}

fn unknown(
    tree: &Tree<'_>,
    level: &Level,
    node: &Node<'_>,
    name: &str,
    pointer: &str,
    report: &mut Report,
) {
    let siblings = level
        .actions
        .iter()
        .map(|action| tree.actions[*action].node.name)
        .filter(|other| *other != node.name);
    if tree.action(name).is_some() {
        let siblings: Vec<&str> = siblings.take(20).collect();
        let message = format!(
            "The 'runAfter' property of template action '{}' is not valid: the action '{name}' must \
             belong to same level as action '{}'. Available actions on same level: '{}'.",
            node.name,
            node.name,
            siblings.join(", ")
        );
        report.error(pointer, message);
        return;
    }
    let message = format!(
        "The 'runAfter' property of template action '{}' contains non-existent action: '{name}'.",
        node.name
    );
    let fault = Fault::error(pointer, message);
    report.add(match nearest(name, siblings) {
        Some(meant) => fault.hint(format!("Did you mean '{meant}'?")),
        None => fault,
    });
}

fn statuses(node: &Node<'_>, run_after: &Object, pointer: &str, report: &mut Report) {
    for (name, statuses) in run_after.iter() {
        let at = child(pointer, name);
        let Some(items) = statuses.as_array() else {
            if !is_later(statuses) {
                let message = format!(
                    "The 'runAfter' property of template action '{}' is not valid: the statuses of \
                     '{name}' should be an array.",
                    node.name
                );
                report.error(at, message);
            }
            continue;
        };
        if items.is_empty() {
            let message = format!(
                "The 'runAfter' property of template action '{}' asks '{name}' for no status: the \
                 action is always skipped.",
                node.name
            );
            report.warning(&at, message);
        }
        for (index, status) in items.iter().enumerate() {
            let known = status
                .as_str()
                .is_some_and(|status| STATUSES.iter().any(|s| s.eq_ignore_ascii_case(status)));
            if !known && !is_later(status) {
                let message = format!(
                    "The 'runAfter' property of template action '{}' is not valid: '{}' is no \
                     status.",
                    node.name,
                    status.to_text()
                );
                let fault = Fault::error(format!("{at}/{index}"), message);
                report.unknown(fault, &status.to_text(), STATUSES);
            }
        }
    }
}
