//! Our values as those of the wire, and back.

pub(crate) mod action;
pub(crate) mod entity;
pub(crate) mod failure;
pub(crate) mod history;
pub(crate) mod labels;
mod payload;
mod reason;
pub(crate) mod state;
mod value;

use std::time::Duration;

use weft_id::InstanceId;
use weft_orchestration::{Status, Timestamp};

use crate::proto;
pub(crate) use payload::{of_payload, to_payload};
pub(crate) use reason::{of_reason, to_reason};

/// What the wire says that has no meaning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(pub(crate) String);

impl From<Malformed> for tonic::Status {
    fn from(malformed: Malformed) -> Self {
        Self::invalid_argument(malformed.0)
    }
}

pub(crate) fn of_time(time: Timestamp) -> prost_types::Timestamp {
    let ms = time.as_millis();
    prost_types::Timestamp {
        seconds: i64::try_from(ms / 1000).unwrap_or(i64::MAX),
        nanos: i32::try_from(ms % 1000 * 1_000_000).expect("less than a second"),
    }
}

/// Rounded up to a millisecond, so that nothing happens before its time; times before 1970 are 1970.
pub(crate) fn to_time(time: prost_types::Timestamp) -> Timestamp {
    let Ok(seconds) = u64::try_from(time.seconds) else {
        return Timestamp::from_millis(0);
    };
    let nanos = u64::try_from(time.nanos.clamp(0, 999_999_999)).expect("not negative");
    Timestamp::from_millis(
        seconds
            .saturating_mul(1000)
            .saturating_add(nanos.div_ceil(1_000_000)),
    )
}

pub(crate) fn to_duration(duration: prost_types::Duration) -> Duration {
    duration.try_into().unwrap_or_default()
}

pub(crate) fn to_instance(text: &str) -> Result<InstanceId, Malformed> {
    let parsed = text.parse();
    parsed.map_err(|error: weft_id::Error| Malformed(error.to_string()))
}

pub(crate) fn of_status(status: Status) -> proto::OrchestrationStatus {
    match status {
        Status::Pending => proto::OrchestrationStatus::Pending,
        Status::Running => proto::OrchestrationStatus::Running,
        Status::Suspended => proto::OrchestrationStatus::Suspended,
        Status::Completed => proto::OrchestrationStatus::Completed,
        Status::Failed => proto::OrchestrationStatus::Failed,
        Status::Terminated => proto::OrchestrationStatus::Terminated,
    }
}

/// `None` for the statuses that no instance of ours has.
pub(crate) fn to_status(code: i32) -> Result<Option<Status>, Malformed> {
    let status = proto::OrchestrationStatus::try_from(code)
        .map_err(|_| Malformed(format!("no status has the number {code}")))?;
    Ok(match status {
        proto::OrchestrationStatus::Pending => Some(Status::Pending),
        proto::OrchestrationStatus::Running => Some(Status::Running),
        proto::OrchestrationStatus::Suspended => Some(Status::Suspended),
        proto::OrchestrationStatus::Completed => Some(Status::Completed),
        proto::OrchestrationStatus::Failed => Some(Status::Failed),
        proto::OrchestrationStatus::Terminated => Some(Status::Terminated),
        proto::OrchestrationStatus::ContinuedAsNew | proto::OrchestrationStatus::Canceled => None,
    })
}

/// The statuses of a filter. `None` where only such are asked for that no instance has.
pub(crate) fn to_statuses(codes: &[i32]) -> Result<Option<Vec<Status>>, Malformed> {
    let mut statuses = Vec::new();
    for code in codes {
        statuses.extend(to_status(*code)?);
    }
    Ok((codes.is_empty() || !statuses.is_empty()).then_some(statuses))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_and_bounded() {
        let time = |seconds, nanos| to_time(prost_types::Timestamp { seconds, nanos });
        assert_eq!(time(1, 1), Timestamp::from_millis(1001));
        assert_eq!(time(1, 0), Timestamp::from_millis(1000));
        assert_eq!(time(-5, 3), Timestamp::from_millis(0));
        assert_eq!(time(i64::MAX, i32::MAX), Timestamp::from_millis(u64::MAX));
        assert_eq!(
            to_time(of_time(Timestamp::from_millis(1234))).as_millis(),
            1234
        );
    }
}
