//! `formatNumber`: .NET's standard formats with a precision, and custom ones of `#`, `0`, `,`, `.`
//! and `%`.

use rust_decimal::{Decimal, RoundingStrategy};

use crate::value::Value;

use super::convert::separators;
use super::{Invocation, Outcome};

pub(super) fn format_number(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let number = match &args[0] {
        Value::Int(number) => Decimal::from(*number),
        Value::Decimal(number) => *number,
        Value::Float(number) => match format!("{number}").parse() {
            Ok(number) => number,
            Err(_) => return Err(call.wrong(0, &args[0], "be a number that can be shown")),
        },
        other => return Err(call.wrong(0, other, "be an integer or a decimal number")),
    };
    let format = call.string(args, 1)?;
    let locale = call.optional_string(args, 2)?;
    let style = Style::of(locale);
    let shown = match standard(format) {
        Some((letter, precision)) => style.standard(number, letter, precision),
        None => Some(style.custom(number, format)),
    };
    shown.map(Value::from).ok_or_else(|| {
        call.error(format_args!(
            "expects a valid format. The provided value is '{format}'."
        ))
    })
}

/// A letter with at most two digits.
fn standard(format: &str) -> Option<(char, Option<u32>)> {
    let letter = format.chars().next().filter(char::is_ascii_alphabetic)?;
    let digits = &format[1..];
    match digits {
        "" => Some((letter, None)),
        _ if digits.len() <= 2 => Some((letter, Some(digits.parse().ok()?))),
        _ => None,
    }
}

struct Style {
    group: char,
    point: char,
    /// What stands before and behind an amount of money.
    currency: (&'static str, &'static str),
}

impl Style {
    fn of(locale: Option<&str>) -> Self {
        let (groups, point) = separators(locale);
        let locale = locale.unwrap_or("en-us").to_ascii_lowercase();
        let currency = match locale.as_str() {
            "en-gb" => ("£", ""),
            "is-is" => ("", " kr"),
            "ja-jp" => ("￥", ""),
            "sv-se" | "nb-no" => ("", " kr"),
            "da-dk" => ("", " kr."),
            _ if ["de", "fr", "es", "it", "fi", "pt-pt", "el"]
                .iter()
                .any(|euro| locale.starts_with(euro)) =>
            {
                ("", " €")
            }
            _ if locale.starts_with("nl") => ("€ ", ""),
            _ => ("$", ""),
        };
        Self {
            group: *groups.last().expect("every language separates groups"),
            point,
            currency,
        }
    }

    fn fixed(&self, number: Decimal, digits: u32, grouped: bool) -> String {
        let rounded = number
            .abs()
            .round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
        let plain = format!("{rounded:.*}", digits as usize);
        let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
        let mut shown = String::new();
        for (index, digit) in whole.chars().enumerate() {
            if grouped && index > 0 && (whole.len() - index).is_multiple_of(3) {
                shown.push(self.group);
            }
            shown.push(digit);
        }
        if !fraction.is_empty() {
            shown.push(self.point);
            shown.push_str(fraction);
        }
        match number.is_sign_negative() && !rounded.is_zero() {
            true => format!("-{shown}"),
            false => shown,
        }
    }

    fn standard(&self, number: Decimal, letter: char, precision: Option<u32>) -> Option<String> {
        let two = precision.unwrap_or(2);
        Some(match letter.to_ascii_uppercase() {
            'C' => {
                let (before, behind) = self.currency;
                let amount = self.fixed(number.abs(), two, true);
                let sign = if number.is_sign_negative() { "-" } else { "" };
                format!("{sign}{before}{amount}{behind}")
            }
            'N' => self.fixed(number, two, true),
            'F' => self.fixed(number, two, false),
            'P' => format!("{}%", self.fixed(number * Decimal::ONE_HUNDRED, two, true)),
            'D' => {
                let width = precision.unwrap_or(1) as usize;
                let whole = number
                    .is_integer()
                    .then(|| number.abs().trunc().to_string())?;
                let sign = if number.is_sign_negative() { "-" } else { "" };
                format!("{sign}{whole:0>width$}")
            }
            'G' | 'R' => {
                let plain = match precision.filter(|digits| *digits > 0) {
                    Some(digits) => number.round_sf(digits)?.normalize().to_string(),
                    None => number.normalize().to_string(),
                };
                plain.replace('.', &self.point.to_string())
            }
            'X' if number.is_integer() => {
                let whole: i64 = number.trunc().try_into().ok()?;
                let width = precision.unwrap_or(1) as usize;
                match letter {
                    'x' => format!("{whole:0width$x}"),
                    _ => format!("{whole:0width$X}"),
                }
            }
            'E' => {
                let digits = precision.unwrap_or(6) as usize;
                let float: f64 = number.try_into().ok()?;
                let scientific = format!("{float:.digits$e}");
                let (mantissa, exponent) = scientific.split_once('e')?;
                let exponent: i32 = exponent.parse().ok()?;
                let sign = if exponent < 0 { '-' } else { '+' };
                let mantissa = mantissa.replace('.', &self.point.to_string());
                format!("{mantissa}{letter}{sign}{:03}", exponent.abs())
            }
            _ => return None,
        })
    }

    /// One section; text around the digits stands as it is.
    fn custom(&self, number: Decimal, format: &str) -> String {
        let sections: Vec<&str> = format.split(';').collect();
        let (section, number) = match (sections.as_slice(), number) {
            ([_, negative, ..], number) if number.is_sign_negative() && !number.is_zero() => {
                (*negative, number.abs())
            }
            ([_, _, zero, ..], number) if number.is_zero() => (*zero, number),
            (all, number) => (all[0], number),
        };
        let pattern = |c: char| "#0,.".contains(c);
        let Some(start) = section.find(pattern) else {
            return section.replace('\'', "");
        };
        let end = section.rfind(pattern).map_or(start, |end| end + 1);
        let (before, digits, behind) = (&section[..start], &section[start..end], &section[end..]);
        let number = match section.contains('%') {
            true => number * Decimal::ONE_HUNDRED,
            false => number,
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let least = fraction.matches('0').count();
        let most = least + fraction.matches('#').count();
        let most = u32::try_from(most).unwrap_or(20).min(20);
        let shown = self.fixed(number, most, whole.contains(','));
        let (mut integer, mut rest) = match shown.split_once(self.point) {
            Some((integer, rest)) => (integer.to_owned(), rest.to_owned()),
            None => (shown, String::new()),
        };
        while rest.len() > least && rest.ends_with('0') {
            rest.pop();
        }
        let zeros = whole.matches('0').count();
        let have = integer.chars().filter(char::is_ascii_digit).count();
        let sign = if integer.starts_with('-') { "-" } else { "" };
        let body = integer.trim_start_matches('-');
        integer = format!("{sign}{}{body}", "0".repeat(zeros.saturating_sub(have)));
        if zeros == 0 && integer.trim_start_matches('-') == "0" {
            integer = sign.to_owned();
        }
        let point = if rest.is_empty() {
            String::new()
        } else {
            self.point.to_string()
        };
        let text = |text: &str| text.replace(['\'', '\\'], "");
        format!("{}{integer}{point}{rest}{}", text(before), text(behind))
    }
}
