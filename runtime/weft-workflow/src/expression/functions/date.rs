//! Dates and times: .NET's formats, en-US unless a locale is given.

mod culture;
mod format;
mod parse;
mod zone;

use jiff::civil::{DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Span, ToSpan as _};

use crate::value::Value;

use super::{EvalError, Invocation, Outcome};
use culture::Culture;

/// The format that a time gets where none is asked for: seven digits of a second.
const ROUND_TRIP: &str = "o";

/// A date with a time, and whether it is known to be UTC.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    at: DateTime,
    utc: bool,
}

fn culture(call: &Invocation<'_>, args: &[Value], index: usize) -> Result<Culture, EvalError> {
    Ok(Culture::of(
        call.optional_string(args, index)?.unwrap_or("en-us"),
    ))
}

/// The time that the argument says.
fn moment(call: &Invocation<'_>, args: &[Value], index: usize) -> Result<Moment, EvalError> {
    let text = call.string(args, index)?;
    parse::moment(text, Culture::of("en-us")).ok_or_else(|| no_time(call, text))
}

fn no_time(call: &Invocation<'_>, text: &str) -> EvalError {
    call.error(format_args!(
        "expects its parameter to be a string that contains a valid time stamp. The provided value \
         '{text}' is none."
    ))
}

fn out_of_range(call: &Invocation<'_>) -> EvalError {
    call.error("cannot be evaluated: the resulting time is out of range.")
}

/// As the format at `index` says.
fn shown(call: &Invocation<'_>, args: &[Value], index: usize, moment: Moment) -> Outcome {
    let culture = culture(call, args, index + 1)?;
    let asked = call.optional_string(args, index)?;
    let asked = asked.filter(|text| !text.is_empty()).unwrap_or(ROUND_TRIP);
    format::moment(moment, asked, culture)
        .map(Value::from)
        .ok_or_else(|| {
            call.error(format_args!(
                "expects a valid format. The provided value is '{asked}'."
            ))
        })
}

fn moved(call: &Invocation<'_>, moment: Moment, by: Span) -> Result<Moment, EvalError> {
    let at = moment.at.checked_add(by).map_err(|_| out_of_range(call))?;
    Ok(Moment { at, ..moment })
}

/// Fractions of the unit count.
fn add(call: &mut Invocation<'_>, args: &[Value], seconds: f64) -> Outcome {
    let from = moment(call, args, 0)?;
    let count = args[1].to_f64();
    let count = count.ok_or_else(|| call.wrong(1, &args[1], "be an integer"))?;
    let by = SignedDuration::try_from_secs_f64(count * seconds).map_err(|_| out_of_range(call))?;
    let at = from.at.checked_add(by).map_err(|_| out_of_range(call))?;
    shown(call, args, 2, Moment { at, ..from })
}

pub(super) fn add_days(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    add(call, args, 86_400.0)
}

pub(super) fn add_hours(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    add(call, args, 3_600.0)
}

pub(super) fn add_minutes(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    add(call, args, 60.0)
}

pub(super) fn add_seconds(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    add(call, args, 1.0)
}

/// So many of a unit, negated where it is subtracted.
fn span(call: &Invocation<'_>, args: &[Value], index: usize, sign: i64) -> Result<Span, EvalError> {
    let count = call.integer(args, index)?;
    let count = count.checked_mul(sign).ok_or_else(|| out_of_range(call))?;
    let unit = call.string(args, index + 1)?;
    let span = Span::new();
    let span = match unit.to_ascii_lowercase().as_str() {
        "second" => span.try_seconds(count),
        "minute" => span.try_minutes(count),
        "hour" => span.try_hours(count),
        "day" => span.try_days(count),
        "week" => span.try_weeks(count),
        "month" => span.try_months(count),
        "year" => span.try_years(count),
        other => {
            return Err(call.error(format_args!(
                "expects the unit of time to be one of 'Second', 'Minute', 'Hour', 'Day', 'Week', \
                 'Month' and 'Year'. The provided value is '{other}'."
            )));
        }
    };
    span.map_err(|_| out_of_range(call))
}

pub(super) fn add_to_time(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let moved = moved(call, moment(call, args, 0)?, span(call, args, 1, 1)?)?;
    shown(call, args, 3, moved)
}

pub(super) fn subtract_from_time(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let moved = moved(call, moment(call, args, 0)?, span(call, args, 1, -1)?)?;
    shown(call, args, 3, moved)
}

fn now(call: &Invocation<'_>) -> Moment {
    Moment {
        at: TimeZone::UTC.to_datetime(call.scope.now()),
        utc: true,
    }
}

pub(super) fn utc_now(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    shown(call, args, 0, now(call))
}

pub(super) fn future(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let moved = moved(call, now(call), span(call, args, 0, 1)?)?;
    shown(call, args, 2, moved)
}

pub(super) fn past(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let moved = moved(call, now(call), span(call, args, 0, -1)?)?;
    shown(call, args, 2, moved)
}

pub(super) fn format_date_time(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let found = moment(call, args, 0)?;
    shown(call, args, 1, found)
}

pub(super) fn parse_date_time(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let text = call.string(args, 0)?;
    let culture = culture(call, args, 1)?;
    let found = match call.optional_string(args, 2)? {
        Some(format) => parse::exact(text, format, culture),
        None => parse::moment(text, culture),
    };
    let found = found.ok_or_else(|| no_time(call, text))?;
    format::moment(found, ROUND_TRIP, Culture::of("en-us"))
        .map(Value::from)
        .ok_or_else(|| no_time(call, text))
}

fn start(call: &mut Invocation<'_>, args: &[Value], cut: fn(DateTime) -> DateTime) -> Outcome {
    let found = moment(call, args, 0)?;
    let at = cut(found.at);
    shown(call, args, 1, Moment { at, ..found })
}

pub(super) fn start_of_day(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    start(call, args, |at| at.date().to_datetime(Time::midnight()))
}

pub(super) fn start_of_hour(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    start(call, args, |at| at.date().at(at.hour(), 0, 0, 0))
}

pub(super) fn start_of_month(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    start(call, args, |at| {
        at.date().first_of_month().to_datetime(Time::midnight())
    })
}

pub(super) fn day_of_month(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    Ok(Value::Int(moment(call, args, 0)?.at.day().into()))
}

/// Sunday is 0.
pub(super) fn day_of_week(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let day = moment(call, args, 0)?.at.weekday();
    Ok(Value::Int(day.to_sunday_zero_offset().into()))
}

pub(super) fn day_of_year(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    Ok(Value::Int(moment(call, args, 0)?.at.day_of_year().into()))
}

/// Steps of 100 nanoseconds since the first day of year 1.
pub(super) fn ticks(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let at = moment(call, args, 0)?.at;
    let since = at.duration_since(DateTime::constant(1, 1, 1, 0, 0, 0, 0));
    let ticks = since.as_nanos() / 100;
    Ok(Value::Int(i64::try_from(ticks).unwrap_or(i64::MAX)))
}

pub(super) fn date_difference(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let (from, to) = (moment(call, args, 0)?, moment(call, args, 1)?);
    Ok(Value::from(format::time_span(
        to.at.duration_since(from.at),
    )))
}

/// From ticks or from a time span's own text.
pub(super) fn format_time_span(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let text = call.string(args, 0)?;
    let span = parse::time_span(text).ok_or_else(|| {
        call.error(format_args!(
            "expects a valid time span. The provided value is '{text}'."
        ))
    })?;
    Ok(Value::from(match call.optional_string(args, 1)? {
        None | Some("" | "c" | "t" | "T") => format::time_span(span),
        Some(custom) => format::custom_time_span(span, custom),
    }))
}

/// The zone that has this name in Windows or in the IANA database, in whatever letter case.
pub fn time_zone(name: &str) -> Option<TimeZone> {
    zone::of(name)
}

fn zone(call: &Invocation<'_>, args: &[Value], index: usize) -> Result<TimeZone, EvalError> {
    let name = call.string(args, index)?;
    zone::of(name).ok_or_else(|| {
        call.error(format_args!(
            "parameters are not valid: the time zone id '{name}' is not valid."
        ))
    })
}

fn in_zone(call: &Invocation<'_>, utc: DateTime, zone: &TimeZone) -> Result<DateTime, EvalError> {
    let at = TimeZone::UTC
        .to_timestamp(utc)
        .map_err(|_| out_of_range(call))?;
    Ok(zone.to_datetime(at))
}

/// A time that clocks show twice is the later one, which is standard time; one that they skip is an
/// error, as in .NET.
fn to_utc(call: &Invocation<'_>, local: DateTime, zone: &TimeZone) -> Result<DateTime, EvalError> {
    let ambiguous = zone.to_ambiguous_timestamp(local);
    if let AmbiguousOffset::Gap { .. } = ambiguous.offset() {
        return Err(call.error(format_args!(
            "parameters are not valid: the time '{local}' does not exist in the time zone, where \
             clocks are put forward."
        )));
    }
    let at = ambiguous.later().map_err(|_| out_of_range(call))?;
    Ok(TimeZone::UTC.to_datetime(at))
}

/// The result says no offset: whoever asked knows the zone.
pub(super) fn convert_from_utc(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let found = moment(call, args, 0)?;
    let at = in_zone(call, found.at, &zone(call, args, 1)?)?;
    shown(call, args, 2, Moment { at, utc: false })
}

pub(super) fn convert_to_utc(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let found = moment(call, args, 0)?;
    let zone = zone(call, args, 1)?;
    let at = match found.utc {
        true => found.at,
        false => to_utc(call, found.at, &zone)?,
    };
    shown(call, args, 2, Moment { at, utc: true })
}

pub(super) fn convert_time_zone(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let found = moment(call, args, 0)?;
    let (from, to) = (zone(call, args, 1)?, zone(call, args, 2)?);
    let utc = match found.utc {
        true => found.at,
        false => to_utc(call, found.at, &from)?,
    };
    let at = in_zone(call, utc, &to)?;
    shown(call, args, 3, Moment { at, utc: false })
}

/// Where a two-digit year lies.
fn century(year: i16) -> i16 {
    if year < 50 { 2000 + year } else { 1900 + year }
}

fn later_by(at: DateTime, nanoseconds: i64) -> Option<DateTime> {
    at.checked_add(nanoseconds.nanoseconds()).ok()
}
