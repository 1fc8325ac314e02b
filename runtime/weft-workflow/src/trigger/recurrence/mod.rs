//! When a trigger fires by the clock.
//!
//! A recurrence is a set of instants, without memory: [`Recurrence::after`] gives the first one after
//! an instant, counted from an anchor (the start time, or when the trigger was activated). Seconds,
//! minutes and hours are lengths of time; days, weeks and months are those of the calendar in the
//! recurrence's zone. A time of day that a change of clocks leaves out is taken as much later as the
//! clocks were put forward; one that comes twice counts the first time. Invariants: `after` is later
//! than what it is given, and no instant between the two is in the set.

mod calendar;
mod read;

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

/// When to fire.
#[derive(Debug, Clone, PartialEq)]
pub struct Recurrence {
    frequency: Frequency,
    /// From 1.
    interval: u32,
    schedule: Schedule,
    start: Option<Timestamp>,
    end: Option<Timestamp>,
    zone: TimeZone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frequency {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
}

/// Which times of the days of a period count; what is empty is that of the anchor. Nothing is there
/// twice, so that a period has a bounded number of occurrences.
#[derive(Debug, Clone, Default, PartialEq)]
struct Schedule {
    hours: BTreeSet<i8>,
    minutes: BTreeSet<i8>,
    week_days: Vec<Weekday>,
    /// Negative ones from the end of the month.
    month_days: BTreeSet<i8>,
    /// The how manieth such day of the month; negative from its end.
    occurrences: Vec<(i8, Weekday)>,
}

/// A recurrence that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NoRecurrence(String);

impl Recurrence {
    /// What occurrences are counted from, for a trigger that was activated at `activated`.
    #[must_use]
    pub fn anchor(&self, activated: Timestamp) -> Timestamp {
        self.start.unwrap_or(activated)
    }

    /// The first occurrence of a trigger that is activated: at once without a start time, else not
    /// before that one; what lies before the activation is passed over. `None` where there is none
    /// (any more).
    #[must_use]
    pub fn first(&self, activated: Timestamp) -> Option<Timestamp> {
        let at = match self.start {
            None => activated,
            Some(start) => {
                let before = Timestamp::from_nanosecond(
                    activated.max(start).as_nanosecond().saturating_sub(1),
                );
                self.after(start, before.ok()?)?
            }
        };
        self.before_end(at)
    }

    /// The first occurrence after an instant, counted from `anchor`, which is an occurrence itself
    /// unless there is a schedule. `None` at the end.
    #[must_use]
    pub fn after(&self, anchor: Timestamp, after: Timestamp) -> Option<Timestamp> {
        let next = match self.step_nanos() {
            Some(step) => stepped(anchor, after, step)?,
            None => self.in_calendar(anchor, after)?,
        };
        self.before_end(next)
    }

    /// The `index`th instant from the anchor on, without a look at the schedule: where the windows
    /// of a sliding window end.
    #[must_use]
    pub fn nth(&self, anchor: Timestamp, index: u64) -> Option<Timestamp> {
        let at = match self.step_nanos() {
            Some(step) => offset(anchor, step.checked_mul(i128::from(index))?)?,
            None => self.period_start(anchor, i64::try_from(index).ok()?)?,
        };
        self.before_end(at)
    }

    /// One interval before an instant.
    #[must_use]
    pub fn one_before(&self, at: Timestamp) -> Option<Timestamp> {
        match self.step_nanos() {
            Some(step) => offset(at, -step),
            None => self.period_start(at, -1),
        }
    }

    fn before_end(&self, at: Timestamp) -> Option<Timestamp> {
        self.end.is_none_or(|end| at <= end).then_some(at)
    }

    /// The length of an interval, where it always is the same.
    fn step_nanos(&self) -> Option<i128> {
        let seconds = match self.frequency {
            Frequency::Second => 1,
            Frequency::Minute => 60,
            Frequency::Hour => 3_600,
            Frequency::Day | Frequency::Week | Frequency::Month => return None,
        };
        Some(i128::from(self.interval) * seconds * 1_000_000_000)
    }
}

fn stepped(anchor: Timestamp, after: Timestamp, step: i128) -> Option<Timestamp> {
    let gone = after.as_nanosecond() - anchor.as_nanosecond();
    if gone < 0 {
        return Some(anchor);
    }
    offset(anchor, (gone / step + 1) * step)
}

fn offset(anchor: Timestamp, nanos: i128) -> Option<Timestamp> {
    Timestamp::from_nanosecond(anchor.as_nanosecond().checked_add(nanos)?).ok()
}

#[cfg(test)]
mod tests;
