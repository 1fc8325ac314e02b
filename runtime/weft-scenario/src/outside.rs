//! What runs ask of the outside world, answered by the mocks of the scenario.

use std::collections::BTreeMap;

use http::header::{AUTHORIZATION, HeaderValue};
use weft_id::InstanceId;
use weft_orchestration::{Failure, NewTask, Payload};
use weft_workflow::value::Value;
use weft_workflow::wire::{
    Around, Connection, Message, Place, Refused, credentials, direct, fill_in, find, message, over,
    service_over,
};
use weft_workflow::xml::{Artifacts, xml_validation, xslt};

use crate::case::MOCK;
use crate::deployed::values;
use crate::world::World;

/// How long a request may take where its action does not say.
const TIMEOUT_MS: u64 = 120_000;
/// The processors walk what nests by calling themselves.
const XML_STACK_BYTES: usize = 64 << 20;

impl World {
    /// Carries out an activity of a run.
    pub(crate) fn carry_out(&mut self, id: &InstanceId, task: &NewTask) {
        let input: Value =
            serde_json::from_str(task.input.text().unwrap_or_default()).unwrap_or_default();
        match task.name.as_str() {
            "workflow/respond" => {
                let now = self.now_ms;
                if let Some(running) = self.running_mut(id) {
                    running.responded = Some((now, input));
                }
                self.answer(id, task.id, 0, Ok(Payload::from("null".to_owned())));
            }
            "workflow/http" | "workflow/connection" | "workflow/service-provider" => {
                match self.message(&task.name, input) {
                    Ok(message) => self.ask(id, task, &message, Ok),
                    Err(Refused { code, message }) => {
                        let failure = Failure::permanent(code, message);
                        self.answer(id, task.id, 0, Err(failure));
                    }
                }
            }
            "workflow/xslt" => {
                let result = self.with_artifacts(xslt, input);
                self.answer(id, task.id, 0, result);
            }
            "workflow/xml-validation" => {
                let result = self.with_artifacts(xml_validation, input);
                self.answer(id, task.id, 0, result);
            }
            name if name.starts_with("workflow/") => {
                let result = match &self.local {
                    Some(local) => {
                        local(name, task.input.text().unwrap_or("null")).map(Payload::from)
                    }
                    None => Err(Failure::permanent(
                        "NotSupported",
                        format!("nothing here carries out {name}"),
                    )),
                };
                self.answer(id, task.id, 0, result);
            }
            name => self.function(id, task, name, &input),
        }
    }

    /// Runs a map or a schema of the project.
    fn with_artifacts(
        &self,
        act: fn(&Value, &Artifacts) -> Result<Value, Refused>,
        input: Value,
    ) -> Result<Payload, Failure> {
        let artifacts = self.files.get("artifacts").map(Value::to_string);
        let artifacts = artifacts.map(|text| serde_json::from_str(&text));
        let artifacts: Artifacts = artifacts.and_then(Result::ok).unwrap_or_default();
        let thread = std::thread::Builder::new().stack_size(XML_STACK_BYTES);
        let thread = thread.spawn(move || act(&input, &artifacts));
        let done = thread.ok().and_then(|thread| thread.join().ok());
        match done {
            Some(Ok(output)) => Ok(Payload::from(output.to_string())),
            Some(Err(Refused { code, message })) => Err(Failure::permanent(code, message)),
            None => Err(Failure::permanent("ActionFailed", "the processor failed")),
        }
    }

    /// A function of the app: the mock of `POST /functions/NAME` gives its result.
    fn function(&mut self, id: &InstanceId, task: &NewTask, name: &str, input: &Value) {
        let members = [("method", Value::from("POST")), ("body", input.clone())];
        let members: Value = members.into_iter().collect();
        let function = name.to_owned();
        match message(&members, &format!("{MOCK}/functions/{name}")) {
            Ok(message) => self.ask(id, task, &message, move |answer| {
                let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
                let status = answer.get("statusCode").and_then(Value::as_i64);
                let body = answer.get("body").cloned().unwrap_or_default();
                match status {
                    Some(200..=399) => Ok(body.to_string()),
                    _ => Err(Failure::permanent(
                        "ActionFailed",
                        format!("the function {function} failed: {}", body.to_text()),
                    )),
                }
            }),
            Err(Refused { code, message }) => {
                self.answer(id, task.id, 0, Err(Failure::permanent(code, message)));
            }
        }
    }

    fn ask(
        &mut self,
        id: &InstanceId,
        task: &NewTask,
        message: &Message,
        read: impl FnOnce(String) -> Result<String, Failure>,
    ) {
        let timeout = message.timeout_ms.unwrap_or(TIMEOUT_MS);
        let answered = self.mocks.ask(message, self.now_ms);
        if answered.delay_ms > timeout {
            if let Some(asked) = self.mocks.log.last_mut() {
                asked.ended_ms = self.now_ms + timeout;
            }
            let why = format!("The request has exceeded the configured timeout of {timeout} ms.");
            let failure = Failure::transient("ActionTimedOut", why);
            return self.answer(id, task.id, timeout, Err(failure));
        }
        let result = match answered.answer {
            Some(answer) => read(answer).map(Payload::from),
            None => Err(Failure::transient(
                "HttpRequestFailed",
                "An error occurred while sending the request: the connection was closed.",
            )),
        };
        self.answer(id, task.id, answered.delay_ms, result);
        if let Some((url, after, callback)) = answered.callback {
            self.call_back(answered.delay_ms + after, url, callback);
        }
    }

    /// The request as it would be sent.
    fn message(&self, activity: &str, input: Value) -> Result<Message, Refused> {
        let settings: BTreeMap<String, String> = values(&self.files, "appSettings")
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_text()))
            .collect();
        let connections = self.files.get("connections").map(Value::to_string);
        let parameters = self.files.get("parameters").map(Value::to_string);
        let around = Around {
            settings: &settings,
            connections: &BTreeMap::new(),
            workflow_connections: connections.as_deref(),
            workflow_parameters: parameters.as_deref(),
        };
        let (input, _) = fill_in(input, around)?;
        let call = if activity == "workflow/http" {
            direct(&input)?
        } else {
            let name = input.get("connection").map(Value::to_text);
            let name = name.unwrap_or_default();
            let connection = find(&name, around).or_else(|refused| elsewhere(&name, refused))?;
            let base = match &connection.place {
                Place::Url(base) => base.clone(),
                Place::Component(activity) => format!("{MOCK}/functions/{activity}"),
            };
            match activity {
                "workflow/connection" => over(&connection, &base, &input)?,
                _ => service_over(&connection, &base, &input)?,
            }
        };
        let mut made = call.message;
        if let Some(stated) = call.authentication {
            authenticate(&mut made, &stated)?;
        }
        Ok(made)
    }
}

/// A connection that the scenario does not describe leads to the mocks, by the last part of its name.
fn elsewhere(name: &str, refused: Refused) -> Result<Connection, Refused> {
    let last = name.trim_end_matches('/').rsplit('/').next();
    match last.filter(|last| !last.is_empty()) {
        Some(last) => Ok(Connection {
            place: Place::Url(format!("{MOCK}/{last}")),
            authentication: None,
            headers: None,
        }),
        None => Err(refused),
    }
}

/// Nobody gives tokens here; that one would be sent can be seen.
fn authenticate(message: &mut Message, stated: &Value) -> Result<(), Refused> {
    let kind = stated.get("type").map(Value::to_text).unwrap_or_default();
    let value = match kind.to_ascii_lowercase().as_str() {
        "activedirectoryoauth" | "managedserviceidentity" => Some("Bearer scenario".to_owned()),
        _ => credentials(stated)?,
    };
    if let Some(value) = value.and_then(|value| HeaderValue::from_str(value.trim()).ok()) {
        message.headers.insert(AUTHORIZATION, value);
    }
    Ok(())
}
