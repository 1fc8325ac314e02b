//! Repeating a run in part: what a run from some actions on takes over of an earlier one.
//!
//! What does not come after those actions is kept as it was, with the insides of scopes, branches and
//! loops. An action inside of scopes and branches is reached on the way that the run has taken: what is
//! around it goes on from there, and no condition is asked again. Variables are what the actions that
//! are kept have made of them. An action inside of a loop stands for as many as there were iterations:
//! a run is repeated from the loop itself, as with the peer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::program::{ActionId, GraphRef, Kind, Program};
use crate::value::{Object, Value};

use super::action::variables_after;
use super::start::Kept;
use super::state::{FrameId, Iteration};
use super::{Run, Status, view};

/// The member of a kept action that holds its insides.
const FRAMES: &str = "frames";
/// The member that tells when it ended, among all actions.
const ORDER: &str = "order";

/// Why a run cannot be repeated from an action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotResubmittable {
    #[error("No action is named to repeat the run from.")]
    Nothing,
    #[error("The workflow had no action '{0}' in this run.")]
    Unknown(String),
    #[error(
        "The action '{action}' lies inside of the loop '{around}', where it ran in several \
         iterations. A run is repeated from the loop: name '{around}'."
    )]
    InLoop { action: String, around: String },
    #[error(
        "The action '{0}' has not run: it was skipped, or never reached. A run is repeated from an \
         action that has run."
    )]
    NotRun(String),
}

/// What is gathered on the way through a run.
struct Gathered<'a> {
    from: &'a BTreeSet<ActionId>,
    /// The containers around them.
    around: BTreeSet<ActionId>,
    /// Actions on variables that are kept, with the order in which they ended.
    changes: Vec<(u64, ActionId, &'a Value)>,
}

impl Run {
    /// What a run from the actions `from` on takes over of this one.
    ///
    /// # Errors
    /// [`NotResubmittable`]
    pub fn kept_before(&self, from: &[String]) -> Result<Kept, NotResubmittable> {
        let ids = from.iter().map(|name| self.repeatable(name));
        let ids = ids.collect::<Result<BTreeSet<_>, _>>()?;
        if ids.is_empty() {
            return Err(NotResubmittable::Nothing);
        }
        let around = ids.iter().flat_map(|id| self.program.around(*id));
        let mut gathered = Gathered {
            from: &ids,
            around: around.collect(),
            changes: Vec::new(),
        };
        let actions = self.kept_of(FrameId(0), &mut gathered);
        let mut changes = gathered.changes;
        changes.sort_by_key(|(order, _, _)| *order);
        let changes = changes.into_iter().map(|(_, id, inputs)| (id, inputs));
        Ok(Kept {
            run: self.replay.instance().to_string(),
            actions,
            variables: variables_after(&self.program, changes),
        })
    }

    /// The action of that name, where a run can be repeated from it.
    fn repeatable(&self, name: &str) -> Result<ActionId, NotResubmittable> {
        let found = self.program.find(name);
        let id = found.ok_or_else(|| NotResubmittable::Unknown(name.to_owned()))?;
        let action = self.program.action(id);
        if let Some(around) = self.program.loop_around(id) {
            return Err(NotResubmittable::InLoop {
                action: action.name.to_string(),
                around: self.program.action(around).name.to_string(),
            });
        }
        let mut frames = self.frames.iter();
        let frame = frames.find(|frame| frame.graph == action.graph);
        let status = frame.map(|frame| frame.slots[action.position].record.status);
        match status {
            None | Some(Status::Waiting | Status::Skipped) => {
                Err(NotResubmittable::NotRun(action.name.to_string()))
            }
            Some(_) => Ok(id),
        }
    }

    /// What is kept of a frame, by the names of its actions.
    fn kept_of<'a>(
        &'a self,
        frame: FrameId,
        gathered: &mut Gathered<'a>,
    ) -> BTreeMap<String, Value> {
        let frame = self.frame(frame);
        let graph = self.program.graph(frame.graph);
        let again = self.again(graph, gathered);
        let mut kept = BTreeMap::new();
        for ((id, slot), again) in graph.iter().zip(&frame.slots).zip(again) {
            let record = &slot.record;
            let goes_on = gathered.around.contains(id);
            if again || !(goes_on || record.status.is_terminal()) {
                continue;
            }
            let action = self.program.action(*id);
            let shown = self.object_of(*id, record);
            let mut shown = shown.as_object().cloned().unwrap_or_default();
            if goes_on {
                shown.insert("status", Value::from(Status::Running.as_str()));
                for gone in ["endTime", "code", "error", "outputs", "trackedProperties"] {
                    shown.remove(gone);
                }
            }
            let on_variables = matches!(
                action.kind,
                Kind::InitializeVariable(_) | Kind::Variable(..)
            );
            if on_variables && record.status == Status::Succeeded {
                let inputs = record.inputs.as_ref();
                gathered
                    .changes
                    .extend(inputs.map(|inputs| (record.order, *id, inputs)));
                shown.insert(ORDER, Value::Int(record.order.cast_signed()));
            }
            let frames: Vec<Value> = slot
                .frames
                .iter()
                .map(|inner| self.kept_frame(*inner, gathered))
                .collect();
            if !frames.is_empty() {
                shown.insert(FRAMES, Value::from(frames));
            }
            kept.insert(action.name.to_string(), Value::Object(shown));
        }
        kept
    }

    fn kept_frame<'a>(&'a self, id: FrameId, gathered: &mut Gathered<'a>) -> Value {
        let actions: Object = self.kept_of(id, gathered).into_iter().collect();
        let frame = self.frame(id);
        let mut shown = Object::new();
        shown.insert("branch", Value::from(name_of(frame.graph)));
        if let Some(iteration) = &frame.iteration {
            shown.insert("index", Value::Int(iteration.index.cast_signed()));
        }
        shown.insert("actions", Value::Object(actions));
        Value::Object(shown)
    }

    /// Which actions of a graph run again, by their places: those that the run is repeated from, and
    /// what comes after these or after something that goes on.
    fn again(&self, graph: &[ActionId], gathered: &Gathered<'_>) -> Vec<bool> {
        let mut again = vec![false; graph.len()];
        let mut open = Vec::new();
        for (position, id) in graph.iter().enumerate() {
            if gathered.from.contains(id) {
                open.push(position);
            } else if gathered.around.contains(id) {
                open.extend(&self.program.action(*id).successors);
            }
        }
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut again[at], true) {
                open.extend(&self.program.action(graph[at]).successors);
            }
        }
        again
    }

    /// Takes over what the run that this one repeats in part has done in a frame. What the program has
    /// no more, or elsewhere, is left out.
    pub(super) fn restore(&mut self, frame: FrameId, kept: &BTreeMap<String, Value>) {
        let kept: BTreeMap<String, &Value> = kept
            .iter()
            .map(|(name, shown)| (name.to_lowercase(), shown))
            .collect();
        let program = Arc::clone(&self.program);
        for id in program.graph(self.frame(frame).graph) {
            let action = program.action(*id);
            let Some(shown) = kept.get(&action.name.to_lowercase()) else {
                continue;
            };
            let mut record = view::record_of(shown, self.now);
            record.order = count(shown, ORDER).unwrap_or_default();
            self.ends = self.ends.max(record.order);
            let frames = insides(&program, *id, shown);
            if record.status.is_terminal() {
                let here = &mut self.frames[frame.0];
                here.slots[action.position].record = record;
                here.open -= 1;
                for next in &action.successors {
                    here.slots[*next].pending -= 1;
                }
                self.restore_insides(frame, *id, frames, false);
            } else if !frames.is_empty() && !program.is_loop(*id) {
                record.started = Some(self.now);
                record.ended = None;
                self.frames[frame.0].slots[action.position].record = record;
                self.restore_insides(frame, *id, frames, true);
                self.watch_time(frame, *id);
            }
        }
    }

    fn restore_insides(
        &mut self,
        frame: FrameId,
        id: ActionId,
        frames: Vec<Inside>,
        goes_on: bool,
    ) {
        let items = match &self.slot_mut(frame, id).record.inputs {
            Some(Value::Array(items)) => Some(items.clone()),
            _ => None,
        };
        for inside in frames {
            let iteration = inside.index.map(|index| Iteration {
                index,
                item: items
                    .as_ref()
                    .and_then(|items| items.get(usize::try_from(index).ok()?).cloned()),
            });
            let inner = self.frame_of(inside.graph, Some(frame), iteration);
            self.slot_mut(frame, id).frames.push(inner);
            self.restore(inner, &inside.actions);
            if goes_on {
                self.enqueue_roots(inner);
            }
        }
    }
}

/// One of the frames of a kept container.
struct Inside {
    graph: GraphRef,
    /// Of an iteration.
    index: Option<u64>,
    actions: BTreeMap<String, Value>,
}

fn insides(program: &Program, id: ActionId, shown: &Value) -> Vec<Inside> {
    let frames = shown.get(FRAMES).and_then(Value::as_array);
    let frames = frames.into_iter().flat_map(|frames| frames.iter());
    let inside = |frame: &Value| {
        let graph = branch(id, &frame.get("branch")?.to_text())?;
        let actions = frame.get("actions").and_then(Value::as_object)?;
        let actions = actions.iter();
        Some(Inside {
            graph: Some(graph).filter(|graph| program.has_graph(*graph))?,
            index: count(frame, "index"),
            actions: actions
                .map(|(name, shown)| (name.to_string(), shown.clone()))
                .collect(),
        })
    };
    frames.filter_map(inside).collect()
}

fn count(value: &Value, member: &str) -> Option<u64> {
    u64::try_from(value.get(member)?.as_i64()?).ok()
}

/// Which graph of its container it is.
fn name_of(graph: GraphRef) -> String {
    match graph {
        GraphRef::Root | GraphRef::Body(_) => "actions".to_owned(),
        GraphRef::Else(_) => "else".to_owned(),
        GraphRef::Case(_, index) => format!("case {index}"),
        GraphRef::Default(_) => "default".to_owned(),
    }
}

fn branch(container: ActionId, name: &str) -> Option<GraphRef> {
    Some(match name {
        "actions" => GraphRef::Body(container),
        "else" => GraphRef::Else(container),
        "default" => GraphRef::Default(container),
        case => GraphRef::Case(container, case.strip_prefix("case ")?.parse().ok()?),
    })
}
