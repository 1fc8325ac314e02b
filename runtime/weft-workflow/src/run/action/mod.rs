//! What each type of action does when it begins, and when something that it waited for is there.

mod call;
mod data;
mod table;
mod variable;

pub(super) use variable::variables_after;

use std::sync::Arc;

use weft_orchestration::Failure;

use crate::expression::Template;
use crate::program::{ActionId, GraphRef, Kind};
use crate::value::Value;

use super::state::{End, FrameId, Progress};
use super::{Run, What};

impl Run {
    /// Begins an action; its end where it has ended at once.
    pub(super) fn run_action(&mut self, frame: FrameId, id: ActionId) -> Option<End> {
        let program = Arc::clone(&self.program);
        match &program.action(id).kind {
            Kind::Compose(inputs) => Some(self.compose(frame, id, inputs)),
            Kind::InitializeVariable(inputs) => {
                Some(self.with_inputs(frame, id, inputs, Self::initialize))
            }
            Kind::Variable(change, inputs) => {
                Some(self.with_inputs(frame, id, inputs, |run, _, _, inputs| {
                    run.change_variable(*change, inputs)
                }))
            }
            Kind::ParseJson { content, schema } => {
                Some(self.parse_json(frame, id, content, schema.as_deref()))
            }
            Kind::Query { from, condition } => Some(self.query(frame, id, from, condition)),
            Kind::Select { from, select } => Some(self.select(frame, id, from, select)),
            Kind::Join(inputs) => Some(self.with_inputs(frame, id, inputs, Self::join)),
            Kind::Table {
                from,
                format,
                columns,
            } => Some(self.table(frame, id, (from, format), columns.as_deref())),
            Kind::Expression { kind, inputs } => Some(self.with_inputs(
                frame,
                id,
                inputs,
                |run, frame, id, inputs| run.date_operation(frame, id, kind, inputs),
            )),
            Kind::Response(inputs) => self.started(frame, id, inputs, Self::respond),
            Kind::Terminate(inputs) => self.started(frame, id, inputs, |run, frame, id, inputs| {
                run.terminate(frame, id, inputs);
                None
            }),
            Kind::Wait(inputs) => self.started(frame, id, inputs, Self::delay),
            Kind::Request(transport, inputs) => {
                self.started_deferring(frame, id, inputs, |run, frame, id, inputs| {
                    run.begin_request(frame, id, *transport, inputs)
                })
            }
            Kind::Webhook(webhook, inputs) => {
                self.started_deferring(frame, id, inputs, |run, frame, id, inputs| {
                    run.begin_webhook(frame, id, *webhook, inputs)
                })
            }
            Kind::Workflow(inputs) => self.started(frame, id, inputs, Self::nested),
            Kind::Function(inputs) => self.started(frame, id, inputs, Self::function),
            Kind::JavaScript(inputs) => self.started(frame, id, inputs, Self::javascript),
            Kind::Xslt(inputs) => self.started(frame, id, inputs, Self::xslt),
            Kind::XmlValidation(inputs) => self.started(frame, id, inputs, Self::xml_validation),
            Kind::Scope => {
                self.enter(frame, id, GraphRef::Body(id), None);
                None
            }
            Kind::If(_) => self.begin_if(frame, id),
            Kind::Switch { .. } => self.begin_switch(frame, id),
            Kind::Foreach { .. } => self.begin_foreach(frame, id),
            Kind::Until { .. } => self.begin_until(frame, id),
            Kind::Unknown => {
                let action = program.action(id);
                let message = format!(
                    "The action '{}' has the type '{}', which is not supported.",
                    action.name, action.kind_name
                );
                Some(End::failed("ActionTypeNotSupported", message))
            }
        }
    }

    /// Goes on with an action for which something was done.
    pub(super) fn resume_action(
        &mut self,
        frame: FrameId,
        id: ActionId,
        what: What,
        result: Result<Value, Failure>,
    ) {
        match what {
            What::Answer => self.answered(frame, id, result),
            What::Again => self.send_again(frame, id),
            What::Delay => {
                let end = End {
                    code: Some("OK".into()),
                    ..End::succeeded(None)
                };
                self.end_action(frame, id, end);
            }
            What::Timeout => self.timed_out(frame, id),
            What::UntilTimeout => self.until_timed_out(frame, id),
            What::Callback => {
                let callback = result.unwrap_or_default();
                self.called_back(frame, id, callback);
            }
            What::ChildResponse => {
                let answer = result.unwrap_or_default();
                let status = super::http::status_code(&answer);
                let end = match status >= 400 {
                    true => super::http::failed_answer(status, answer),
                    false => End {
                        code: Some(super::http::status_name(status).into()),
                        ..End::succeeded(Some(answer))
                    },
                };
                self.end_action(frame, id, end);
            }
            What::ChildEnd => self.child_ended(frame, id, result),
            What::Function => self.function_ended(frame, id, result),
            What::Responded => {
                let end = match result {
                    Ok(_) => {
                        let outputs = self.slot_mut(frame, id).record.inputs.clone();
                        End {
                            code: Some("OK".into()),
                            ..End::succeeded(outputs)
                        }
                    }
                    Err(failure) => End::failed(&failure.kind, failure.message),
                };
                self.end_action(frame, id, end);
            }
            What::Yield => {}
        }
    }

    /// Evaluates and records the inputs, then does the rest.
    fn started(
        &mut self,
        frame: FrameId,
        id: ActionId,
        inputs: &Template,
        rest: impl FnOnce(&mut Self, FrameId, ActionId, &Value) -> Option<End>,
    ) -> Option<End> {
        let inputs = match self.evaluate(inputs, frame, Some(id)) {
            Ok(inputs) => inputs,
            Err(fault) => return Some(fault.into()),
        };
        self.slot_mut(frame, id).record.inputs = Some(inputs.clone());
        rest(self, frame, id, &inputs)
    }

    /// The same for an action whose secrets are filled in by whoever carries it out.
    fn started_deferring(
        &mut self,
        frame: FrameId,
        id: ActionId,
        inputs: &Template,
        rest: impl FnOnce(&mut Self, FrameId, ActionId, &Value) -> Option<End>,
    ) -> Option<End> {
        let (inputs, deferred) = match self.evaluate_deferring(inputs, frame, Some(id)) {
            Ok(evaluated) => evaluated,
            Err(fault) => return Some(fault.into()),
        };
        let record = &mut self.slot_mut(frame, id).record;
        record.inputs = Some(inputs.clone());
        record.deferred = deferred;
        rest(self, frame, id, &inputs)
    }

    fn with_inputs(
        &mut self,
        frame: FrameId,
        id: ActionId,
        inputs: &Template,
        rest: impl FnOnce(&mut Self, FrameId, ActionId, &Value) -> End,
    ) -> End {
        self.started(frame, id, inputs, |run, frame, id, inputs| {
            Some(rest(run, frame, id, inputs))
        })
        .unwrap_or_else(|| End::succeeded(None))
    }

    /// A Wait: `{"interval": {"count", "unit"}}` or `{"until": {"timestamp"}}`.
    fn delay(&mut self, frame: FrameId, id: ActionId, inputs: &Value) -> Option<End> {
        let millis = match (inputs.get("interval"), inputs.pointer("/until/timestamp")) {
            (Some(interval), _) => {
                let unit = interval.get("unit").map(Value::to_text).unwrap_or_default();
                let count = interval.get("count").cloned().unwrap_or_default();
                crate::program::interval_ms(&count, &unit).ok_or_else(|| {
                    format!("'{}' is no interval.", super::short(&interval.to_text()))
                })
            }
            (None, Some(until)) => self.millis_until(frame, id, until),
            (None, None) => Err("A Wait needs 'interval' or 'until' in its inputs.".to_owned()),
        };
        match millis {
            Ok(millis) => {
                self.sleep(frame, id, millis, What::Delay);
                None
            }
            Err(fault) => Some(End::failed("InvalidTemplate", fault)),
        }
    }

    fn millis_until(&self, frame: FrameId, id: ActionId, until: &Value) -> Result<u64, String> {
        let place = super::scope::Place::new(self, frame, Some(id));
        let mut budget = crate::expression::Budget::default();
        let arguments = [until.clone(), Value::from("o")];
        let text = crate::expression::apply("formatDateTime", &arguments, &place, &mut budget)
            .map_err(|fault| fault.message)?
            .to_text();
        let at: jiff::Timestamp = text
            .parse()
            .or_else(|_| format!("{text}Z").parse())
            .map_err(|_| format!("'{}' is no point in time.", super::short(&text)))?;
        let now = super::moment(self.now).as_millisecond();
        Ok(u64::try_from(at.as_millisecond() - now).unwrap_or_default())
    }

    fn compose(&mut self, frame: FrameId, id: ActionId, inputs: &Template) -> End {
        self.with_inputs(frame, id, inputs, |_, _, _, inputs| End {
            code: Some("OK".into()),
            ..End::succeeded(Some(inputs.clone()))
        })
    }

    fn child_ended(&mut self, frame: FrameId, id: ActionId, result: Result<Value, Failure>) {
        let Progress::Child { responds } = self.slot_mut(frame, id).progress else {
            return;
        };
        let end = match (result, responds) {
            (Ok(_), true) | (Err(_), true) => {
                let message = "The nested workflow has ended without a response.";
                End::failed("NoResponse", message)
            }
            (Ok(output), false) => End {
                code: Some("OK".into()),
                ..End::succeeded(Some(super::state::object([
                    ("statusCode", Some(Value::from(200i64))),
                    ("body", Some(output)),
                ])))
            },
            (Err(failure), false) => End::failed(&failure.kind, failure.message),
        };
        self.end_action(frame, id, end);
    }
}
