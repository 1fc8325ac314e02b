//! What a run starts with: the input of its instance.
//!
//! Whoever starts a workflow as an orchestration, with an input of its own, has fired its first
//! trigger with that input as body; triggers and workflows send an envelope.

use std::collections::BTreeMap;

use weft_orchestration::RESERVED_MEMBER;

use crate::value::{Object, Value};

use super::state::{error, object};

/// The member that tells an envelope from any other input.
const MARK: &str = RESERVED_MEMBER;

/// The input of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RunStart {
    /// `{name, inputs, outputs: {headers, body, ...}, startTime, endTime, ...}`.
    pub trigger: Value,
    /// What callback URLs begin with: the data plane, with tenant and app where they are not the
    /// default ones.
    pub base_url: String,
    pub client_tracking_id: Option<String>,
    /// Whether a caller waits for a Response.
    pub awaited: bool,
    /// The run that waits for a Response, and the event that it waits for.
    pub respond_to: Option<(String, String)>,
    /// What is kept of an earlier run.
    pub kept: Option<Kept>,
}

/// What a run takes over from the one that it repeats in part.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Kept {
    /// The id of that run.
    pub run: String,
    /// Actions of the top level that are not run again, by name: `{status, code, error, inputs, outputs,
    /// startTime, endTime, order, frames}`, those inside of them under `frames` by `branch` and `index`.
    /// One that is `Running` goes on inside.
    pub actions: BTreeMap<String, Value>,
    /// `{type, value}` by name.
    pub variables: BTreeMap<String, Value>,
}

impl RunStart {
    /// As the input of an instance.
    #[must_use]
    pub fn to_value(&self) -> Value {
        let respond_to = self.respond_to.as_ref().map(|(instance, event)| {
            let members = [("instance", instance), ("event", event)];
            let members = members.map(|(name, text)| (name, Value::from(text.as_str())));
            members.into_iter().collect()
        });
        let kept = self.kept.as_ref().map(|kept| {
            let all = |values: &BTreeMap<String, Value>| {
                let pairs = values.iter().map(|(name, v)| (name.as_str(), v.clone()));
                pairs.collect::<Value>()
            };
            object([
                ("run", Some(Value::from(kept.run.as_str()))),
                ("actions", Some(all(&kept.actions))),
                ("variables", Some(all(&kept.variables))),
            ])
        });
        object([
            (MARK, Some(Value::from(1i64))),
            ("trigger", Some(self.trigger.clone())),
            ("baseUrl", Some(Value::from(self.base_url.as_str()))),
            (
                "clientTrackingId",
                self.client_tracking_id.as_deref().map(Value::from),
            ),
            ("awaited", Some(Value::from(self.awaited))),
            ("respondTo", respond_to),
            ("kept", kept),
        ])
    }

    /// Reads the input of an instance.
    ///
    /// # Errors
    /// It is no JSON.
    pub fn read(input: &str) -> Result<Self, serde_json::Error> {
        let value: Value = serde_json::from_str(input)?;
        let Some(envelope) = value.as_object().filter(|o| o.get_exact(MARK).is_some()) else {
            return Ok(Self::of_body(value));
        };
        let text = |value: &Value, name: &str| value.get(name).map(Value::to_text);
        let respond_to = envelope
            .get_exact("respondTo")
            .and_then(|to| Some((text(to, "instance")?, text(to, "event")?)));
        let kept = envelope.get_exact("kept").map(|kept| {
            let all = |name: &str| {
                let members = kept.get(name).and_then(Value::as_object);
                let members = members.into_iter().flat_map(Object::iter);
                members
                    .map(|(name, v)| (name.to_string(), v.clone()))
                    .collect()
            };
            Kept {
                run: text(kept, "run").unwrap_or_default(),
                actions: all("actions"),
                variables: all("variables"),
            }
        });
        Ok(Self {
            trigger: envelope.get_exact("trigger").cloned().unwrap_or_default(),
            base_url: text(&value, "baseUrl").unwrap_or_default(),
            client_tracking_id: text(&value, "clientTrackingId"),
            awaited: envelope.get_exact("awaited").and_then(Value::as_bool) == Some(true),
            respond_to,
            kept,
        })
    }

    /// The start by somebody who has only a body.
    fn of_body(body: Value) -> Self {
        let headers = Value::Object(Object::new());
        let outputs = object([("headers", Some(headers)), ("body", Some(body))]);
        Self {
            trigger: object([
                ("outputs", Some(outputs)),
                ("status", Some(Value::from("Succeeded"))),
            ]),
            ..Self::default()
        }
    }
}

/// How a run has ended, as the output of its instance or the details of its failure.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEnd {
    pub status: super::Status,
    pub code: Option<String>,
    pub error: Option<Value>,
    /// `{name: {type, value}}`.
    pub outputs: Value,
}

impl RunEnd {
    #[must_use]
    pub fn to_value(&self) -> Value {
        object([
            ("status", Some(Value::from(self.status.as_str()))),
            ("code", self.code.as_deref().map(Value::from)),
            ("error", self.error.clone()),
            ("outputs", Some(self.outputs.clone())),
        ])
    }

    pub(crate) fn failed(code: &str, message: &str) -> Self {
        Self {
            status: super::Status::Failed,
            code: Some(code.to_owned()),
            error: Some(error(code, message)),
            outputs: Value::Object(Object::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_survives_the_round_trip() {
        let start = RunStart {
            trigger: object([("name", Some(Value::from("manual")))]),
            base_url: "http://127.0.0.1:7071".into(),
            client_tracking_id: Some("order-1".into()),
            awaited: true,
            respond_to: Some(("parent".into(), "response:1".into())),
            kept: Some(Kept {
                run: "r0".into(),
                actions: [("A".to_owned(), Value::Null)].into(),
                variables: BTreeMap::new(),
            }),
        };
        assert_eq!(
            RunStart::read(&start.to_value().to_string()).unwrap(),
            start
        );
    }

    #[test]
    fn any_other_input_is_the_body_of_a_trigger() {
        let start = RunStart::read(r#"{"x": 1}"#).unwrap();
        assert_eq!(
            start.trigger.pointer("/outputs/body/x"),
            Some(&Value::from(1i64))
        );
        assert!(!start.awaited);
        assert!(RunStart::read("{").is_err());
    }
}
