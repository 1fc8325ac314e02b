//! Wire types of the management API: JSON in snake_case, times in RFC 3339.

mod app;
mod entity;
mod history;
mod instance;
mod key;
mod log;
mod tenant;
mod vault;
mod workflow;

use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};
use utoipa::ToSchema;
use weft_app::Fault;
use weft_orchestration::Payload;

pub(crate) use app::{
    AppList, AppSummary, AppView, CheckView, CheckedView, ComponentView, Deployed, FunctionList,
    FunctionView, QuarantineView, RevisionList, RevisionView, Uploaded,
};
pub(crate) use entity::{EntityList, EntityView, SignalBody};
pub(crate) use history::{HistoryView, event_view};
pub(crate) use instance::{
    FailureView, InstanceList, InstanceView, MoveBody, PurgedView, ReasonBody, RestartBody,
    RewindBody, StartBody, TerminateBody,
};
pub(crate) use key::{CreatedKey, KeyList, KeyView, NewKeyBody, RotateBody};
pub(crate) use log::{LogLine, LogLines};
pub(crate) use tenant::{AuditEntryView, AuditList, TenantList, TenantView, UsageView};
pub(crate) use vault::{
    ConnectionBody, ConnectionList, ConnectionView, SecretBody, SecretList, SecretView,
};
pub(crate) use workflow::{DeployedWorkflow, WorkflowList, WorkflowStateView, WorkflowView};

/// A payload as JSON, or as a string where it is not JSON.
pub(crate) fn json_or_text(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// A payload as JSON. One that is kept apart and was not filled in is told of.
pub(crate) fn payload_view(payload: &Payload) -> Value {
    match (payload.text(), payload.kept()) {
        (Some(text), _) => json_or_text(text),
        (None, Some(kept)) => json!({"$payload": {"bytes": kept.bytes, "sha256": kept.hex()}}),
        (None, None) => Value::Null,
    }
}

/// The same as text: what is long need not be taken apart to be shown.
pub(crate) fn payload_raw(payload: &Payload) -> Box<RawValue> {
    let text = payload.text().map(str::to_owned);
    let json = text.and_then(|text| RawValue::from_string(text).ok());
    json.unwrap_or_else(|| raw(&payload_view(payload)))
}

/// What can be shown in JSON, as text.
pub(crate) fn raw(value: &impl Serialize) -> Box<RawValue> {
    to_raw_value(value).expect("it has text keys and no failing fields")
}

/// An error (RFC 9457). `type` is stable; further members depend on it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct ProblemDocument {
    /// `urn:weft:problem:{kind}`
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    detail: String,
    /// Faults of a document, where it has some.
    errors: Option<Vec<FaultView>>,
}

/// A fault of a document, or a warning.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub(crate) struct FaultView {
    /// JSON pointer (RFC 6901) into the document.
    pointer: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
}

impl FaultView {
    pub(crate) fn new(fault: &Fault) -> Self {
        Self {
            pointer: fault.pointer.clone(),
            message: fault.message.clone(),
            hint: fault.hint.clone(),
        }
    }

    /// The same, in a document that has this one at `pointer`.
    pub(crate) fn below(self, pointer: &str) -> Self {
        Self {
            pointer: format!("{pointer}{}", self.pointer),
            ..self
        }
    }
}
