//! Lengths of time as definitions write them.

use jiff::{Span, SpanRelativeTo};

use crate::value::Value;

/// Milliseconds of an ISO 8601 duration such as `PT1H` or `P1DT12H`; `None` for anything else. A
/// day has 24 hours; months and years have 30 and 365 days.
pub(crate) fn duration_ms(text: &str) -> Option<u64> {
    let span: Span = text.trim().parse().ok()?;
    if span.is_negative() {
        return None;
    }
    let days = i64::from(span.get_years()) * 365 + i64::from(span.get_months()) * 30;
    let rest = span.years(0).months(0);
    let rest = rest.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    let millis = i128::from(days) * 86_400_000 + rest.as_millis();
    u64::try_from(millis).ok()
}

/// Milliseconds of `{"count": 5, "unit": "Minute"}`.
pub(crate) fn interval_ms(count: &Value, unit: &str) -> Option<u64> {
    let seconds = match unit.to_ascii_lowercase().as_str() {
        "second" => 1.0,
        "minute" => 60.0,
        "hour" => 3_600.0,
        "day" => 86_400.0,
        "week" => 604_800.0,
        "month" => 2_592_000.0,
        "year" => 31_536_000.0,
        _ => return None,
    };
    let count = match count {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.to_f64()?,
    };
    let millis = count * seconds * 1000.0;
    // Below 2^53 the conversion is exact; longer than that is no wait that anybody means.
    if !(0.0..9.0e15).contains(&millis) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be in range"
    )]
    Some(millis as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration_ms("PT1H"), Some(3_600_000));
        assert_eq!(duration_ms("P1DT12H"), Some(129_600_000));
        assert_eq!(duration_ms("PT0.5S"), Some(500));
        assert_eq!(duration_ms("P1M"), Some(2_592_000_000));
        assert_eq!(duration_ms("P2W"), Some(1_209_600_000));
        assert_eq!(duration_ms("-PT1H"), None);
        assert_eq!(duration_ms("1h and more"), None);
    }

    #[test]
    fn intervals() {
        assert_eq!(interval_ms(&Value::from(5i64), "Minute"), Some(300_000));
        assert_eq!(interval_ms(&Value::from("2"), "second"), Some(2_000));
        assert_eq!(interval_ms(&Value::from(-1i64), "second"), None);
        assert_eq!(interval_ms(&Value::from(1i64), "eon"), None);
    }
}
