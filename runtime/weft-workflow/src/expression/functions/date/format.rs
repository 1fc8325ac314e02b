//! .NET's standard and custom formats of times and time spans.

use jiff::SignedDuration;

use super::Moment;
use super::culture::Culture;

/// `None` for a format that does not exist.
pub(super) fn moment(moment: Moment, format: &str, culture: Culture) -> Option<String> {
    let mut chars = format.chars();
    match (chars.next(), chars.next()) {
        (Some(letter), None) => standard(letter, moment, culture),
        _ => custom_moment(moment, format, culture),
    }
}

fn standard(letter: char, moment: Moment, culture: Culture) -> Option<String> {
    let patterns = culture.patterns;
    let invariant = match letter {
        'o' | 'O' if moment.utc => Some("yyyy-MM-ddTHH:mm:ss.fffffffK"),
        'o' | 'O' => Some("yyyy-MM-ddTHH:mm:ss.fffffff"),
        'r' | 'R' => Some("ddd, dd MMM yyyy HH:mm:ss 'GMT'"),
        's' => Some("yyyy-MM-ddTHH:mm:ss"),
        'u' => Some("yyyy-MM-dd HH:mm:ss'Z'"),
        _ => None,
    };
    if let Some(pattern) = invariant {
        return custom_moment(moment, pattern, Culture::english());
    }
    let both = |date: &str, time: &str| format!("{date} {time}");
    let pattern = match letter {
        'd' => patterns.short_date.to_owned(),
        'D' => patterns.long_date.to_owned(),
        'f' => both(patterns.long_date, patterns.short_time),
        'F' | 'U' => both(patterns.long_date, patterns.long_time),
        'g' => both(patterns.short_date, patterns.short_time),
        'G' => both(patterns.short_date, patterns.long_time),
        'm' | 'M' => patterns.month_day.to_owned(),
        't' => patterns.short_time.to_owned(),
        'T' => patterns.long_time.to_owned(),
        'y' | 'Y' => patterns.year_month.to_owned(),
        _ => return None,
    };
    custom_moment(moment, &pattern, culture)
}

fn custom_moment(moment: Moment, format: &str, culture: Culture) -> Option<String> {
    let at = moment.at;
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    while let Some(letter) = chars.next() {
        let mut count = 1;
        if "dfFghHKmMstyz".contains(letter) {
            while chars.next_if_eq(&letter).is_some() {
                count += 1;
            }
        }
        match letter {
            'd' => match count {
                1 => out.push_str(&at.day().to_string()),
                2 => out.push_str(&format!("{:02}", at.day())),
                _ => {
                    let index = at.weekday().to_sunday_zero_offset();
                    let names = if count == 3 {
                        culture.days_short
                    } else {
                        culture.days
                    };
                    out.push_str(names[usize::try_from(index).ok()?]);
                }
            },
            'M' => match count {
                1 => out.push_str(&at.month().to_string()),
                2 => out.push_str(&format!("{:02}", at.month())),
                _ => {
                    let names = match count {
                        3 => culture.months_short,
                        _ => culture.months,
                    };
                    out.push_str(names[usize::try_from(at.month() - 1).ok()?]);
                }
            },
            'y' => match count {
                1 => out.push_str(&(at.year() % 100).to_string()),
                2 => out.push_str(&format!("{:02}", at.year() % 100)),
                _ => out.push_str(&format!("{:0count$}", at.year())),
            },
            'h' => {
                let hour = match at.hour() % 12 {
                    0 => 12,
                    hour => hour,
                };
                padded(&mut out, hour.into(), count);
            }
            'H' => padded(&mut out, at.hour().into(), count),
            'm' => padded(&mut out, at.minute().into(), count),
            's' => padded(&mut out, at.second().into(), count),
            'f' | 'F' => {
                let digits = format!("{:09}", at.subsec_nanosecond());
                let fraction = digits.get(..count.min(7))?;
                match letter {
                    'f' => out.push_str(fraction),
                    _ => {
                        let fraction = fraction.trim_end_matches('0');
                        if fraction.is_empty() && out.ends_with('.') {
                            out.pop();
                        }
                        out.push_str(fraction);
                    }
                }
            }
            't' => {
                let half = if at.hour() < 12 { "AM" } else { "PM" };
                out.push_str(if count == 1 { &half[..1] } else { half });
            }
            'K' if moment.utc => out.push('Z'),
            'K' => {}
            'z' => out.push_str(match count {
                1 => "+0",
                2 => "+00",
                _ => "+00:00",
            }),
            'g' => out.push_str("A.D."),
            '\\' => out.push(chars.next()?),
            '\'' | '"' => loop {
                match chars.next()? {
                    end if end == letter => break,
                    other => out.push(other),
                }
            },
            '%' => {}
            '/' => out.push(culture.separator),
            other => out.push(other),
        }
    }
    Some(out)
}

fn padded(out: &mut String, number: i64, count: usize) {
    match count {
        1 => out.push_str(&number.to_string()),
        _ => out.push_str(&format!("{number:02}")),
    }
}

struct Parts {
    days: i64,
    hours: i64,
    minutes: i64,
    seconds: i64,
    /// Of 100 nanoseconds.
    ticks: i32,
}

fn parts(span: SignedDuration) -> Parts {
    let span = span.abs();
    let seconds = span.as_secs();
    Parts {
        days: seconds / 86_400,
        hours: seconds / 3_600 % 24,
        minutes: seconds / 60 % 60,
        seconds: seconds % 60,
        ticks: span.subsec_nanos() / 100,
    }
}

/// `[-][d.]hh:mm:ss[.fffffff]`
pub(super) fn time_span(span: SignedDuration) -> String {
    let sign = if span.is_negative() { "-" } else { "" };
    let Parts {
        days,
        hours,
        minutes,
        seconds,
        ticks,
    } = parts(span);
    let days = match days {
        0 => String::new(),
        days => format!("{days}."),
    };
    let fraction = match ticks {
        0 => String::new(),
        ticks => format!(".{ticks:07}"),
    };
    format!("{sign}{days}{hours:02}:{minutes:02}:{seconds:02}{fraction}")
}

/// Days, hours, minutes, seconds and fractions by their letters; the sign is never shown.
pub(super) fn custom_time_span(span: SignedDuration, format: &str) -> String {
    let parts = parts(span);
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    while let Some(letter) = chars.next() {
        let mut count = 1;
        while "dhmsfF".contains(letter) && chars.next_if_eq(&letter).is_some() {
            count += 1;
        }
        let number = match letter {
            'd' => parts.days,
            'h' => parts.hours,
            'm' => parts.minutes,
            's' => parts.seconds,
            'f' | 'F' => {
                let digits = format!("{:07}", parts.ticks);
                out.push_str(&digits[..count.min(7)]);
                continue;
            }
            '\\' => {
                out.extend(chars.next());
                continue;
            }
            '\'' => {
                out.extend(chars.by_ref().take_while(|c| *c != '\''));
                continue;
            }
            other => {
                out.push(other);
                continue;
            }
        };
        out.push_str(&format!("{number:0count$}"));
    }
    out
}
