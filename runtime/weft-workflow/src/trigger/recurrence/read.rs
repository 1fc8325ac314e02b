//! A recurrence as definitions write it, its expressions evaluated.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{DateTime, Weekday};
use jiff::tz::TimeZone;

use crate::expression::time_zone;
use crate::value::Value;

use super::{Frequency, NoRecurrence, Recurrence, Schedule};

impl Recurrence {
    /// Reads `{frequency, interval, schedule, startTime, endTime, timeZone}`.
    ///
    /// # Errors
    /// The first fault. Validation has told all that can be known before deployment.
    pub fn read(value: &Value) -> Result<Self, NoRecurrence> {
        let member = |name: &str| value.get(name).filter(|value| !value.is_null());
        let (frequency, most) = frequency(member("frequency"))?;
        let interval = match member("interval") {
            None => return Err(no("The recurrence has no 'interval'.")),
            Some(value) => integer(value)
                .filter(|interval| (1..=most).contains(interval))
                .and_then(|interval| u32::try_from(interval).ok())
                .ok_or_else(|| {
                    let found = value.to_text();
                    no(format!(
                        "The interval '{found}' of the recurrence is not an integer from 1 to {most}."
                    ))
                })?,
        };
        let zone = match member("timeZone").map(Value::to_text) {
            Some(name) if !name.trim().is_empty() => time_zone(name.trim())
                .ok_or_else(|| no(format!("The time zone '{name}' is not known.")))?,
            _ => TimeZone::UTC,
        };
        let moment = |name: &str| match member(name).map(Value::to_text) {
            Some(text) if !text.trim().is_empty() => {
                moment(text.trim(), &zone).map(Some).ok_or_else(|| {
                    no(format!(
                        "The '{name}' '{text}' of the recurrence is no time."
                    ))
                })
            }
            _ => Ok(None),
        };
        Ok(Self {
            frequency,
            interval,
            start: moment("startTime")?,
            end: moment("endTime")?,
            schedule: member("schedule")
                .map(schedule)
                .transpose()?
                .unwrap_or_default(),
            zone,
        })
    }
}

/// With the longest interval.
fn frequency(value: Option<&Value>) -> Result<(Frequency, i64), NoRecurrence> {
    let name = value.map(Value::to_text).unwrap_or_default();
    Ok(match name.to_ascii_lowercase().as_str() {
        "second" => (Frequency::Second, 9_999_999),
        "minute" => (Frequency::Minute, 72_000),
        "hour" => (Frequency::Hour, 12_000),
        "day" => (Frequency::Day, 500),
        "week" => (Frequency::Week, 71),
        "month" => (Frequency::Month, 16),
        _ => {
            let message = format!("The frequency '{name}' of the recurrence is not supported.");
            return Err(no(message));
        }
    })
}

fn schedule(value: &Value) -> Result<Schedule, NoRecurrence> {
    let numbers = |name: &str, range: std::ops::RangeInclusive<i64>| {
        items(value.get(name))
            .map(|item| {
                let number = integer(item).filter(|number| range.contains(number));
                number
                    .and_then(|number| i8::try_from(number).ok())
                    .ok_or_else(|| {
                        let found = item.to_text();
                        no(format!(
                            "The value '{found}' of the schedule's '{name}' is not valid."
                        ))
                    })
            })
            .collect::<Result<BTreeSet<_>, _>>()
    };
    let mut month_days = numbers("monthDays", -31..=31)?;
    month_days.remove(&0);
    let week_days = items(value.get("weekDays")).map(week_day);
    let occurrences = items(value.get("monthlyOccurrences")).map(|item| {
        let day = item.get("dayOfWeek").or(item.get("day")).unwrap_or(&Value::Null);
        let nth = item.get("occurrence").and_then(integer);
        let nth = nth.filter(|nth| *nth != 0 && (-5..=5).contains(nth));
        let nth = nth.and_then(|nth| i8::try_from(nth).ok()).ok_or_else(|| {
            no("The 'occurrence' of the schedule's 'monthlyOccurrences' is from 1 to 5 or -5 to -1.")
        })?;
        Ok((nth, week_day(day)?))
    });
    Ok(Schedule {
        hours: numbers("hours", 0..=23)?,
        minutes: numbers("minutes", 0..=59)?,
        week_days: once_each(week_days)?,
        month_days,
        occurrences: once_each(occurrences)?,
    })
}

/// The different ones, in the order in which they come.
fn once_each<T: PartialEq>(
    all: impl Iterator<Item = Result<T, NoRecurrence>>,
) -> Result<Vec<T>, NoRecurrence> {
    let mut found = Vec::new();
    for one in all {
        let one = one?;
        if !found.contains(&one) {
            found.push(one);
        }
    }
    Ok(found)
}

/// The items of an array; anything else is one item.
fn items(value: Option<&Value>) -> impl Iterator<Item = &Value> {
    let items = match value {
        Some(Value::Array(items)) => &**items,
        Some(Value::Null) | None => &[],
        Some(one) => std::slice::from_ref(one),
    };
    items.iter()
}

fn week_day(value: &Value) -> Result<Weekday, NoRecurrence> {
    let name = value.to_text();
    Ok(match name.trim().to_ascii_lowercase().as_str() {
        "monday" => Weekday::Monday,
        "tuesday" => Weekday::Tuesday,
        "wednesday" => Weekday::Wednesday,
        "thursday" => Weekday::Thursday,
        "friday" => Weekday::Friday,
        "saturday" => Weekday::Saturday,
        "sunday" => Weekday::Sunday,
        _ => return Err(no(format!("'{name}' is no day of the week."))),
    })
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_i64(),
    }
}

fn moment(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let local: DateTime = text.parse().ok()?;
    zone.to_timestamp(local).ok()
}

fn no(message: impl Into<String>) -> NoRecurrence {
    NoRecurrence(message.into())
}
