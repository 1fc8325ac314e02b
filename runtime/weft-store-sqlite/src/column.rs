//! How values stand in columns.

use std::borrow::Cow;

use rusqlite::Row;
use serde::de::DeserializeOwned;
use weft_id::{AppId, ExecutionId, InstanceKey};
use weft_orchestration::{Payload, Status, Timestamp};
use weft_store::{Instance, RevisionId};

use crate::fault::{Fault, unreadable};

/// Times beyond the range of a column are as good as its end.
pub(crate) fn of_time(time: Timestamp) -> i64 {
    of_u64(time.as_millis())
}

pub(crate) fn of_u64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(crate) fn of_status(status: Status) -> i64 {
    match status {
        Status::Pending => 0,
        Status::Running => 1,
        Status::Suspended => 2,
        Status::Completed => 3,
        Status::Failed => 4,
        Status::Terminated => 5,
    }
}

pub(crate) fn to_status(code: i64) -> Result<Status, Fault> {
    let found = Status::ALL.into_iter().find(|s| of_status(*s) == code);
    found.ok_or_else(|| unreadable(format!("no status has the number {code}")).into())
}

pub(crate) fn of_execution(execution: ExecutionId) -> [u8; 16] {
    execution.as_u128().to_be_bytes()
}

pub(crate) fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("these types have text keys and no failing fields")
}

pub(crate) fn to_json<T: DeserializeOwned>(text: &str) -> Result<T, Fault> {
    Ok(serde_json::from_str(text)?)
}

pub(crate) fn to_u64(row: &Row<'_>, column: &str) -> Result<u64, Fault> {
    Ok(row.get(column)?)
}

pub(crate) fn to_time(row: &Row<'_>, column: &str) -> Result<Timestamp, Fault> {
    Ok(Timestamp::from_millis(row.get(column)?))
}

pub(crate) fn to_payload(row: &Row<'_>, column: &str) -> Result<Payload, Fault> {
    payload(row.get(column)?)
}

/// Begins what is no text of a user but the name of one; a text that begins so gets it twice.
const NAME_MARK: char = '\u{1}';

pub(crate) fn of_payload(payload: &Payload) -> Cow<'_, str> {
    match payload.text() {
        Some(text) if text.starts_with(NAME_MARK) => format!("{NAME_MARK}{text}").into(),
        Some(text) => text.into(),
        None => format!("{NAME_MARK}{}", json(payload)).into(),
    }
}

pub(crate) fn payload(text: String) -> Result<Payload, Fault> {
    match text.strip_prefix(NAME_MARK) {
        None => Ok(Payload::from(text)),
        Some(rest) if rest.starts_with(NAME_MARK) => Ok(Payload::from(rest)),
        Some(name) => to_json(name),
    }
}

pub(crate) fn to_execution(row: &Row<'_>, column: &str) -> Result<ExecutionId, Fault> {
    let bytes: [u8; 16] = row.get(column)?;
    Ok(ExecutionId::from_u128(u128::from_be_bytes(bytes)))
}

pub(crate) fn to_name<T>(row: &Row<'_>, column: &str) -> Result<T, Fault>
where
    T: std::str::FromStr<Err: std::fmt::Display>,
{
    let text: String = row.get(column)?;
    text.parse().map_err(|error| unreadable(error).into())
}

/// Of a row with the columns `tenant`, `app_name` and `id`.
pub(crate) fn to_key(row: &Row<'_>) -> Result<InstanceKey, Fault> {
    let app = AppId::new(to_name(row, "tenant")?, to_name(row, "app_name")?);
    Ok(InstanceKey::new(app, to_name(row, "id")?))
}

pub(crate) fn to_optional<T: DeserializeOwned>(
    row: &Row<'_>,
    column: &str,
) -> Result<Option<T>, Fault> {
    let text: Option<String> = row.get(column)?;
    text.as_deref().map(to_json).transpose()
}

/// Begins a query whose rows [`to_instance`] reads: `i` is the instance, `a` its app.
pub(crate) const SELECT_INSTANCE: &str = "\
    SELECT a.tenant, a.name AS app_name, i.id, i.row, i.execution, i.name, i.status, i.turns, \
           i.history_len, i.revision, i.created_at, i.updated_at, \
           d.input, d.parent, d.custom_status, d.outcome, d.tags, d.version, d.scheduled_at \
    FROM app a JOIN instance i ON i.app = a.row JOIN detail d ON d.instance = i.row \
    WHERE a.tenant = ?1 AND a.name = ?2";

pub(crate) fn to_instance(row: &Row<'_>) -> Result<Instance, Fault> {
    let custom_status: Option<String> = row.get("custom_status")?;
    Ok(Instance {
        key: to_key(row)?,
        execution: to_execution(row, "execution")?,
        name: row.get("name")?,
        status: to_status(row.get("status")?)?,
        input: to_payload(row, "input")?,
        outcome: to_optional(row, "outcome")?,
        custom_status: custom_status.map(payload).transpose()?,
        parent: to_optional(row, "parent")?,
        tags: to_optional(row, "tags")?.unwrap_or_default(),
        version: row.get("version")?,
        scheduled_at: row
            .get::<_, Option<u64>>("scheduled_at")?
            .map(Timestamp::from_millis),
        revision: row.get::<_, Option<u32>>("revision")?.map(RevisionId),
        created_at: to_time(row, "created_at")?,
        updated_at: to_time(row, "updated_at")?,
        turns: to_u64(row, "turns")?,
        history_len: to_u64(row, "history_len")?,
    })
}

#[cfg(test)]
mod tests {
    use weft_orchestration::Kept;

    use super::*;

    #[test]
    fn names_stand_beside_texts() {
        let kept = Kept {
            sha256: [9; 32],
            bytes: 100_000,
        };
        let name = Payload::from(kept);
        let feigned = Payload::from(of_payload(&name).into_owned());
        for payload in [name, feigned, Payload::from("\u{1}"), Payload::null()] {
            let column = of_payload(&payload).into_owned();
            assert_eq!(super::payload(column).unwrap(), payload);
        }
    }
}
