//! Why a function failed, as callers and retry policies see it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::bindings::imports::weft::functions::types;

/// Why a function failed.
///
/// Every error type becomes one by `?`, with the kind `error` and worth a retry. An activity that
/// knows better says so by [`Failure::permanent`] and [`Failure::transient`]. For that reason this
/// type itself does not implement [`std::error::Error`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable name that callers and retry policies compare, for instance `payment-declined`.
    pub kind: String,
    /// One sentence for a person.
    pub message: String,
    /// Whether the same call may succeed later. Retry policies stop at `false`.
    pub retryable: bool,
    /// Further details.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<Value>,
}

impl Failure {
    /// The kind of an input that is not what the function takes.
    pub const INVALID_INPUT: &str = "invalid-input";
    /// The kind of a result that is not what the caller expects.
    pub const INVALID_OUTPUT: &str = "invalid-output";
    /// The kind of an error that came by `?`.
    pub const ERROR: &str = "error";

    /// A failure that another try meets again.
    pub fn permanent(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            message: message.into(),
            retryable: false,
            details: None,
        }
    }

    /// A failure that a later try may not meet.
    pub fn transient(kind: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            retryable: true,
            ..Self::permanent(kind, message)
        }
    }

    /// Adds details, which callers receive as JSON. Details that are not JSON (a map whose keys
    /// are no strings) are left out.
    #[must_use]
    pub fn with_details(mut self, details: &impl Serialize) -> Self {
        self.details = serde_json::to_value(details).ok();
        self
    }

    pub(crate) fn from_wit(failure: types::Failure) -> Self {
        let details = failure
            .details
            .map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text)));
        Self {
            kind: failure.kind,
            message: failure.message,
            retryable: failure.retryable,
            details,
        }
    }

    pub(crate) fn into_wit(self) -> types::Failure {
        types::Failure {
            kind: self.kind,
            message: self.message,
            retryable: self.retryable,
            details: self.details.map(|details| details.to_string()),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind, self.message)
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message.push_str(": ");
            message.push_str(&cause.to_string());
            source = cause.source();
        }
        Self::transient(Self::ERROR, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_brings_its_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("the till is closed")]
        struct Closed(#[source] std::num::ParseIntError);
        let cause = "x".parse::<u8>().unwrap_err();
        let failure = Failure::from(Closed(cause));
        assert_eq!(
            failure.message,
            "the till is closed: invalid digit found in string"
        );
        assert!(failure.retryable);
    }

    #[test]
    fn details_survive_the_way_through_the_host() {
        let failure = Failure::permanent("declined", "no funds").with_details(&[1, 2]);
        assert_eq!(Failure::from_wit(failure.clone().into_wit()), failure);
    }
}
