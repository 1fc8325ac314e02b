//! A run as its history shows it: derived from the recorded events by running the interpreter over
//! them, so that nothing has to be written for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_orchestration::{Event, EventKind, Limits, Outcome, Replay, Timestamp};

use crate::program::{ActionId, GraphRef, Kind, Program};
use crate::value::{Object, Value};

use super::state::{End, FrameId, Record, error, object};
use super::{Run, Settings, Status, moment};

/// A run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunView {
    pub status: Status,
    pub code: Option<String>,
    pub error: Option<Value>,
    /// `{name: {type, value}}`.
    pub outputs: Value,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    /// The trigger's object.
    pub trigger: Value,
    pub client_tracking_id: String,
    /// The run that this one repeats in part.
    pub resubmitted_from: Option<String>,
    /// Every action, in the order of the definition.
    pub actions: Vec<ActionView>,
}

/// An action, over all its repetitions.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionView {
    pub name: Arc<str>,
    /// Its type as the author wrote it.
    pub kind: Arc<str>,
    pub status: Status,
    /// `NotSpecified` where the action has none of its own.
    pub code: Arc<str>,
    pub error: Option<Value>,
    /// Absent where they are secured.
    pub inputs: Option<Value>,
    pub outputs: Option<Value>,
    pub secure_inputs: bool,
    pub secure_outputs: bool,
    pub started: Option<Timestamp>,
    pub ended: Option<Timestamp>,
    pub tracking_id: String,
    pub tracked: Option<Value>,
    pub retries: Vec<RetryView>,
    /// How often it stands in the run, for an action inside of a loop.
    pub repetitions: Option<u64>,
    /// Iterations of a loop so far.
    pub iterations: Option<u64>,
    /// Items of a Foreach.
    pub items: Option<u64>,
    /// Whether a run may be repeated from here.
    pub can_resubmit: bool,
}

/// An attempt that was followed by another.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryView {
    pub started: Timestamp,
    pub ended: Timestamp,
    pub code: Arc<str>,
    pub error: Option<Value>,
}

/// One repetition of an action inside of loops.
#[derive(Debug, Clone, PartialEq)]
pub struct RepetitionView {
    /// The loops around it, from the outside in, with the iteration of each.
    pub indexes: Vec<(Arc<str>, u64)>,
    pub action: ActionView,
}

/// Where an action stands: the indexes of the loops around it, and its frame where there is one,
/// else the container that has none for it.
struct Occurrence {
    indexes: Vec<(Arc<str>, u64)>,
    at: At,
}

enum At {
    Frame(FrameId),
    /// No frame was made; `branch` where another one was taken.
    Absent {
        container: Box<Record>,
        branch: bool,
    },
}

impl Run {
    /// A run as its recorded history leaves it. Nothing that it asks for takes effect.
    #[must_use]
    pub fn over(
        program: Arc<Program>,
        settings: Arc<Settings>,
        instance: weft_id::InstanceId,
        mut history: Vec<Event>,
        limits: Limits,
    ) -> Self {
        let ended = history
            .iter()
            .position(|event| matches!(event.kind, EventKind::ExecutionCompleted { .. }));
        if let Some(at) = ended {
            history.truncate(at);
        }
        let now = history
            .last()
            .map_or(Timestamp::default(), |event| event.at);
        let mut run = Self::new(program, settings, Replay::new(instance, history, limits));
        run.turn(Vec::new(), now);
        run
    }

    /// The run. `outcome` is how its instance has ended, where it has.
    #[must_use]
    pub fn view(&self, outcome: Option<(&Outcome, Timestamp)>) -> RunView {
        let mut view = RunView {
            status: Status::Running,
            code: None,
            error: None,
            outputs: Value::Object(Object::new()),
            started: self.started,
            ended: outcome.map(|(_, at)| at),
            trigger: self.trigger.clone(),
            client_tracking_id: self.tracking_id(),
            resubmitted_from: self.start.kept.as_ref().map(|kept| kept.run.clone()),
            actions: Vec::new(),
        };
        let over = match (&self.ended, outcome) {
            (_, Some((Outcome::Terminated { reason }, _))) => {
                view.status = Status::Cancelled;
                view.code = Some("Cancelled".to_owned());
                view.error = (!reason.is_empty()).then(|| error("Cancelled", reason.clone()));
                true
            }
            (Some(end), _) => {
                view.status = end.status;
                view.code.clone_from(&end.code);
                view.error.clone_from(&end.error);
                view.outputs = end.outputs.clone();
                true
            }
            (None, Some((Outcome::Failed(failure), _))) => {
                view.status = Status::Failed;
                view.code = Some(failure.kind.clone());
                view.error = Some(error(&failure.kind, failure.message.clone()));
                true
            }
            (None, Some((Outcome::Completed(_), _)) | None) => false,
        };
        view.actions = self
            .program
            .ids()
            .map(|id| self.action_view(id, over))
            .collect();
        view
    }

    /// The repetitions of an action inside of loops; `None` for a name that no action has, empty
    /// for an action that is in no loop.
    #[must_use]
    pub fn repetitions(&self, name: &str, over: bool) -> Option<Vec<RepetitionView>> {
        let id = self.program.find(name)?;
        let repeated = self.occurrences(id).into_iter();
        let repeated = repeated.filter(|occurrence| !occurrence.indexes.is_empty());
        let views = repeated.map(|occurrence| {
            let record = self.record_at(id, &occurrence.at);
            RepetitionView {
                action: self.shown_record(id, &record, &occurrence.indexes, over),
                indexes: occurrence.indexes,
            }
        });
        Some(views.collect())
    }

    /// Variables by name: `{type, value}`.
    #[must_use]
    pub fn variables(&self) -> BTreeMap<String, Value> {
        self.shown_variables()
    }

    fn action_view(&self, id: ActionId, over: bool) -> ActionView {
        let occurrences = self.occurrences(id);
        let repeated = occurrences.iter().filter(|o| !o.indexes.is_empty()).count();
        let records: Vec<Record> = occurrences
            .iter()
            .map(|occurrence| self.record_at(id, &occurrence.at))
            .collect();
        let worst = [Status::Running, Status::Failed, Status::TimedOut]
            .into_iter()
            .find_map(|status| records.iter().find(|record| record.status == status));
        let shown = worst
            .or_else(|| records.iter().rev().find(|r| r.status != Status::Skipped))
            .or_else(|| records.last())
            .cloned()
            .unwrap_or_default();
        let mut view = self.shown_record(id, &shown, &[], over);
        view.repetitions = (repeated > 0).then_some(repeated as u64);
        view
    }

    /// Every place where an action stands in the run.
    fn occurrences(&self, id: ActionId) -> Vec<Occurrence> {
        let mut chain = Vec::new();
        let mut inner = id;
        while let Some(container) = self.program.parent(inner) {
            chain.push((container, self.program.action(inner).graph));
            inner = container;
        }
        let mut found = vec![Occurrence {
            indexes: Vec::new(),
            at: At::Frame(FrameId(0)),
        }];
        if self.frames.is_empty() {
            return Vec::new();
        }
        for (container, graph) in chain.into_iter().rev() {
            found = found
                .into_iter()
                .flat_map(|occurrence| self.inside(occurrence, container, graph))
                .collect();
        }
        found
    }

    fn inside(
        &self,
        occurrence: Occurrence,
        container: ActionId,
        graph: GraphRef,
    ) -> Vec<Occurrence> {
        let Occurrence { indexes, at } = occurrence;
        let At::Frame(frame) = at else {
            // Inside of what was never entered, everything depends on the nearest container.
            let record = self.record_at(container, &at);
            let at = At::Absent {
                container: Box::new(record),
                branch: false,
            };
            return vec![Occurrence { indexes, at }];
        };
        let action = self.program.action(container);
        let slot = &self.frame(frame).slots[action.position];
        let entered: Vec<FrameId> = slot
            .frames
            .iter()
            .copied()
            .filter(|inner| self.frame(*inner).graph == graph)
            .collect();
        if entered.is_empty() {
            let at = At::Absent {
                container: Box::new(slot.record.clone()),
                branch: !slot.frames.is_empty(),
            };
            return vec![Occurrence { indexes, at }];
        }
        entered
            .into_iter()
            .map(|inner| {
                let mut indexes = indexes.clone();
                if let Some(iteration) = &self.frame(inner).iteration {
                    indexes.push((action.name.clone(), iteration.index));
                }
                Occurrence {
                    indexes,
                    at: At::Frame(inner),
                }
            })
            .collect()
    }

    /// The record of an action where it stands; one that says why where it was never entered.
    fn record_at(&self, id: ActionId, at: &At) -> Record {
        let action = self.program.action(id);
        let (container, branch) = match at {
            At::Frame(frame) => return self.frame(*frame).slots[action.position].record.clone(),
            At::Absent { container, branch } => (container, *branch),
        };
        if !container.status.is_terminal() && !branch {
            return Record::default();
        }
        let name = &action.name;
        let end = match (action.run_after.first(), branch, self.program.parent(id)) {
            (Some(after), _, _) => {
                let before = self.program.graph(action.graph)[after.position];
                let expected: Vec<_> = after.statuses.iter().map(|s| s.as_str()).collect();
                End::skipped(
                    "ActionConditionFailed",
                    format!(
                        "The execution of template action '{name}' is skipped: the 'runAfter' \
                         condition for action '{}' is not satisfied. Expected status values '{}' \
                         and actual value 'Skipped'.",
                        self.program.action(before).name,
                        expected.join(", "),
                    ),
                )
            }
            (None, true, _) => End::skipped(
                "ActionBranchingConditionNotSatisfied",
                format!(
                    "The execution of template action '{name}' skipped: the branching condition \
                     for this action is not satisfied."
                ),
            ),
            (None, false, parent) => {
                let parent = parent.map(|parent| self.program.action(parent).name.to_string());
                let code = container.code.as_deref().unwrap_or("NotSpecified");
                End::skipped(
                    "ActionDependencyFailed",
                    format!(
                        "The execution of template action '{name}' is skipped: dependant action \
                         '{}' completed with status '{}' and code '{code}'.",
                        parent.unwrap_or_default(),
                        container.status,
                    ),
                )
            }
        };
        Record {
            status: end.status,
            code: end.code,
            error: end.error,
            started: container.ended,
            ended: container.ended,
            ..Record::default()
        }
    }

    fn shown_record(
        &self,
        id: ActionId,
        record: &Record,
        indexes: &[(Arc<str>, u64)],
        over: bool,
    ) -> ActionView {
        let action = self.program.action(id);
        let is_loop = matches!(action.kind, Kind::Foreach { .. } | Kind::Until { .. });
        let items = match (&action.kind, &record.inputs) {
            (Kind::Foreach { .. }, Some(Value::Array(items))) => Some(items.len() as u64),
            _ => None,
        };
        let status = match (record.status, over) {
            (Status::Running, true) => Status::Cancelled,
            (Status::Waiting, true) => Status::Skipped,
            (status, _) => status,
        };
        let code = match (&record.code, status) {
            (Some(code), _) => code.clone(),
            (None, Status::Skipped) => "ActionSkipped".into(),
            (None, _) => "NotSpecified".into(),
        };
        // Whatever refers to secured outputs may show them again.
        let secure = action.secure;
        let inputs = record.inputs.clone().filter(|_| items.is_none());
        ActionView {
            name: action.name.clone(),
            kind: action.kind_name.clone(),
            status,
            code,
            error: record.error.clone(),
            inputs: inputs.filter(|_| !secure.inputs).map(without_secrets),
            outputs: record.outputs.clone().filter(|_| !secure.outputs),
            secure_inputs: secure.inputs,
            secure_outputs: secure.outputs,
            started: record.started,
            ended: record.ended,
            tracking_id: self.action_tracking_id(id, indexes),
            tracked: record.tracked.clone(),
            retries: record
                .retries
                .iter()
                .map(|retry| RetryView {
                    started: retry.started,
                    ended: retry.ended,
                    code: retry.code.clone(),
                    error: retry.error.clone(),
                })
                .collect(),
            repetitions: None,
            iterations: (is_loop && indexes.is_empty()).then(|| self.iterations(id)),
            items,
            can_resubmit: status.is_terminal()
                && status != Status::Skipped
                && self.program.loop_around(id).is_none(),
        }
    }

    fn iterations(&self, id: ActionId) -> u64 {
        let position = self.program.action(id).position;
        let frames = self.occurrences(id).into_iter().map(|o| match o.at {
            At::Frame(frame) => self.frame(frame).slots[position].frames.len() as u64,
            At::Absent { .. } => 0,
        });
        frames.sum()
    }

    fn action_tracking_id(&self, id: ActionId, indexes: &[(Arc<str>, u64)]) -> String {
        let namespace = uuid::Uuid::from_u64_pair(self.seed, self.seed.rotate_left(1));
        let path: Vec<String> = indexes.iter().map(|(_, index)| index.to_string()).collect();
        let text = format!("{}/{}", self.program.action(id).name, path.join("/"));
        uuid::Uuid::new_v5(&namespace, text.as_bytes()).to_string()
    }

    /// An action as expressions see it.
    pub(super) fn object_of(&self, id: ActionId, record: &Record) -> Value {
        let action = self.program.action(id);
        let time = |at: Option<Timestamp>| at.map(|at| Value::from(moment(at).to_string()));
        object([
            ("name", Some(Value::from(action.name.clone()))),
            ("inputs", record.inputs.clone()),
            ("outputs", record.outputs.clone()),
            ("startTime", time(record.started)),
            ("endTime", time(record.ended)),
            (
                "trackingId",
                Some(Value::from(self.action_tracking_id(id, &[]))),
            ),
            ("clientTrackingId", Some(Value::from(self.tracking_id()))),
            ("status", Some(Value::from(record.status.as_str()))),
            (
                "code",
                Some(match &record.code {
                    Some(code) => Value::from(code.clone()),
                    None => Value::from("NotSpecified"),
                }),
            ),
            ("error", record.error.clone()),
            ("trackedProperties", record.tracked.clone()),
        ])
    }

    /// What `workflow()` gives.
    pub(super) fn workflow_object(&self) -> Value {
        let name = &*self.settings.workflow;
        let run = self.replay.instance().to_string();
        let id = format!("/workflows/{name}");
        let run = object([
            ("id", Some(Value::from(format!("{id}/runs/{run}")))),
            ("name", Some(Value::from(run))),
            ("type", Some(Value::from("workflows/runs"))),
        ]);
        object([
            ("id", Some(Value::from(id))),
            ("name", Some(Value::from(name))),
            ("type", Some(Value::from("workflows"))),
            ("location", Some(Value::from("local"))),
            ("tags", Some(Value::Object(Object::new()))),
            ("run", Some(run)),
        ])
    }
}

/// The record of an action that an earlier run has left.
pub(super) fn record_of(shown: &Value, now: Timestamp) -> Record {
    let status = shown.get("status").map(Value::to_text).unwrap_or_default();
    let time = |name: &str| {
        let text = shown.get(name).map(Value::to_text)?;
        let at: jiff::Timestamp = text.parse().ok()?;
        Some(Timestamp::from_millis(
            u64::try_from(at.as_millisecond()).ok()?,
        ))
    };
    Record {
        status: status.parse().unwrap_or(Status::Succeeded),
        code: shown.get("code").map(|code| code.to_text().into()),
        error: shown.get("error").cloned(),
        inputs: shown.get("inputs").cloned(),
        deferred: Vec::new(),
        outputs: shown.get("outputs").cloned(),
        started: time("startTime").or(Some(now)),
        ended: time("endTime").or(Some(now)),
        tracked: shown.get("trackedProperties").cloned(),
        retries: Vec::new(),
        order: 0,
    }
}

/// Inputs without what authenticates a request.
fn without_secrets(inputs: Value) -> Value {
    match inputs {
        Value::Object(mut object) if object.get("authentication").is_some() => {
            let kind = object
                .remove("authentication")
                .and_then(|a| a.get("type").cloned());
            object.insert("authentication", super::state::object([("type", kind)]));
            Value::Object(object)
        }
        inputs => inputs,
    }
}
