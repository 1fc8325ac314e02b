//! Actions that reach others: responses, nested workflows, functions, scripts, maps.

use std::sync::Arc;

use weft_id::InstanceId;
use weft_orchestration::{Failure, Payload};

use crate::program::{ActionId, Kind};
use crate::value::{Object, Value};

use super::super::settings::Callee;
use super::super::start::RunStart;
use super::super::state::{End, FrameId, Progress, member, object};
use super::super::{Run, What, moment};

const RESPOND: &str = "workflow/respond";
const JAVASCRIPT: &str = "workflow/javascript";
const XSLT: &str = "workflow/xslt";
const XML_VALIDATION: &str = "workflow/xml-validation";

impl Run {
    /// Hands an answer to whoever waits for it: a caller, or the run that called this one.
    pub(super) fn respond(&mut self, frame: FrameId, id: ActionId, inputs: &Value) -> Option<End> {
        let name = self.program.action(id).name.clone();
        let waited_for = self.start.awaited || self.start.respond_to.is_some();
        if !waited_for || self.responded {
            let message = format!(
                "The execution of template action '{name}' is skipped: the client application is \
                 not waiting for a response from service."
            );
            return Some(End::skipped("ActionResponseSkipped", message));
        }
        let status = member(inputs, "statusCode").map_or(Some(200), |code| {
            code.as_i64().or_else(|| code.to_text().trim().parse().ok())
        });
        let Some(status) = status.filter(|status| (100..=999).contains(status)) else {
            let message = "The 'statusCode' of a Response must be a number.";
            return Some(End::failed("InvalidTemplate", message));
        };
        self.responded = true;
        let answer = object([
            ("statusCode", Some(Value::Int(status))),
            ("headers", member(inputs, "headers").cloned()),
            ("body", inputs.get("body").cloned()),
        ]);
        if let Some((instance, event)) = self.start.respond_to.clone() {
            let outputs = Some(answer.clone());
            if let Ok(instance) = instance.parse::<InstanceId>() {
                let payload = Payload::from(answer.to_string());
                // The error, where there is one, stays in the replay and ends the run.
                let _ = self.replay.send_event(instance, &event, payload);
            }
            return Some(End {
                code: Some("OK".into()),
                ..End::succeeded(outputs)
            });
        }
        self.call(frame, id, RESPOND, &answer, What::Responded);
        None
    }

    /// A Workflow action: another workflow or an orchestrator of the app, as a child.
    pub(super) fn nested(&mut self, frame: FrameId, id: ActionId, inputs: &Value) -> Option<End> {
        let asked = [
            "/host/workflow/id",
            "/host/workflow/name",
            "/host/workflowId",
        ]
        .into_iter()
        .find_map(|pointer| inputs.pointer(pointer))
        .map(Value::to_text)
        .unwrap_or_default();
        let asked = asked.rsplit('/').next().unwrap_or_default().to_owned();
        let settings = Arc::clone(&self.settings);
        let Some((name, callee)) = settings.callee(&asked) else {
            let message = format!("There is no workflow '{asked}' in this app.");
            return Some(End::failed("WorkflowNotFound", message));
        };
        let body = member(inputs, "body").cloned();
        let responds = match callee {
            Callee::Orchestrator => {
                let input = body.unwrap_or_default();
                return self.call_child(frame, id, name, &input, false);
            }
            Callee::Workflow { responds } => responds,
        };
        if !responds {
            let message = format!(
                "The nested workflow '{name}' has no Response action, so that nobody would know \
                 when it is done."
            );
            return Some(End::failed(
                "NestedWorkflowDoesNotContainResponseAction",
                message,
            ));
        }
        self.calls += 1;
        let event = format!("response:{}", self.calls);
        let headers = member(inputs, "headers").cloned();
        let headers = headers.unwrap_or_else(|| Value::Object(Object::new()));
        let outputs = object([("headers", Some(headers)), ("body", body)]);
        let time = Value::from(moment(self.now).to_string());
        let trigger = object([
            ("name", inputs.pointer("/host/triggerName").cloned()),
            ("outputs", Some(outputs)),
            ("startTime", Some(time.clone())),
            ("endTime", Some(time)),
        ]);
        let start = RunStart {
            trigger,
            base_url: self.start.base_url.clone(),
            client_tracking_id: Some(self.tracking_id()),
            awaited: false,
            respond_to: Some((self.replay.instance().to_string(), event.clone())),
            kept: None,
        };
        if let Ok(task) = self.replay.wait_for_event(&event) {
            self.wait_for(task, frame, id, What::ChildResponse);
        }
        self.call_child(frame, id, name, &start.to_value(), true)
    }

    fn call_child(
        &mut self,
        frame: FrameId,
        id: ActionId,
        name: &str,
        input: &Value,
        responds: bool,
    ) -> Option<End> {
        let input = Payload::from(input.to_string());
        let task = self.replay.call_sub_orchestration(name, input, None, None);
        let Ok(task) = task else {
            return None;
        };
        self.slot_mut(frame, id).progress = Progress::Child { responds };
        self.wait_for(task, frame, id, What::ChildEnd);
        None
    }

    /// `Function` and `InvokeFunction`: what the app has of that name.
    ///
    /// An entity is named by `entityKey` beside the name, with `operation`, and `signal` where no
    /// answer is wanted.
    pub(super) fn function(&mut self, frame: FrameId, id: ActionId, inputs: &Value) -> Option<End> {
        let asked = [
            member(inputs, "functionName"),
            inputs.pointer("/function/name"),
            inputs.pointer("/function/id"),
        ];
        let asked = asked.into_iter().flatten().next().map(Value::to_text);
        let asked = asked.unwrap_or_default();
        let name = asked.rsplit('/').next().unwrap_or_default().to_owned();
        if name.is_empty() {
            let message = "The action names no function: 'functionName' is missing.";
            return Some(End::failed("InvalidTemplate", message));
        }
        let input = member(inputs, "parameters").or_else(|| member(inputs, "body"));
        let input = input.cloned().unwrap_or_default();
        if let Some(key) = member(inputs, "entityKey") {
            return self.entity(frame, id, &name, &key.to_text(), inputs);
        }
        let settings = Arc::clone(&self.settings);
        match settings.callee(&name) {
            Some((name, Callee::Orchestrator)) => self.call_child(frame, id, name, &input, false),
            Some((_, Callee::Workflow { .. })) => {
                let message = format!("'{name}' is a workflow: call it by a Workflow action.");
                Some(End::failed("FunctionNotFound", message))
            }
            None => {
                self.call(frame, id, &name, &input, What::Function);
                None
            }
        }
    }

    fn entity(
        &mut self,
        frame: FrameId,
        id: ActionId,
        name: &str,
        key: &str,
        inputs: &Value,
    ) -> Option<End> {
        let entity = match weft_id::EntityId::new(name, key) {
            Ok(entity) => entity,
            Err(fault) => return Some(End::failed("InvalidTemplate", fault.to_string())),
        };
        let operation = member(inputs, "operation")
            .map(Value::to_text)
            .unwrap_or_default();
        let input = member(inputs, "parameters").cloned().unwrap_or_default();
        let input = Payload::from(input.to_string());
        if member(inputs, "signal").and_then(Value::as_bool) == Some(true) {
            // The error, where there is one, stays in the replay and ends the run.
            let _ = self.replay.signal_entity(entity, &operation, input, None);
            return Some(End::succeeded(None));
        }
        if let Ok(task) = self.replay.call_entity(entity, &operation, input) {
            self.wait_for(task, frame, id, What::Function);
        }
        None
    }

    pub(super) fn function_ended(
        &mut self,
        frame: FrameId,
        id: ActionId,
        result: Result<Value, Failure>,
    ) {
        let end = match result {
            Ok(output) => match &self.program.action(id).kind {
                // What runs in the node answers with the outputs of the action.
                Kind::JavaScript(_) | Kind::Xslt(_) | Kind::XmlValidation(_) => End {
                    code: Some("OK".into()),
                    ..End::body(output)
                },
                _ => End {
                    code: Some("OK".into()),
                    ..End::succeeded(Some(object([
                        ("statusCode", Some(Value::from(200i64))),
                        ("body", Some(output)),
                    ])))
                },
            },
            Err(failure) => End::failed(&failure.kind, failure.message),
        };
        self.end_action(frame, id, end);
    }

    /// A script gets the trigger, the workflow, and the actions that it names.
    pub(super) fn javascript(
        &mut self,
        frame: FrameId,
        id: ActionId,
        inputs: &Value,
    ) -> Option<End> {
        let code = member(inputs, "code")
            .map(Value::to_text)
            .unwrap_or_default();
        let place = super::super::scope::Place::new(self, frame, Some(id));
        let mut actions = Object::new();
        for name in self.program.action_names() {
            if code.contains(name) {
                let found = crate::expression::Scope::action(&place, name);
                actions.insert(name, found.unwrap_or_default());
            }
        }
        let context = object([
            ("actions", Some(Value::Object(actions))),
            ("trigger", Some(self.trigger.clone())),
            ("workflow", Some(self.workflow_object())),
        ]);
        let input = object([
            ("code", Some(Value::from(code))),
            ("workflowContext", Some(context)),
        ]);
        self.call(frame, id, JAVASCRIPT, &input, What::Function);
        None
    }

    pub(super) fn xslt(&mut self, frame: FrameId, id: ActionId, inputs: &Value) -> Option<End> {
        let map = ["/map/name", "/map/source", "/integrationAccount/map/name"];
        let named = |pointer: &&str| inputs.pointer(pointer).cloned();
        // `map.source` says where the map is kept; its name is what finds it.
        let map = [map[0], map[2], map[1]].iter().find_map(named);
        let input = object([
            ("content", member(inputs, "content").cloned()),
            ("map", map),
            ("parameters", member(inputs, "xsltParameters").cloned()),
        ]);
        self.call(frame, id, XSLT, &input, What::Function);
        None
    }

    pub(super) fn xml_validation(
        &mut self,
        frame: FrameId,
        id: ActionId,
        inputs: &Value,
    ) -> Option<End> {
        let schema = ["/schema/name", "/integrationAccount/schema/name"]
            .into_iter()
            .find_map(|pointer| inputs.pointer(pointer).cloned());
        let input = object([
            ("content", member(inputs, "content").cloned()),
            ("schema", schema),
        ]);
        self.call(frame, id, XML_VALIDATION, &input, What::Function);
        None
    }
}
