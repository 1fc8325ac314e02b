//! Containers: scopes, branches and loops, and the end of the run.

use std::sync::Arc;

use crate::program::{ActionId, GraphRef, Kind, duration_ms};
use crate::value::{Array, Object, Value};

use super::scope::Place;
use super::state::{End, Foreach, FrameId, Iteration, Progress, Until, error, object};
use super::status::{Judged, of_graph};
use super::{Run, RunEnd, Status, What};

/// Iterations of a Foreach; the peer's bound.
const ITEMS_MAX: usize = 100_000;
/// Iterations of an Until where the definition does not say, and at the most.
const COUNT_DEFAULT: u64 = 60;
const COUNT_MAX: u64 = 5_000;
const UNTIL_TIMEOUT_MS: u64 = 3_600_000;

const ACTION_FAILED: &str = "ActionFailed";
const NONE_SUCCEEDED: &str = "An action failed. No dependent actions succeeded.";

impl Run {
    /// Runs one graph of a container.
    pub(super) fn enter(
        &mut self,
        frame: FrameId,
        id: ActionId,
        graph: GraphRef,
        iteration: Option<Iteration>,
    ) {
        let inner = self.frame_of(graph, Some(frame), iteration);
        self.slot_mut(frame, id).frames.push(inner);
        self.enqueue_roots(inner);
    }

    pub(super) fn begin_if(&mut self, frame: FrameId, id: ActionId) -> Option<End> {
        let program = Arc::clone(&self.program);
        let Kind::If(condition) = &program.action(id).kind else {
            return None;
        };
        let holds = match self.holds(condition, frame, id) {
            Ok(holds) => holds,
            Err(end) => return Some(end),
        };
        let inputs = object([("expressionResult", Some(Value::from(holds)))]);
        self.slot_mut(frame, id).record.inputs = Some(inputs);
        let graph = match holds {
            true => GraphRef::Body(id),
            false => GraphRef::Else(id),
        };
        self.enter(frame, id, graph, None);
        None
    }

    fn holds(
        &mut self,
        condition: &crate::program::Condition,
        frame: FrameId,
        id: ActionId,
    ) -> Result<bool, End> {
        let mut budget = crate::expression::Budget::default();
        let holds = condition.holds(&Place::new(self, frame, Some(id)), &mut budget);
        self.expression_steps += budget.spent().0;
        holds.map_err(End::from)
    }

    pub(super) fn begin_switch(&mut self, frame: FrameId, id: ActionId) -> Option<End> {
        let program = Arc::clone(&self.program);
        let Kind::Switch { on, cases } = &program.action(id).kind else {
            return None;
        };
        let value = match self.evaluate(on, frame, Some(id)) {
            Ok(value) => value,
            Err(fault) => return Some(fault.into()),
        };
        let inputs = object([("expressionResult", Some(value.clone()))]);
        self.slot_mut(frame, id).record.inputs = Some(inputs);
        for (index, case) in cases.iter().enumerate() {
            match self.evaluate(case, frame, Some(id)) {
                Ok(case) if case == value => {
                    self.enter(frame, id, GraphRef::Case(id, index), None);
                    return None;
                }
                Ok(_) => {}
                Err(fault) => return Some(fault.into()),
            }
        }
        self.enter(frame, id, GraphRef::Default(id), None);
        None
    }

    pub(super) fn begin_foreach(&mut self, frame: FrameId, id: ActionId) -> Option<End> {
        let program = Arc::clone(&self.program);
        let Kind::Foreach { over, concurrency } = &program.action(id).kind else {
            return None;
        };
        let value = match self.evaluate(over, frame, Some(id)) {
            Ok(value) => value,
            Err(fault) => return Some(fault.into()),
        };
        let items: Array = match value {
            Value::Array(items) => items,
            other => {
                let message = format!(
                    "The execution of template action '{}' failed: the result of the evaluation \
                     of 'foreach' expression is of type '{}'. The result must be a valid array.",
                    program.action(id).name,
                    other.kind()
                );
                return Some(End::failed("ExpressionEvaluationFailed", message));
            }
        };
        if items.len() > ITEMS_MAX {
            let message = format!(
                "A Foreach takes {ITEMS_MAX} items at the most, these are {}.",
                items.len()
            );
            return Some(End::failed("ForeachItemsLimitExceeded", message));
        }
        let slot = self.slot_mut(frame, id);
        slot.record.inputs = Some(Value::Array(items.clone()));
        if items.is_empty() {
            return Some(End::succeeded(None));
        }
        slot.progress = Progress::Foreach(Foreach {
            items,
            next: 0,
            open: 0,
            failed: None,
        });
        for _ in 0..*concurrency {
            if !self.next_item(frame, id) {
                break;
            }
        }
        None
    }

    /// Starts the next iteration of a Foreach; false where there is none.
    fn next_item(&mut self, frame: FrameId, id: ActionId) -> bool {
        let Progress::Foreach(progress) = &mut self.slot_mut(frame, id).progress else {
            return false;
        };
        let Some(item) = progress.items.get(progress.next).cloned() else {
            return false;
        };
        let index = progress.next as u64;
        progress.next += 1;
        progress.open += 1;
        let iteration = Iteration {
            index,
            item: Some(item),
        };
        self.enter(frame, id, GraphRef::Body(id), Some(iteration));
        true
    }

    pub(super) fn begin_until(&mut self, frame: FrameId, id: ActionId) -> Option<End> {
        let program = Arc::clone(&self.program);
        let Kind::Until { count, timeout, .. } = &program.action(id).kind else {
            return None;
        };
        let count_max = match count {
            None => COUNT_DEFAULT,
            Some(count) => match self.evaluate(count, frame, Some(id)) {
                Ok(Value::Null) => COUNT_DEFAULT,
                Ok(value) => match value.to_text().parse::<u64>() {
                    Ok(count) if (1..=COUNT_MAX).contains(&count) => count,
                    Ok(_) | Err(_) => {
                        let message = format!(
                            "The count of an Until is from 1 to {COUNT_MAX}, and not '{}'.",
                            super::short(&value.to_text())
                        );
                        return Some(End::failed("InvalidTemplate", message));
                    }
                },
                Err(fault) => return Some(fault.into()),
            },
        };
        let millis = match timeout {
            None => UNTIL_TIMEOUT_MS,
            Some(timeout) => match self.evaluate(timeout, frame, Some(id)) {
                Ok(Value::Null) => UNTIL_TIMEOUT_MS,
                Ok(value) => match duration_ms(&value.to_text()) {
                    Some(millis) => millis,
                    None => {
                        let message = format!("'{}' is no duration.", value.to_text());
                        return Some(End::failed("InvalidTemplate", message));
                    }
                },
                Err(fault) => return Some(fault.into()),
            },
        };
        self.slot_mut(frame, id).progress = Progress::Until(Until {
            count_max,
            deadline_passed: false,
        });
        self.sleep(frame, id, millis, What::UntilTimeout);
        let iteration = Iteration {
            index: 0,
            item: None,
        };
        self.enter(frame, id, GraphRef::Body(id), Some(iteration));
        None
    }

    /// The time of an Until is up: it ends with the iteration that runs.
    pub(super) fn until_timed_out(&mut self, frame: FrameId, id: ActionId) {
        if let Progress::Until(progress) = &mut self.slot_mut(frame, id).progress {
            progress.deadline_passed = true;
        }
    }

    /// All actions of a frame have ended.
    pub(super) fn frame_done(&mut self, frame: FrameId) {
        let status = self.status_of(frame);
        let (parent, graph) = (self.frame(frame).parent, self.frame(frame).graph);
        let (Some(parent), Some(id)) = (parent, graph.owner()) else {
            return self.finish(status);
        };
        let program = Arc::clone(&self.program);
        let position = program.action(id).position;
        if self.frame(parent).slots[position]
            .record
            .status
            .is_terminal()
        {
            return;
        }
        match &program.action(id).kind {
            Kind::Foreach { .. } => self.item_done(parent, id, status),
            Kind::Until { .. } => self.iteration_done(parent, id, frame, status),
            _ => self.end_action(parent, id, container_end(status)),
        }
    }

    fn item_done(&mut self, frame: FrameId, id: ActionId, status: Status) {
        let Progress::Foreach(progress) = &mut self.slot_mut(frame, id).progress else {
            return;
        };
        progress.open -= 1;
        if status != Status::Succeeded && progress.failed != Some(Status::Failed) {
            progress.failed = Some(status);
        }
        if self.next_item(frame, id) {
            return;
        }
        let Progress::Foreach(progress) = &self.slot_mut(frame, id).progress else {
            return;
        };
        if progress.open == 0 {
            let status = progress.failed.unwrap_or(Status::Succeeded);
            self.end_action(frame, id, container_end(status));
        }
    }

    fn iteration_done(&mut self, frame: FrameId, id: ActionId, inner: FrameId, status: Status) {
        let program = Arc::clone(&self.program);
        let Kind::Until { condition, .. } = &program.action(id).kind else {
            return;
        };
        // The condition sees the actions of the iteration that has just ended.
        let holds = match self.holds(condition, inner, id) {
            Ok(holds) => holds,
            Err(end) => return self.end_action(frame, id, end),
        };
        let index = self.frame(inner).iteration.as_ref().map_or(0, |i| i.index);
        let Progress::Until(progress) = &self.slot_mut(frame, id).progress else {
            return;
        };
        // At its limits the loop ends like any other: what ran last says how.
        if holds || index + 1 >= progress.count_max || progress.deadline_passed {
            return self.end_action(frame, id, container_end(status));
        }
        let iteration = Iteration {
            index: index + 1,
            item: None,
        };
        self.enter(frame, id, GraphRef::Body(id), Some(iteration));
    }

    fn status_of(&self, frame: FrameId) -> Status {
        let frame = self.frame(frame);
        let graph = self.program.graph(frame.graph);
        let before: Vec<Vec<usize>> = graph
            .iter()
            .map(|id| {
                let after = &self.program.action(*id).run_after;
                after.iter().map(|after| after.position).collect()
            })
            .collect();
        let judged: Vec<Judged<'_>> = graph
            .iter()
            .zip(&frame.slots)
            .zip(&before)
            .map(|((id, slot), before)| Judged {
                status: slot.record.status,
                before,
                leaf: self.program.action(*id).successors.is_empty(),
            })
            .collect();
        of_graph(&judged)
    }

    /// The top level has ended.
    fn finish(&mut self, status: Status) {
        let end = match status {
            Status::Succeeded => match self.run_outputs() {
                Ok(outputs) => RunEnd {
                    status,
                    code: None,
                    error: None,
                    outputs,
                },
                Err(fault) => RunEnd::failed(fault.code, &fault.message),
            },
            status => RunEnd {
                status,
                code: Some(ACTION_FAILED.to_owned()),
                error: Some(error(ACTION_FAILED, NONE_SUCCEEDED)),
                outputs: Value::Object(Object::new()),
            },
        };
        self.end(end);
    }

    fn run_outputs(&mut self) -> Result<Value, crate::expression::EvalError> {
        let program = Arc::clone(&self.program);
        let mut outputs = Object::new();
        for output in program.outputs() {
            let value = self.evaluate(&output.value, FrameId(0), None)?;
            let shown = object([("type", output.kind.clone()), ("value", Some(value))]);
            outputs.insert(output.name.clone(), shown);
        }
        Ok(Value::Object(outputs))
    }

    /// Ends the run at once: what runs is cancelled, what waits is skipped.
    pub(super) fn terminate(&mut self, frame: FrameId, id: ActionId, inputs: &Value) {
        let text = |pointer: &str| inputs.pointer(pointer).map(Value::to_text);
        let status = text("/runStatus").and_then(|status| status.parse().ok());
        let status = status.unwrap_or(Status::Succeeded);
        self.end_action(frame, id, End::succeeded(None));
        let now = self.now;
        for frame in &mut self.frames {
            for slot in &mut frame.slots {
                if slot.record.status == Status::Running {
                    slot.record.status = Status::Cancelled;
                    slot.record.code = Some("Terminated".into());
                    slot.record.ended = Some(now);
                }
            }
        }
        let given = inputs.get("runError").filter(|given| !given.is_null());
        let shown = (status == Status::Failed).then(|| {
            object([
                ("code", given.and_then(|e| e.get("code")).cloned()),
                ("message", given.and_then(|e| e.get("message")).cloned()),
            ])
        });
        self.end(RunEnd {
            status,
            code: Some("Terminated".to_owned()),
            error: shown,
            outputs: Value::Object(Object::new()),
        });
    }
}

fn container_end(status: Status) -> End {
    match status {
        Status::Succeeded => End::succeeded(None),
        status => End {
            status,
            code: Some(ACTION_FAILED.into()),
            error: Some(error(ACTION_FAILED, NONE_SUCCEEDED)),
            outputs: None,
        },
    }
}
