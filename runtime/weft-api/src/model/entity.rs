//! Entities.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::payload_raw;
use crate::time::rfc3339;

#[derive(Serialize, ToSchema)]
pub(crate) struct EntityList {
    /// In the order of their ids.
    pub(crate) entities: Vec<EntityView>,
    /// The `after` of the next page; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct EntityView {
    /// `@{name}@{key}`.
    id: String,
    name: String,
    key: String,
    /// Absent for one that only has a lock or work to do. In a list, one of more than 64 KiB is left
    /// out: `{"$payload": {"bytes": ..., "sha256": ...}}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Value>)]
    state: Option<Box<RawValue>>,
    /// The orchestration that has locked it.
    #[serde(skip_serializing_if = "Option::is_none")]
    locked_by: Option<String>,
    /// How many operations wait.
    queued: u64,
    /// When it was last sent something or ran an operation.
    updated_at: String,
}

impl EntityView {
    pub(crate) fn new(entity: weft_store::EntityView) -> Self {
        Self {
            id: entity.id.to_string(),
            name: entity.id.name().to_owned(),
            key: entity.id.key().to_owned(),
            state: entity.state.map(|state| payload_raw(&state)),
            locked_by: entity.locked_by.map(|instance| instance.to_string()),
            queued: entity.queued,
            updated_at: rfc3339(entity.updated_at),
        }
    }
}

/// An operation to run.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignalBody {
    /// The operation's name.
    pub(crate) operation: String,
    #[serde(default)]
    pub(crate) input: Value,
    /// RFC 3339: not before this time.
    #[serde(default)]
    pub(crate) at: Option<String>,
}
