//! Log lines.

use serde::Serialize;
use utoipa::ToSchema;

use crate::logs::Numbered;
use crate::time::rfc3339;

#[derive(Serialize, ToSchema)]
pub(crate) struct LogLines {
    /// Oldest first.
    pub(crate) lines: Vec<LogLine>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct LogLine {
    /// Rises by one within an app while the node runs.
    pub(crate) seq: u64,
    at: String,
    /// `trace`, `debug`, `info`, `warn` or `error`.
    level: &'static str,
    /// `stdout`, `stderr`, `log` or `host`.
    source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    function: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instance_id: Option<String>,
    message: String,
}

impl LogLine {
    pub(crate) fn new(line: &Numbered) -> Self {
        let record = &line.record;
        Self {
            seq: line.seq,
            at: rfc3339(record.at),
            level: record.level.as_str(),
            source: record.source.as_str(),
            function: record.function.as_ref().map(ToString::to_string),
            instance_id: record.instance.as_ref().map(ToString::to_string),
            message: record.message.clone(),
        }
    }
}
