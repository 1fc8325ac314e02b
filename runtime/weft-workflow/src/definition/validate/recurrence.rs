//! When a trigger fires: frequency, interval, schedule, start, time zone.

use crate::expression::time_zone;
use crate::value::Value;

use super::super::fault::{Fault, child};
use super::Report;
use super::literal::{Literal, integer, is_later, text};

/// With the longest interval of each.
const FREQUENCIES: [(&str, i64); 6] = [
    ("Second", 9_999_999),
    ("Minute", 72_000),
    ("Hour", 12_000),
    ("Day", 500),
    ("Week", 71),
    ("Month", 16),
];

const DAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];

/// Whether a schedule may stand beside frequency and interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schedule {
    Allowed,
    Refused,
}

pub(super) fn check(recurrence: &Value, pointer: &str, schedule: Schedule, report: &mut Report) {
    if is_later(recurrence) {
        return;
    }
    if !matches!(recurrence, Value::Object(_)) {
        let message = format!(
            "The recurrence should be an object; it is of type '{}'.",
            recurrence.kind()
        );
        report.error(pointer, message);
        return;
    }
    let frequency = frequency(recurrence, pointer, report);
    interval(recurrence, pointer, frequency, report);
    moments(recurrence, pointer, report);
    match (recurrence.get("schedule"), schedule) {
        (None | Some(Value::Null), _) => {}
        (Some(_), Schedule::Refused) => {
            let message = "A trigger of type 'SlidingWindow' takes no schedule.";
            report.error(child(pointer, "schedule"), message);
        }
        (Some(found), Schedule::Allowed) => {
            self::schedule(found, &child(pointer, "schedule"), frequency, report);
        }
    }
}

/// `None` when it is not known before deployment, or wrong.
fn frequency(
    recurrence: &Value,
    pointer: &str,
    report: &mut Report,
) -> Option<(&'static str, i64)> {
    let found = recurrence.get("frequency").map(text);
    let name = match found {
        Some(Literal::Is(name)) => name,
        Some(Literal::Later) => return None,
        Some(Literal::Wrong) | None => {
            let message = "The recurrence has no 'frequency'.";
            let hint = "It is one of Second, Minute, Hour, Day, Week and Month.";
            report.add(Fault::error(pointer, message).hint(hint));
            return None;
        }
    };
    let known = FREQUENCIES
        .into_iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    // The calendar's year is in the peer's schema, and in no trigger.
    if known.is_none() {
        let message = format!("The frequency '{name}' of the recurrence is not supported.");
        let fault = Fault::error(child(pointer, "frequency"), message);
        report.unknown(fault, name, FREQUENCIES.map(|(name, _)| name));
    }
    known
}

fn interval(
    recurrence: &Value,
    pointer: &str,
    frequency: Option<(&'static str, i64)>,
    report: &mut Report,
) {
    let Some(value) = recurrence.get("interval") else {
        report.error(pointer, "The recurrence has no 'interval'.");
        return;
    };
    let (unit, most) = frequency.unwrap_or(("Second", 9_999_999));
    match integer(value) {
        Literal::Later => {}
        Literal::Is(interval) if (1..=most).contains(&interval) => {}
        Literal::Is(_) | Literal::Wrong => {
            let message = format!(
                "The interval '{}' of the recurrence is not valid: for the frequency '{unit}' it \
                 should be an integer from 1 to {most}.",
                value.to_text()
            );
            report.error(child(pointer, "interval"), message);
        }
    }
}

fn moments(recurrence: &Value, pointer: &str, report: &mut Report) {
    let zone = recurrence.get("timeZone").filter(|zone| !zone.is_null());
    if let Some(value) = zone {
        let at = child(pointer, "timeZone");
        match text(value) {
            Literal::Is(name) if time_zone(name).is_none() => {
                let message = format!("The time zone '{name}' is not known.");
                let hint = "Names are those of Windows, as 'W. Europe Standard Time', or of the \
                            IANA database.";
                report.add(Fault::error(at, message).hint(hint));
            }
            Literal::Is(_) | Literal::Later => {}
            Literal::Wrong => report.error(at, "The time zone should be a string."),
        }
    }
    for member in ["startTime", "endTime"] {
        let value = match recurrence.get(member).map(text) {
            Some(Literal::Is(value)) => value,
            None | Some(Literal::Later) => continue,
            Some(Literal::Wrong) => {
                let message = format!("'{member}' should be a string.");
                report.error(child(pointer, member), message);
                continue;
            }
        };
        let at = child(pointer, member);
        let zoned = value.parse::<jiff::Timestamp>().is_ok();
        let local = value.parse::<jiff::civil::DateTime>().is_ok();
        if !zoned && !local {
            let message = format!("The '{member}' '{value}' of the recurrence is not valid.");
            let hint = "It is a date with a time, as 2026-03-01T08:00:00Z.";
            report.add(Fault::error(at, message).hint(hint));
        } else if !zoned && zone.is_none() {
            let message = format!(
                "The '{member}' '{value}' has no time zone: it has to end in 'Z', or 'timeZone' has \
                 to be given."
            );
            report.error(at, message);
        }
    }
}

fn schedule(
    schedule: &Value,
    pointer: &str,
    frequency: Option<(&'static str, i64)>,
    report: &mut Report,
) {
    if is_later(schedule) {
        return;
    }
    if !matches!(schedule, Value::Object(_)) {
        report.error(pointer, "The schedule should be an object.");
        return;
    }
    // With the number of different values.
    let needs: [(&str, usize, &[&str]); 5] = [
        ("hours", 24, &["Day", "Week"]),
        ("minutes", 60, &["Day", "Week"]),
        ("weekDays", 7, &["Week"]),
        ("monthDays", 63, &["Month"]),
        ("monthlyOccurrences", 70, &["Month"]),
    ];
    for (member, values_max, frequencies) in needs {
        let Some(value) = schedule.get(member).filter(|value| !value.is_null()) else {
            continue;
        };
        let at = child(pointer, member);
        let month = frequency.is_some_and(|(name, _)| name == "Month") && member != "weekDays";
        if let Some((name, _)) = frequency
            && !frequencies.contains(&name)
            && !month
        {
            let message = format!(
                "The schedule's '{member}' needs the frequency {}; it is '{name}'.",
                frequencies.join(" or ")
            );
            report.error(&at, message);
        }
        if let Value::Array(items) = value
            && items.len() > values_max
        {
            let message = format!(
                "The schedule's '{member}' has {} values; there are {values_max} different ones.",
                items.len()
            );
            report.error(&at, message);
            continue;
        }
        match (member, value) {
            (_, Value::String(_)) if is_later(value) => {}
            ("hours", _) => numbers(value, member, 0..=23, &at, report),
            ("minutes", _) => numbers(value, member, 0..=59, &at, report),
            ("monthDays", _) => numbers(value, member, -31..=31, &at, report),
            ("weekDays", Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    week_day(item, &format!("{at}/{index}"), report);
                }
            }
            ("weekDays", Value::String(_)) => week_day(value, &at, report),
            (_, Value::Array(_)) => {}
            _ => report.error(
                &at,
                format!("The schedule's '{member}' should be an array."),
            ),
        }
    }
}

fn numbers(
    value: &Value,
    member: &str,
    range: std::ops::RangeInclusive<i64>,
    pointer: &str,
    report: &mut Report,
) {
    let items = match value {
        Value::Array(items) => &**items,
        one => std::slice::from_ref(one),
    };
    for (index, item) in items.iter().enumerate() {
        match integer(item) {
            Literal::Later => {}
            Literal::Is(number) if range.contains(&number) => {}
            Literal::Is(_) | Literal::Wrong => {
                let message = format!(
                    "The value '{}' of the schedule's '{member}' is not valid: it should be an \
                     integer from {} to {}.",
                    item.to_text(),
                    range.start(),
                    range.end()
                );
                report.error(format!("{pointer}/{index}"), message);
            }
        }
    }
}

fn week_day(value: &Value, pointer: &str, report: &mut Report) {
    match text(value) {
        Literal::Later => {}
        Literal::Is(name) if DAYS.iter().any(|day| day.eq_ignore_ascii_case(name)) => {}
        Literal::Is(name) => {
            let message = format!("The week day '{name}' of the schedule is not known.");
            report.unknown(Fault::error(pointer, message), name, DAYS);
        }
        Literal::Wrong => report.error(pointer, "A week day of the schedule should be a string."),
    }
}
