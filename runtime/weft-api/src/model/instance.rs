//! Orchestration instances.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use weft_orchestration::{Failure, Outcome};
use weft_store::Instance;

use super::{json_or_text, payload_raw};
use crate::time::rfc3339;

#[derive(Serialize, ToSchema)]
pub(crate) struct InstanceList {
    /// Newest first.
    pub(crate) instances: Vec<InstanceView>,
    /// The `after` of the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct InstanceView {
    id: String,
    orchestrator: String,
    /// `Pending`, `Running`, `Suspended`, `Completed`, `Failed` or `Terminated`.
    runtime_status: &'static str,
    /// Changes with each continue-as-new, restart and rewind.
    execution_id: String,
    /// In a list, and in the answer to a start, one of more than 64 KiB is left out, as is such an
    /// output: `{"$payload": {"bytes": ..., "sha256": ...}}`.
    #[schema(value_type = Value)]
    input: Box<RawValue>,
    /// Of a completed instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    output: Option<Box<RawValue>>,
    /// Of a failed instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureView>,
    /// Of a terminated instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    custom_status: Option<Box<RawValue>>,
    /// The instance that waits for this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// Before this time it does not begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduled_at: Option<String>,
    /// The revision of the app that it runs on; absent before its first turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u32>,
    /// What it waits for that no connected worker serves: `activity charge`. Only where one instance is
    /// shown.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) waiting_for: Vec<String>,
    created_at: String,
    updated_at: String,
    /// Of the current execution.
    turns: u64,
    /// Events of the current execution.
    history_length: u64,
}

impl InstanceView {
    pub(crate) fn new(instance: Instance) -> Self {
        let (output, failure, reason) = match instance.outcome {
            None => (None, None, None),
            Some(Outcome::Completed(output)) => (Some(payload_raw(&output)), None, None),
            Some(Outcome::Failed(failure)) => (None, Some(FailureView::new(failure)), None),
            Some(Outcome::Terminated { reason }) => (None, None, Some(reason)),
        };
        let custom_status = instance.custom_status;
        Self {
            id: instance.key.id.to_string(),
            orchestrator: instance.name,
            runtime_status: instance.status.as_str(),
            execution_id: instance.execution.to_string(),
            input: payload_raw(&instance.input),
            output,
            failure,
            reason,
            custom_status: custom_status.map(|status| payload_raw(&status)),
            parent_id: instance.parent.map(|parent| parent.instance.to_string()),
            tags: instance.tags,
            version: instance.version,
            scheduled_at: instance.scheduled_at.map(rfc3339),
            revision: instance.revision.map(|revision| revision.0),
            waiting_for: Vec::new(),
            created_at: rfc3339(instance.created_at),
            updated_at: rfc3339(instance.updated_at),
            turns: instance.turns,
            history_length: instance.history_len,
        }
    }
}

/// Why a call or an instance failed.
#[derive(Serialize, ToSchema)]
pub(crate) struct FailureView {
    /// A stable name.
    kind: String,
    message: String,
    /// Whether another attempt may succeed.
    retryable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Value>,
}

impl FailureView {
    pub(crate) fn new(failure: Failure) -> Self {
        Self {
            kind: failure.kind,
            message: failure.message,
            retryable: failure.retryable,
            details: failure.details.as_deref().map(json_or_text),
        }
    }
}

/// What to start.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StartBody {
    /// The orchestrator's name.
    pub(crate) orchestrator: String,
    /// 1 to 256 characters, none of `/ \ # ?`, no leading `@`; a random one where absent.
    #[serde(default)]
    pub(crate) id: Option<String>,
    #[serde(default)]
    pub(crate) input: Value,
    /// To find the instance by; at most 64, 1 KiB each.
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Which version of the orchestrator is meant; the code can read it.
    #[serde(default)]
    pub(crate) version: Option<String>,
    /// RFC 3339: the instance does not begin before this time.
    #[serde(default)]
    pub(crate) scheduled_at: Option<String>,
    /// The statuses in which an instance of the same id makes way; where absent, those of ended
    /// instances. An open one can be replaced only where `Terminated` is listed as well.
    #[serde(default)]
    pub(crate) reuse: Option<Vec<String>>,
}

#[derive(Deserialize, Default, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RestartBody {
    /// Replace the instance, which must have ended, instead of starting another one.
    pub(crate) same_id: bool,
}

#[derive(Deserialize, Default, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ReasonBody {
    pub(crate) reason: String,
}

#[derive(Deserialize, Default, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RewindBody {
    pub(crate) reason: String,
    /// The revision whose code it has from then on; its own where absent.
    pub(crate) revision: Option<u32>,
}

#[derive(Deserialize, Default, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MoveBody {
    /// The revision whose code it has from then on; the active one where absent.
    pub(crate) revision: Option<u32>,
    /// Move it without looking whether that code follows its history; it fails where it does not.
    pub(crate) force: bool,
}

#[derive(Deserialize, Default, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TerminateBody {
    pub(crate) reason: String,
    /// Terminate open children as well.
    pub(crate) recursive: bool,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct PurgedView {
    pub(crate) purged: u64,
}
