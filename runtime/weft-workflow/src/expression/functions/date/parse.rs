//! Reading times: as standards write them, as people write them, and by an exact format.

use jiff::SignedDuration;

use super::culture::Culture;
use super::{Moment, century, later_by};

/// What has been read so far.
#[derive(Debug, Default)]
struct Fields {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    hour: i8,
    minute: i8,
    second: i8,
    nanosecond: i32,
    afternoon: Option<bool>,
    /// Minutes east of UTC.
    offset: Option<i32>,
}

impl Fields {
    fn finish(self) -> Option<Moment> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        let day = jiff::civil::Date::new(self.year?, self.month?, self.day.unwrap_or(1)).ok()?;
        let time = jiff::civil::Time::new(hour, self.minute, self.second, self.nanosecond).ok()?;
        let local = day.to_datetime(time);
        let at = match self.offset {
            Some(minutes) => later_by(local, -i64::from(minutes) * 60_000_000_000)?,
            None => local,
        };
        Some(Moment {
            at,
            utc: self.offset.is_some(),
        })
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Number(String),
    Word(String),
    Mark(char),
}

fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        let same: fn(char) -> bool = match char {
            c if c.is_ascii_digit() => |c| c.is_ascii_digit(),
            c if c.is_alphabetic() => char::is_alphabetic,
            c if c.is_whitespace() => {
                if found.last() != Some(&Token::Mark(' ')) {
                    found.push(Token::Mark(' '));
                }
                continue;
            }
            c => {
                found.push(Token::Mark(c));
                continue;
            }
        };
        let mut word = String::from(char);
        while let Some(next) = chars.next_if(|c| same(*c)) {
            word.push(next);
        }
        found.push(match char.is_ascii_digit() {
            true => Token::Number(word),
            false => Token::Word(word),
        });
    }
    found
}

/// A date with or without a time, in any of the usual ways.
pub(super) fn moment(text: &str, culture: Culture) -> Option<Moment> {
    let tokens = tokens(text.trim());
    let mut fields = Fields::default();
    let mut numbers: Vec<(i16, usize)> = Vec::new();
    let mut named_month = false;
    let mut has_time = false;
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            Token::Number(digits)
                if matches!(tokens.get(at + 1), Some(Token::Mark(':'))) && !has_time =>
            {
                has_time = true;
                at = time(&tokens, at, digits, &mut fields)?;
                continue;
            }
            Token::Number(digits) => {
                if digits.len() > 4 {
                    return None;
                }
                numbers.push((digits.parse().ok()?, digits.len()));
            }
            Token::Word(word) => {
                let word = word.to_lowercase();
                if let Some(month) = named(&word, &culture.months) {
                    fields.month = Some(i8::try_from(month + 1).ok()?);
                    // "octobre" and "October 5" alike: where it stands among the numbers.
                    named_month = true;
                } else if named(&word, &culture.days).is_some() || word == "t" {
                    // The day of the week says nothing that the date does not say.
                } else if word == "z" || word == "gmt" || word == "utc" {
                    fields.offset = Some(0);
                } else if word == "am" || word == "pm" {
                    fields.afternoon = Some(word == "pm");
                } else if !["de", "th", "st", "nd", "rd"].contains(&word.as_str()) {
                    return None;
                }
            }
            Token::Mark(' ' | ',' | '/' | '.') => {}
            Token::Mark('-') if !has_time => {}
            Token::Mark(sign @ ('+' | '-')) if has_time => {
                at = offset(&tokens, at + 1, *sign, &mut fields)?;
                continue;
            }
            Token::Mark(_) => return None,
        }
        at += 1;
    }
    let year = |(number, digits): (i16, usize)| {
        if digits <= 2 { century(number) } else { number }
    };
    let small = |(number, _): (i16, usize)| i8::try_from(number).ok();
    match (numbers.as_slice(), named_month) {
        ([day, of], true) if day.1 <= 2 => {
            fields.day = small(*day);
            fields.year = Some(year(*of));
        }
        ([of], true) => fields.year = Some(year(*of)),
        ([of, month, day], false) if of.1 > 2 => {
            fields.year = Some(of.0);
            fields.month = small(*month);
            fields.day = small(*day);
        }
        ([first, second, of], false) => {
            let (month, day) = match culture.month_first {
                true => (first, second),
                false => (second, first),
            };
            fields.month = small(*month);
            fields.day = small(*day);
            fields.year = Some(year(*of));
        }
        ([of, month], false) if of.1 == 4 => {
            fields.year = Some(of.0);
            fields.month = small(*month);
        }
        _ => return None,
    }
    fields.finish()
}

/// The position of a name or of its first three letters.
fn named(word: &str, names: &[&str]) -> Option<usize> {
    names.iter().position(|name| {
        let name = name.to_lowercase();
        name == word || (word.chars().count() >= 3 && name.starts_with(word))
    })
}

fn small(tokens: &[Token], at: usize) -> Option<i8> {
    match tokens.get(at)? {
        Token::Number(digits) if digits.len() <= 2 => digits.parse().ok(),
        _ => None,
    }
}

/// `H:m[:s[.f]]` from `at` on; returns where it ends.
fn time(tokens: &[Token], at: usize, hour: &str, fields: &mut Fields) -> Option<usize> {
    fields.hour = hour.parse().ok()?;
    fields.minute = small(tokens, at + 2)?;
    let mut at = at + 3;
    if tokens.get(at) == Some(&Token::Mark(':')) {
        fields.second = small(tokens, at + 1)?;
        at += 2;
        if let (Some(Token::Mark('.')), Some(Token::Number(digits))) =
            (tokens.get(at), tokens.get(at + 1))
        {
            fields.nanosecond = fraction(digits)?;
            at += 2;
        }
    }
    Some(at)
}

fn fraction(digits: &str) -> Option<i32> {
    let digits: String = digits.chars().chain("000000000".chars()).take(9).collect();
    digits.parse().ok()
}

/// `hh[:mm]` or `hhmm` behind the sign.
fn offset(tokens: &[Token], at: usize, sign: char, fields: &mut Fields) -> Option<usize> {
    let Token::Number(digits) = tokens.get(at)? else {
        return None;
    };
    let number: i32 = digits.parse().ok()?;
    let (minutes, end) = match (digits.len(), tokens.get(at + 1)) {
        (4, _) => (number / 100 * 60 + number % 100, at + 1),
        (_, Some(Token::Mark(':'))) => (number * 60 + i32::from(small(tokens, at + 2)?), at + 3),
        _ => (number * 60, at + 1),
    };
    fields.offset = Some(if sign == '-' { -minutes } else { minutes });
    Some(end)
}

/// By a format, letter by letter.
pub(super) fn exact(text: &str, format: &str, culture: Culture) -> Option<Moment> {
    let mut fields = Fields::default();
    let mut rest = text.trim();
    let mut letters = format.chars().peekable();
    while let Some(letter) = letters.next() {
        let mut count = 1;
        while "dfFhHKmMstyz".contains(letter) && letters.next_if_eq(&letter).is_some() {
            count += 1;
        }
        let mut digits = |least: usize, most: usize| -> Option<i32> {
            let found = rest
                .bytes()
                .take(most)
                .take_while(u8::is_ascii_digit)
                .count();
            let (number, after) = rest.split_at((found >= least).then_some(found)?);
            rest = after;
            number.parse().ok()
        };
        let two = |count: usize| (count.min(2), 2);
        match letter {
            'd' | 'M' if count > 2 => {
                let names: &[&str] = match letter {
                    'd' => &culture.days,
                    _ => &culture.months,
                };
                let len = rest
                    .chars()
                    .take_while(|c| c.is_alphabetic())
                    .map(char::len_utf8)
                    .sum();
                let (word, after) = rest.split_at(len);
                let index = named(&word.to_lowercase(), names)?;
                if letter == 'M' {
                    fields.month = Some(i8::try_from(index + 1).ok()?);
                }
                rest = after;
            }
            'd' => fields.day = Some(i8::try_from(digits(two(count).0, 2)?).ok()?),
            'M' => fields.month = Some(i8::try_from(digits(two(count).0, 2)?).ok()?),
            'y' if count <= 2 => {
                fields.year = Some(century(i16::try_from(digits(count, 2)?).ok()?));
            }
            'y' => fields.year = Some(i16::try_from(digits(count, count)?).ok()?),
            'h' | 'H' => fields.hour = i8::try_from(digits(two(count).0, 2)?).ok()?,
            'm' => fields.minute = i8::try_from(digits(two(count).0, 2)?).ok()?,
            's' => fields.second = i8::try_from(digits(two(count).0, 2)?).ok()?,
            'f' | 'F' => {
                let least = if letter == 'f' { count } else { 0 };
                let found = rest
                    .bytes()
                    .take(count)
                    .take_while(u8::is_ascii_digit)
                    .count();
                let (number, after) = rest.split_at((found >= least).then_some(found)?);
                fields.nanosecond = fraction(number)?;
                rest = after;
            }
            't' => {
                let lower = rest.to_ascii_lowercase();
                fields.afternoon = Some(lower.starts_with('p'));
                rest = rest.get(count.min(2)..)?;
            }
            'K' | 'z' => {
                let mut end = Fields::default();
                let tokens = tokens(rest);
                match tokens.first() {
                    Some(Token::Word(word)) if word.eq_ignore_ascii_case("z") => {
                        end.offset = Some(0);
                    }
                    Some(Token::Mark(sign @ ('+' | '-'))) => {
                        offset(&tokens, 1, *sign, &mut end)?;
                    }
                    _ => {}
                }
                fields.offset = end.offset;
                rest = "";
            }
            '\\' => rest = rest.strip_prefix(letters.next()?)?,
            '\'' => {
                let quoted: String = letters.by_ref().take_while(|c| *c != '\'').collect();
                rest = rest.strip_prefix(quoted.as_str())?;
            }
            other => rest = rest.strip_prefix(other)?,
        }
    }
    rest.is_empty().then(|| fields.finish()).flatten()
}

/// `[-][d.]hh:mm[:ss[.fffffff]]`, or a number of ticks.
pub(super) fn time_span(text: &str) -> Option<SignedDuration> {
    let text = text.trim();
    if let Ok(ticks) = text.parse::<i64>() {
        return Some(SignedDuration::from_nanos(ticks.checked_mul(100)?));
    }
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (days, clock) = match text.split_once('.') {
        Some((days, clock)) if !days.contains(':') => (days.parse::<i64>().ok()?, clock),
        _ => (0, text),
    };
    let mut parts = clock.split(':');
    let hours: i64 = parts.next()?.parse().ok()?;
    let minutes: i64 = parts.next()?.parse().ok()?;
    let (seconds, nanos) = match parts.next() {
        None => (0, 0),
        Some(seconds) => match seconds.split_once('.') {
            Some((whole, digits)) => (whole.parse().ok()?, fraction(digits)?),
            None => (seconds.parse().ok()?, 0),
        },
    };
    let seconds: i64 = seconds;
    let total = days.checked_mul(86_400)? + hours * 3_600 + minutes * 60 + seconds;
    let span = SignedDuration::new(total, nanos);
    Some(if negative { -span } else { span })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn reads_what_people_write() {
        let english = Culture::of("en-us");
        for text in [
            "1970-01-01",
            "1970-01-01T00:00:00Z",
            "1/1/1970",
            "01/01/1970 12:00:00 AM",
            "January 1, 1970",
            "Thursday, January 1, 1970 0:00",
            "1970-01-01T02:00:00.000+02:00",
            "Thu, 01 Jan 1970 00:00:00 GMT",
        ] {
            assert_eq!(
                moment(text, english).map(|m| m.at),
                Some(date(1970, 1, 1).at(0, 0, 0, 0)),
                "{text}"
            );
        }
        for text in ["", "soon", "2018-13-01", "99", "1970-01-01T25:00:00Z"] {
            assert!(moment(text, english).is_none(), "{text}");
        }
    }
}
