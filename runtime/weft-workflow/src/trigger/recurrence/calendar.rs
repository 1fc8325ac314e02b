//! Occurrences by the calendar: days, weeks and months.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Time};
use jiff::{Span, Timestamp, Unit};

use super::{Frequency, Recurrence};

/// Periods without any occurrence after which none is expected: a fifth Monday in February comes
/// every 28 years, 40 where a century has no leap year.
const EMPTY_MAX: i64 = 1_000;

impl Recurrence {
    pub(super) fn in_calendar(&self, anchor: Timestamp, after: Timestamp) -> Option<Timestamp> {
        let from = self.zone.to_datetime(anchor);
        // One earlier than the period of `after`, which a change of clocks may have moved.
        let begin = self.period_of(from.date(), self.zone.to_datetime(after).date())? - 1;
        let begin = begin.max(0);
        let mut found: Option<Timestamp> = None;
        for period in begin..begin + EMPTY_MAX {
            let in_period = self.occurrences(from, period)?;
            let next = in_period
                .into_iter()
                .find(|at| *at > after && *at >= anchor);
            match (found, next) {
                // The first of the next period may come before one that was moved.
                (Some(found), Some(next)) => return Some(found.min(next)),
                (Some(found), None) => return Some(found),
                (None, next) => found = next,
            }
        }
        found
    }

    /// Where the anchor's time of day lies in the period `index` from its own.
    pub(super) fn period_start(&self, anchor: Timestamp, index: i64) -> Option<Timestamp> {
        let from = self.zone.to_datetime(anchor);
        let date = from.date().checked_add(self.span(index)?).ok()?;
        self.instant(date.to_datetime(from.time()))
    }

    fn span(&self, periods: i64) -> Option<Span> {
        let count = periods.checked_mul(i64::from(self.interval))?;
        let span = Span::new();
        match self.frequency {
            Frequency::Month => span.try_months(count).ok(),
            Frequency::Week => span.try_days(count.checked_mul(7)?).ok(),
            Frequency::Day => span.try_days(count).ok(),
            Frequency::Second | Frequency::Minute | Frequency::Hour => None,
        }
    }

    /// The number of the period that a date lies in.
    fn period_of(&self, from: Date, date: Date) -> Option<i64> {
        let units = match self.frequency {
            Frequency::Month => {
                let months = |date: Date| i64::from(date.year()) * 12 + i64::from(date.month());
                months(date) - months(from)
            }
            Frequency::Week => days(week_of(from)?, week_of(date)?)? / 7,
            Frequency::Day => days(from, date)?,
            Frequency::Second | Frequency::Minute | Frequency::Hour => return None,
        };
        Some(units.div_euclid(i64::from(self.interval)))
    }

    /// All occurrences of a period, in order. `None` past the end of the calendar.
    fn occurrences(&self, from: DateTime, period: i64) -> Option<BTreeSet<Timestamp>> {
        let dates = match self.frequency {
            Frequency::Month => self.dates_of_month(from.date(), period)?,
            Frequency::Week => {
                let first = week_of(from.date())?.checked_add(self.span(period)?).ok()?;
                let week = (0..7).map_while(|day| first.checked_add(Span::new().days(day)).ok());
                let wanted = &self.schedule.week_days;
                let week = week.filter(|date| match wanted.is_empty() {
                    true => date.weekday() == from.weekday(),
                    false => wanted.contains(&date.weekday()),
                });
                week.collect()
            }
            Frequency::Day => vec![from.date().checked_add(self.span(period)?).ok()?],
            Frequency::Second | Frequency::Minute | Frequency::Hour => return None,
        };
        let times = self.times(from.time());
        let mut found = BTreeSet::new();
        for date in dates {
            for time in &times {
                found.insert(self.instant(date.to_datetime(*time))?);
            }
        }
        Some(found)
    }

    fn dates_of_month(&self, from: Date, period: i64) -> Option<Vec<Date>> {
        let first = from.first_of_month().checked_add(self.span(period)?).ok()?;
        let length = first.days_in_month();
        let schedule = &self.schedule;
        if schedule.month_days.is_empty() && schedule.occurrences.is_empty() {
            let day = from.day().min(length);
            return Some(vec![Date::new(first.year(), first.month(), day).ok()?]);
        }
        let by_number = schedule.month_days.iter().filter_map(|day| {
            let day = if *day < 0 { length + 1 + day } else { *day };
            Date::new(first.year(), first.month(), day).ok()
        });
        let by_name = schedule
            .occurrences
            .iter()
            .filter_map(|(nth, day)| first.nth_weekday_of_month(*nth, *day).ok());
        Some(by_number.chain(by_name).collect())
    }

    fn times(&self, from: Time) -> Vec<Time> {
        let or_own = |given: &BTreeSet<i8>, own: i8| match given.is_empty() {
            true => BTreeSet::from([own]),
            false => given.clone(),
        };
        let schedule = &self.schedule;
        // Minutes that are given are meant to the second.
        let (second, nanos) = match schedule.minutes.is_empty() {
            true => (from.second(), from.subsec_nanosecond()),
            false => (0, 0),
        };
        let hours = or_own(&schedule.hours, from.hour());
        let minutes = or_own(&schedule.minutes, from.minute());
        let times = hours.iter().flat_map(|hour| {
            let minutes = minutes.iter();
            minutes.filter_map(move |minute| Time::new(*hour, *minute, second, nanos).ok())
        });
        times.collect()
    }

    fn instant(&self, local: DateTime) -> Option<Timestamp> {
        self.zone.to_timestamp(local).ok()
    }
}

/// The Sunday that a date's week begins with.
fn week_of(date: Date) -> Option<Date> {
    let gone = i64::from(date.weekday().to_sunday_zero_offset());
    date.checked_sub(Span::new().days(gone)).ok()
}

fn days(from: Date, to: Date) -> Option<i64> {
    let span = to.since((Unit::Day, from)).ok()?;
    Some(i64::from(span.get_days()))
}
