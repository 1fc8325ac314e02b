//! What can be said about a value before anything runs.

use jiff::fmt::temporal::SpanParser;

use crate::value::Value;

/// A value that should have a certain type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Literal<T> {
    Is(T),
    /// Computed when it runs, or known to a deployment alone.
    Later,
    Wrong,
}

/// Whether a text is computed later.
pub(super) fn later(text: &str) -> bool {
    super::super::is_unresolved(text)
        || text.contains("@{")
        || (text.starts_with('@') && !text.starts_with("@@"))
}

pub(super) fn is_later(value: &Value) -> bool {
    value.as_str().is_some_and(later)
}

/// An integer, or text of one as some authors write it.
pub(super) fn integer(value: &Value) -> Literal<i64> {
    match value {
        Value::String(text) if later(text) => Literal::Later,
        Value::String(text) => text.trim().parse().map_or(Literal::Wrong, Literal::Is),
        other => other.as_i64().map_or(Literal::Wrong, Literal::Is),
    }
}

pub(super) fn text(value: &Value) -> Literal<&str> {
    match value {
        Value::String(text) if later(text) => Literal::Later,
        Value::String(text) => Literal::Is(text),
        _ => Literal::Wrong,
    }
}

/// A duration of ISO 8601 in seconds, with months of 30 days and years of 365.
pub(super) fn duration(value: &Value) -> Literal<i64> {
    let text = match text(value) {
        Literal::Is(text) => text,
        Literal::Later => return Literal::Later,
        Literal::Wrong => return Literal::Wrong,
    };
    let Ok(span) = SpanParser::new().parse_span(text) else {
        return Literal::Wrong;
    };
    const DAY: i64 = 86_400;
    let days = i64::from(span.get_days())
        + 7 * i64::from(span.get_weeks())
        + 30 * i64::from(span.get_months())
        + 365 * i64::from(span.get_years());
    let seconds = i64::from(span.get_hours()) * 3_600 + span.get_minutes() * 60;
    match days
        .checked_mul(DAY)
        .and_then(|whole| whole.checked_add(seconds)?.checked_add(span.get_seconds()))
    {
        Some(total) => Literal::Is(total),
        None => Literal::Wrong,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_iso_8601() {
        for (text, seconds) in [("PT1H", 3_600), ("P1DT2M", 86_520), ("P1M", 2_592_000)] {
            assert_eq!(duration(&Value::from(text)), Literal::Is(seconds), "{text}");
        }
        for text in ["", "1H", "PT", "one hour", "P1H", "1 hour"] {
            assert_eq!(duration(&Value::from(text)), Literal::Wrong, "{text}");
        }
        assert_eq!(duration(&Value::from("@{variables('t')}")), Literal::Later);
    }
}
