//! Identifiers of executions.

use std::fmt;
use std::str::FromStr;

use crate::{Error, serde_as_text};

/// One execution of an instance: new after each continue-as-new and each restart, so that messages
/// for an earlier one can be told apart and dropped. Written as 32 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecutionId(u128);

impl ExecutionId {
    #[must_use]
    pub const fn from_u128(value: u128) -> Self {
        Self(value)
    }

    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl FromStr for ExecutionId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        const WHAT: &str = "an execution id";
        let digit = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if let Some(found) = text.chars().find(|c| !digit(*c)) {
            return Err(Error::Character {
                what: WHAT,
                found,
                allowed: "lower-case hexadecimal digits are allowed",
            });
        }
        match u128::from_str_radix(text, 16) {
            Ok(value) if text.len() == 32 => Ok(Self(value)),
            _ => Err(Error::Length {
                what: WHAT,
                max: 32,
                len: text.len(),
            }),
        }
    }
}

impl fmt::Display for ExecutionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

serde_as_text!(ExecutionId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_as_32_digits() {
        let id = ExecutionId::from_u128(0xab);
        let text = id.to_string();
        assert_eq!(text.len(), 32);
        assert_eq!(text.parse::<ExecutionId>().unwrap(), id);
        assert!("ab".parse::<ExecutionId>().is_err());
        assert!("G".repeat(32).parse::<ExecutionId>().is_err());
    }
}
