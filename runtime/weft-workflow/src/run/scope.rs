//! A run as its expressions see it.

use std::cell::Cell;

use jiff::Timestamp;

use crate::expression::Scope;
use crate::program::{ActionId, Kind};
use crate::value::Value;

use super::Run;
use super::state::{FrameId, Record};

/// A place in a run: a frame, the action whose templates are evaluated, and the item of a Select or
/// Query, which is nearer than that of a loop.
pub(crate) struct Place<'a> {
    pub(crate) run: &'a Run,
    pub(crate) frame: FrameId,
    pub(crate) action: Option<ActionId>,
    pub(crate) item: Option<&'a Value>,
    random: Cell<u64>,
}

impl<'a> Place<'a> {
    pub(crate) fn new(run: &'a Run, frame: FrameId, action: Option<ActionId>) -> Self {
        // Every place draws numbers of its own, the same again in a replay.
        let at = action.map_or(0, |id| id.0 as u64 + 1);
        let seed = run.seed ^ (frame.0 as u64).rotate_left(32) ^ at.rotate_left(17);
        Self {
            run,
            frame,
            action,
            item: None,
            random: Cell::new(seed ^ run.steps.rotate_left(7)),
        }
    }

    /// The same place with an item.
    pub(crate) fn with_item(&self, item: &'a Value) -> Self {
        Self {
            run: self.run,
            frame: self.frame,
            action: self.action,
            item: Some(item),
            random: self.random.clone(),
        }
    }

    /// The frame of the loop of that name around this place.
    fn loop_frame(&self, name: &str) -> Option<FrameId> {
        let id = self.run.program.find(name)?;
        self.run
            .around(self.frame)
            .find(|frame| self.run.frame(*frame).graph.owner() == Some(id))
    }
}

impl Scope for Place<'_> {
    fn parameter(&self, name: &str) -> Option<Value> {
        self.run.parameters.get(&name.to_lowercase()).cloned()
    }

    fn variable(&self, name: &str) -> Option<Value> {
        let variable = self.run.variables.get(&name.to_lowercase())?;
        Some(variable.value.clone())
    }

    fn trigger(&self) -> Option<Value> {
        Some(self.run.trigger.clone())
    }

    fn action(&self, name: &str) -> Option<Value> {
        let Some(id) = self.run.program.find(name) else {
            let trigger = self.run.trigger.get("name").map(Value::to_text);
            return (trigger?.eq_ignore_ascii_case(name)).then(|| self.run.trigger.clone());
        };
        Some(self.run.shown(id, self.frame))
    }

    fn current_action(&self) -> Option<Value> {
        let id = self.action?;
        Some(self.run.shown(id, self.frame))
    }

    fn result(&self, scope: Option<&str>) -> Option<Value> {
        let id = match scope {
            Some(name) => self.run.program.find(name)?,
            None => self.run.frame(self.frame).graph.owner()?,
        };
        Some(self.run.results(id, self.frame))
    }

    fn item(&self) -> Option<Value> {
        if let Some(item) = self.item {
            return Some(item.clone());
        }
        self.run
            .around(self.frame)
            .find_map(|frame| self.run.frame(frame).iteration.as_ref()?.item.clone())
    }

    fn items(&self, loop_name: &str) -> Option<Value> {
        let frame = self.loop_frame(loop_name)?;
        self.run.frame(frame).iteration.as_ref()?.item.clone()
    }

    fn iteration_index(&self, loop_name: &str) -> Option<u64> {
        let frame = self.loop_frame(loop_name)?;
        Some(self.run.frame(frame).iteration.as_ref()?.index)
    }

    fn workflow(&self) -> Option<Value> {
        Some(self.run.workflow_object())
    }

    fn list_callback_url(&self) -> Option<Value> {
        let id = self.action?;
        matches!(self.run.program.action(id).kind, Kind::Webhook(..))
            .then(|| Value::from(self.run.callback_url(self.frame, id)))
    }

    fn app_setting(&self, name: &str) -> Option<Value> {
        self.run.settings.app_setting(name)
    }

    fn defers_setting(&self, name: &str) -> bool {
        self.run.settings.defers(name)
    }

    fn deferred_parameter(&self, name: &str) -> Option<String> {
        self.run
            .deferred_parameters
            .get(&name.to_lowercase())
            .cloned()
    }

    fn now(&self) -> Timestamp {
        super::moment(self.run.now)
    }

    /// SplitMix64: every seed gives a good sequence.
    fn random(&self) -> u64 {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Run {
    /// A frame and those around it, from the inside out.
    pub(crate) fn around(&self, frame: FrameId) -> impl Iterator<Item = FrameId> + '_ {
        std::iter::successors(Some(frame), |frame| self.frame(*frame).parent)
    }

    /// An action's object as it is seen from a frame: its own one where that is around the frame,
    /// else one whose outputs are those of all iterations.
    fn shown(&self, id: ActionId, from: FrameId) -> Value {
        let action = self.program.action(id);
        let around = self
            .around(from)
            .find(|frame| self.frame(*frame).graph == action.graph);
        if let Some(frame) = around {
            return self.object_of(id, &self.frame(frame).slots[action.position].record);
        }
        let (records, looped) = self.records(id, from);
        match (records.as_slice(), looped) {
            ([], _) => self.object_of(id, &Record::default()),
            ([record], false) => self.object_of(id, record),
            (records, _) => {
                let last = records[records.len() - 1];
                let outputs = records
                    .iter()
                    .map(|r| r.outputs.clone().unwrap_or_default());
                let all = Record {
                    outputs: Some(outputs.collect()),
                    ..last.clone()
                };
                self.object_of(id, &all)
            }
        }
    }

    /// The records of an action that is not around `from`, and whether a loop lies between.
    fn records(&self, id: ActionId, from: FrameId) -> (Vec<&Record>, bool) {
        // The containers from the action outwards, up to one that is around `from`.
        let mut chain = vec![id];
        let mut inner = id;
        let base = loop {
            let graph = self.program.action(inner).graph;
            if let Some(frame) = self.around(from).find(|f| self.frame(*f).graph == graph) {
                break frame;
            }
            match graph.owner() {
                Some(owner) => {
                    chain.push(owner);
                    inner = owner;
                }
                None => return (Vec::new(), false),
            }
        };
        let looped = chain[1..].iter().any(|id| {
            matches!(
                self.program.action(*id).kind,
                Kind::Foreach { .. } | Kind::Until { .. }
            )
        });
        let mut frames = vec![base];
        for window in chain.windows(2).rev() {
            let (inner, container) = (window[0], window[1]);
            let position = self.program.action(container).position;
            let graph = self.program.action(inner).graph;
            frames = frames
                .into_iter()
                .flat_map(|frame| self.frame(frame).slots[position].frames.iter().copied())
                .filter(|frame| self.frame(*frame).graph == graph)
                .collect();
        }
        let position = self.program.action(id).position;
        let records = frames
            .into_iter()
            .map(|frame| &self.frame(frame).slots[position].record);
        (records.collect(), looped)
    }

    /// What `result('scope')` gives: the actions directly inside, those of a loop with the outputs
    /// of every iteration.
    fn results(&self, scope: ActionId, from: FrameId) -> Value {
        let inside = self
            .program
            .ids()
            .filter(|id| self.program.parent(*id) == Some(scope));
        inside.map(|id| self.shown(id, from)).collect()
    }
}
