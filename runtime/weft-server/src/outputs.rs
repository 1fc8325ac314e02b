//! What activities give is JSON, or a failure that says it is none.

use serde::de::IgnoredAny;
use weft_orchestration::{Failure, Payload};

/// Looked at beside the runtime's own work from this length on.
const LONG_BYTES: usize = 1 << 20;

/// What an activity has returned, as callers may take it.
pub(crate) async fn checked(returned: Result<Payload, Failure>) -> Result<Payload, Failure> {
    let output = returned?;
    let Some(text) = output.text() else {
        return Ok(output);
    };
    if text.len() < LONG_BYTES {
        check(text)?;
        return Ok(output);
    }
    let looked_at = output.clone();
    let check = move || check(looked_at.text().unwrap_or_default());
    match tokio::task::spawn_blocking(check).await {
        Ok(checked) => checked.map(|()| output),
        Err(error) => Err(Failure::transient("host-failed", error.to_string())),
    }
}

fn check(text: &str) -> Result<(), Failure> {
    let read = serde_json::from_str::<IgnoredAny>(text);
    read.map(drop).map_err(|error| {
        let why = format!(
            "the function returned what is no JSON: {error}; a text has to be a JSON string, with quotes"
        );
        Failure::permanent("invalid-output", why)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn json_passes_and_anything_else_says_where_it_ends() {
        let long = format!("[\"{}\"]", "x".repeat(LONG_BYTES));
        for json in ["null", "\"Ada\"", " {\"a\": [1e400]} ", &long] {
            let output = Payload::from(json);
            assert_eq!(checked(Ok(output.clone())).await, Ok(output));
        }
        let cut = &long[..long.len() - 1];
        for (text, place) in [("Ada", "column 1"), ("", "line 1"), (cut, "column 1048580")] {
            let failure = checked(Ok(Payload::from(text))).await.unwrap_err();
            assert_eq!(failure.kind, "invalid-output");
            assert!(failure.message.contains(place), "{failure:?}");
        }
        let declined = Failure::permanent("declined", "no funds");
        assert_eq!(checked(Err(declined.clone())).await, Err(declined));
    }
}
