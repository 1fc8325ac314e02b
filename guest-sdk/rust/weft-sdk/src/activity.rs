//! Running an activity that the platform has called.

use serde::de::DeserializeOwned;

use crate::bindings::activity::exports::weft::functions::activity as wit;
use crate::bindings::imports::weft::functions::types;
use crate::{Activity, Failure};

/// Which call of which orchestration an activity runs for.
///
/// An activity runs at least once for each call: after a crash it may run again although it had
/// finished. What must not happen twice is keyed by [`Call::idempotency_key`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The orchestration; empty for a direct call.
    pub instance_id: String,
    /// The same for every attempt at this call and for no other call; empty for a direct call.
    pub idempotency_key: String,
    /// 1 for the first attempt that the retry policy makes.
    pub attempt: u32,
}

impl Call {
    /// A direct call, as tests make it.
    #[must_use]
    pub fn direct() -> Self {
        Self {
            instance_id: String::new(),
            idempotency_key: String::new(),
            attempt: 1,
        }
    }
}

#[doc(hidden)]
pub fn run<A: Activity>(input: &str, call: wit::Call) -> Result<String, types::Failure> {
    crate::panic::report_briefly();
    let call = Call {
        instance_id: call.instance_id,
        idempotency_key: call.idempotency_key,
        attempt: call.attempt,
    };
    parse_input(input)
        .and_then(|input| A::run(call, input))
        .and_then(|output| Ok(serde_json::to_string(&output)?))
        .map_err(Failure::into_wit)
}

#[doc(hidden)]
pub fn unknown(name: &str) -> types::Failure {
    let message = format!("this component holds no function named {name}");
    Failure::permanent("not-found", message).into_wit()
}

/// Reads the input of a function; no text at all counts as `null`.
pub(crate) fn parse_input<T: DeserializeOwned>(input: &str) -> Result<T, Failure> {
    let text = if input.is_empty() { "null" } else { input };
    from_json(text).map_err(|error| {
        let message = format!("the input is not as expected: {error}");
        Failure::permanent(Failure::INVALID_INPUT, message)
    })
}

/// Reads JSON, or the JSON in a JSON string where the text as it is does not fit: clients of Durable
/// Functions encode what they send twice.
pub(crate) fn from_json<T: DeserializeOwned>(text: &str) -> serde_json::Result<T> {
    serde_json::from_str(text).or_else(|error| {
        let inner: Result<String, _> = serde_json::from_str(text);
        let inner = inner
            .ok()
            .and_then(|inner| serde_json::from_str(&inner).ok());
        inner.ok_or(error)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_encoded_twice_is_read_where_a_text_does_not_fit() {
        assert_eq!(parse_input::<i64>("\"5\"").unwrap(), 5);
        assert_eq!(parse_input::<String>("\"5\"").unwrap(), "5");
        assert_eq!(parse_input::<Option<i64>>("").unwrap(), None);
        let refused = parse_input::<i64>("\"five\"").unwrap_err();
        assert!(
            refused.message.contains("input is not as expected"),
            "{refused:?}"
        );
    }
}
