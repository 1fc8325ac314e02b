//! Recurrences: what is due when, and what is none.

use std::collections::BTreeSet;

use expect_test::{Expect, expect};
use jiff::civil::Date;
use jiff::{Span, Unit};
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::value::Value;

fn recurrence(json: serde_json::Value) -> Recurrence {
    Recurrence::read(&Value::from(json)).expect("a recurrence")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The first occurrences of a trigger that is activated at a time, in the recurrence's zone.
fn check(json: serde_json::Value, activated: &str, count: usize, expected: Expect) {
    let recurrence = recurrence(json);
    let activated = at(activated);
    let anchor = recurrence.anchor(activated);
    let mut next = recurrence.first(activated);
    let mut text = String::new();
    for _ in 0..count {
        let Some(found) = next else {
            text.push_str("none\n");
            break;
        };
        let local = recurrence.zone.to_datetime(found);
        text.push_str(&format!(
            "{} {}\n",
            local.strftime("%a"),
            found
                .to_zoned_datetime(recurrence.zone.clone())
                .strftime("%FT%T%:z")
        ));
        next = recurrence.after(anchor, found);
    }
    expected.assert_eq(&text);
}

#[test]
fn without_a_start_it_fires_at_once() {
    check(
        json!({"frequency": "Minute", "interval": 20}),
        "2026-03-01T08:07:30Z",
        3,
        expect![[r#"
            Sun 2026-03-01T08:07:30+00:00
            Sun 2026-03-01T08:27:30+00:00
            Sun 2026-03-01T08:47:30+00:00
        "#]],
    );
}

#[test]
fn a_start_in_the_past_is_counted_from_and_not_made_up_for() {
    check(
        json!({"frequency": "Hour", "interval": 5, "startTime": "2026-01-01T00:30:00Z",
            "endTime": "2026-03-01T19:00:00Z"}),
        "2026-03-01T08:07:30Z",
        4,
        expect![[r#"
            Sun 2026-03-01T09:30:00+00:00
            Sun 2026-03-01T14:30:00+00:00
            none
        "#]],
    );
}

#[test]
fn a_start_in_the_future_is_the_first() {
    check(
        json!({"frequency": "Day", "interval": 2, "startTime": "2026-03-28T02:30:00",
            "timeZone": "W. Europe Standard Time"}),
        "2026-03-01T08:00:00Z",
        3,
        expect![[r#"
            Sat 2026-03-28T02:30:00+01:00
            Mon 2026-03-30T02:30:00+02:00
            Wed 2026-04-01T02:30:00+02:00
        "#]],
    );
}

#[test]
fn a_time_that_the_clocks_leave_out_is_later_and_one_that_comes_twice_counts_once() {
    check(
        json!({"frequency": "Day", "interval": 1, "startTime": "2026-03-28T00:00:00",
            "schedule": {"hours": [2, 3], "minutes": [30]}, "timeZone": "Europe/Berlin"}),
        "2026-03-01T08:00:00Z",
        5,
        expect![[r#"
            Sat 2026-03-28T02:30:00+01:00
            Sat 2026-03-28T03:30:00+01:00
            Sun 2026-03-29T03:30:00+02:00
            Mon 2026-03-30T02:30:00+02:00
            Mon 2026-03-30T03:30:00+02:00
        "#]],
    );
    check(
        json!({"frequency": "Day", "interval": 1, "startTime": "2026-10-24T02:30:00",
            "timeZone": "Europe/Berlin"}),
        "2026-03-01T08:00:00Z",
        3,
        expect![[r#"
            Sat 2026-10-24T02:30:00+02:00
            Sun 2026-10-25T02:30:00+02:00
            Mon 2026-10-26T02:30:00+01:00
        "#]],
    );
}

#[test]
fn weeks_and_their_days() {
    check(
        json!({"frequency": "Week", "interval": 2, "startTime": "2026-03-04T09:15:00Z",
            "schedule": {"hours": [8, "17"], "weekDays": ["Monday", "Friday"]}}),
        "2026-03-01T08:00:00Z",
        5,
        expect![[r#"
            Fri 2026-03-06T08:15:00+00:00
            Fri 2026-03-06T17:15:00+00:00
            Mon 2026-03-16T08:15:00+00:00
            Mon 2026-03-16T17:15:00+00:00
            Fri 2026-03-20T08:15:00+00:00
        "#]],
    );
}

#[test]
fn months_and_their_days() {
    check(
        json!({"frequency": "Month", "interval": 1, "startTime": "2026-01-31T12:00:00Z"}),
        "2026-01-01T00:00:00Z",
        4,
        expect![[r#"
            Sat 2026-01-31T12:00:00+00:00
            Sat 2026-02-28T12:00:00+00:00
            Tue 2026-03-31T12:00:00+00:00
            Thu 2026-04-30T12:00:00+00:00
        "#]],
    );
    check(
        json!({"frequency": "Month", "interval": 1, "startTime": "2026-01-01T12:00:00Z",
            "schedule": {"monthDays": [-1, 31],
                "monthlyOccurrences": [{"dayOfWeek": "Friday", "occurrence": 5}]}}),
        "2026-01-01T00:00:00Z",
        4,
        expect![[r#"
            Fri 2026-01-30T12:00:00+00:00
            Sat 2026-01-31T12:00:00+00:00
            Sat 2026-02-28T12:00:00+00:00
            Tue 2026-03-31T12:00:00+00:00
        "#]],
    );
}

#[test]
fn a_day_that_never_comes_is_not_waited_for() {
    check(
        json!({"frequency": "Month", "interval": 12, "startTime": "2026-02-01T12:00:00Z",
            "schedule": {"monthDays": [30]}}),
        "2026-01-01T00:00:00Z",
        1,
        expect![[r#"
            none
        "#]],
    );
}

#[test]
fn what_is_given_many_times_counts_once() {
    let zeros = vec![0; 100_000];
    let days = vec!["Monday"; 100_000];
    let schedule = json!({"hours": zeros, "minutes": zeros, "weekDays": days});
    check(
        json!({"frequency": "Week", "interval": 1, "schedule": schedule,
            "startTime": "2026-03-01T00:00:00Z"}),
        "2026-03-01T00:00:00Z",
        2,
        expect![[r#"
            Mon 2026-03-02T00:00:00+00:00
            Mon 2026-03-09T00:00:00+00:00
        "#]],
    );
}

#[test]
fn what_is_no_recurrence_is_refused() {
    for (json, message) in [
        (
            json!({}),
            "The frequency '' of the recurrence is not supported.",
        ),
        (
            json!({"frequency": "Day"}),
            "The recurrence has no 'interval'.",
        ),
        (
            json!({"frequency": "Month", "interval": 17}),
            "The interval '17' of the recurrence is not an integer from 1 to 16.",
        ),
        (
            json!({"frequency": "Day", "interval": 1, "timeZone": "Mars"}),
            "The time zone 'Mars' is not known.",
        ),
        (
            json!({"frequency": "Day", "interval": 1, "schedule": {"hours": [24]}}),
            "The value '24' of the schedule's 'hours' is not valid.",
        ),
        (
            json!({"frequency": "Day", "interval": 1, "startTime": "soon"}),
            "The 'startTime' 'soon' of the recurrence is no time.",
        ),
    ] {
        let refused = Recurrence::read(&Value::from(json)).expect_err(message);
        assert_eq!(refused.to_string(), message);
    }
}

const ZONES: [&str; 5] = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
];

/// Any recurrence by the calendar.
fn any_calendar() -> impl Strategy<Value = serde_json::Value> {
    let frequency = prop::sample::select(vec!["Day", "Week", "Month"]);
    let zone = prop::sample::select(ZONES.to_vec());
    let hours = prop::collection::vec(0..24u8, 0..4);
    let minutes = prop::collection::vec(0..60u8, 0..3);
    let names = vec!["Sunday", "Monday", "Wednesday", "Saturday"];
    let week_days = prop::collection::vec(prop::sample::select(names.clone()), 0..3);
    let month_days = prop::collection::vec(-31..=31i8, 0..3);
    let nth = (
        prop::sample::select(names),
        prop::sample::select(vec![1i8, 2, 5, -1]),
    );
    let nths = prop::collection::vec(nth, 0..2);
    let start = (0..365i64, 0..86_400i64);
    let parts = (
        frequency,
        1..4u8,
        zone,
        hours,
        minutes,
        week_days,
        month_days,
        nths,
        start,
    );
    parts.prop_map(
        |(frequency, interval, zone, hours, minutes, week_days, month_days, nths, start)| {
            let start = Timestamp::from_second(1_767_225_600 + start.0 * 86_400 + start.1);
            let mut schedule = json!({"hours": hours, "minutes": minutes});
            if frequency == "Week" {
                schedule["weekDays"] = json!(week_days);
            }
            if frequency == "Month" {
                let nths: Vec<_> = nths
                    .iter()
                    .map(|(day, nth)| json!({"dayOfWeek": day, "occurrence": nth}))
                    .collect();
                schedule["monthDays"] = json!(month_days);
                schedule["monthlyOccurrences"] = json!(nths);
            }
            json!({"frequency": frequency, "interval": interval, "timeZone": zone,
                "schedule": schedule, "startTime": start.expect("in range").to_string()})
        },
    )
}

/// Day by day, each asked whether it counts.
fn naive(recurrence: &Recurrence, anchor: Timestamp, days: i64) -> BTreeSet<Timestamp> {
    let from = recurrence.zone.to_datetime(anchor);
    let schedule = &recurrence.schedule;
    let interval = i64::from(recurrence.interval);
    let sunday = |date: Date| {
        let gone = i64::from(date.weekday().to_sunday_zero_offset());
        date.checked_sub(Span::new().days(gone)).unwrap()
    };
    let apart = |a: Date, b: Date| i64::from(b.since((Unit::Day, a)).unwrap().get_days());
    let months = |d: Date| i64::from(d.year()) * 12 + i64::from(d.month());
    let counts = |date: Date| match recurrence.frequency {
        Frequency::Day => apart(from.date(), date) % interval == 0,
        Frequency::Week => {
            let week = apart(sunday(from.date()), sunday(date)) / 7;
            let day = match schedule.week_days.is_empty() {
                true => date.weekday() == from.weekday(),
                false => schedule.week_days.contains(&date.weekday()),
            };
            week % interval == 0 && day
        }
        Frequency::Month => {
            let length = date.days_in_month();
            let (day, back) = (date.day(), date.day() - length - 1);
            let free = schedule.month_days.is_empty() && schedule.occurrences.is_empty();
            let own = free && day == from.day().min(length);
            let numbered = schedule.month_days.iter().any(|d| *d == day || *d == back);
            let named = schedule.occurrences.iter().any(|(nth, name)| {
                let of = if *nth > 0 {
                    (day - 1) / 7 + 1
                } else {
                    -((-back - 1) / 7 + 1)
                };
                date.weekday() == *name && of == *nth
            });
            (months(date) - months(from.date())) % interval == 0 && (own || numbered || named)
        }
        Frequency::Second | Frequency::Minute | Frequency::Hour => unreachable!(),
    };
    let mut found = BTreeSet::new();
    for day in 0..days {
        let date = from.date().checked_add(Span::new().days(day)).unwrap();
        if !counts(date) {
            continue;
        }
        for hour in 0..24 {
            for minute in 0..60 {
                let hours = &schedule.hours;
                let minutes = &schedule.minutes;
                let right = (hours.contains(&hour) || hours.is_empty() && hour == from.hour())
                    && (minutes.contains(&minute) || minutes.is_empty() && minute == from.minute());
                let second = if minutes.is_empty() { from.second() } else { 0 };
                if right {
                    let local = date.at(hour, minute, second, 0);
                    found.insert(recurrence.zone.to_timestamp(local).unwrap());
                }
            }
        }
    }
    found.retain(|at| *at >= anchor);
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn occurrences_agree_with_a_naive_enumeration(json in any_calendar()) {
        let recurrence = recurrence(json);
        let anchor = recurrence.start.expect("it has one");
        let expected: Vec<_> = naive(&recurrence, anchor, 500).into_iter().take(60).collect();
        let mut found = Vec::new();
        let mut next = recurrence.first(anchor);
        while let Some(at) = next {
            if found.len() == expected.len() {
                break;
            }
            prop_assert!(found.last().is_none_or(|last| *last < at), "not twice, not backwards");
            found.push(at);
            next = recurrence.after(anchor, at);
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn lengths_of_time_neither_drift_nor_skip(
        unit in prop::sample::select(vec![("Second", 1i64), ("Minute", 60), ("Hour", 3_600)]),
        interval in 1..100i64,
        ask in 0..10_000_000i64,
    ) {
        let json = json!({"frequency": unit.0, "interval": interval});
        let recurrence = recurrence(json);
        let anchor = at("2026-03-01T08:07:30.25Z");
        let after = anchor.checked_add(Span::new().seconds(ask)).unwrap();
        let next = recurrence.after(anchor, after).expect("there is always another");
        let gone = next.duration_since(anchor).as_secs();
        let step = unit.1 * interval;
        prop_assert!(next > after);
        prop_assert!(gone - ask <= step);
        prop_assert_eq!(gone % step, 0);
    }
}
