//! Times as the wire shows them.

use weft_orchestration::Timestamp;

use crate::Problem;

fn instant(at: Timestamp) -> jiff::Timestamp {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX)
}

/// RFC 3339 in UTC with milliseconds.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    format!("{:.3}", instant(at))
}

/// `yyyy-MM-ddTHH:mm:ssZ`, as the Durable Functions API writes times.
pub(crate) fn whole_seconds(at: Timestamp) -> String {
    instant(at).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// RFC 3339 in UTC with seven digits of a second, as .NET writes it.
pub(crate) fn precise(at: Timestamp) -> String {
    format!("{:.7}", instant(at))
}

/// Reads RFC 3339; a time without an offset is UTC, one before 1970 is 1970.
///
/// # Errors
/// 400, naming the parameter.
pub(crate) fn parse(parameter: &str, text: &str) -> Result<Timestamp, Problem> {
    let instant = text.parse::<jiff::Timestamp>().or_else(|_| {
        // A date or a local time gets the offset that it lacks.
        let local: jiff::civil::DateTime = text.parse()?;
        jiff::tz::TimeZone::UTC.to_timestamp(local)
    });
    let instant = instant.map_err(|_| {
        Problem::invalid(format!(
            "{parameter} must be a time such as 2026-01-31T12:00:00Z"
        ))
        .with("parameter", parameter)
    })?;
    let millis = u64::try_from(instant.as_millisecond()).unwrap_or(0);
    Ok(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads_times() {
        let at = Timestamp::from_millis(1_700_000_000_123);
        assert_eq!(rfc3339(at), "2023-11-14T22:13:20.123Z");
        assert_eq!(whole_seconds(at), "2023-11-14T22:13:20Z");
        assert_eq!(parse("t", &rfc3339(at)).unwrap(), at);
        let day = parse("t", "2023-11-14").unwrap();
        assert_eq!(rfc3339(day), "2023-11-14T00:00:00.000Z");
        assert!(parse("t", "yesterday").is_err());
    }
}
