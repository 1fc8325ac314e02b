//! What is outside of the workflows: services whose answers depend on the request alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use weft_orchestration::{Failure, Payload};

/// A request as a service sees it; the same in every run of a definition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Exchange(String);

/// Exchanges and how many different calls have made each of them.
pub(super) type Exchanges = BTreeMap<Exchange, usize>;

impl Exchange {
    /// `None` for what may or may not be sent before its time is up.
    pub(super) fn of(name: &str, input: &Payload) -> Option<Self> {
        let input = read(input);
        if input["uri"] == "http://outside/subscribe" {
            return None;
        }
        let shown = [&input["uri"], &input["attempt"], &input["body"]];
        Some(Self(format!("{name} {shown:?}")))
    }
}

/// The answer of whoever serves the activity.
///
/// # Errors
/// What the path of the request asks for.
pub(super) fn answer(name: &str, input: &Payload) -> Result<Payload, Failure> {
    if name == "workflow/respond" {
        return Ok(Payload::null());
    }
    let request = read(input);
    let uri = request["uri"].as_str().unwrap_or_default();
    let attempt = request["attempt"].as_u64().unwrap_or_default();
    let path = uri.trim_start_matches("http://outside/");
    let behaviour = path.split('/').next().unwrap_or_default();
    let answer = match behaviour.split_once('-') {
        Some(("busy", times)) if attempt <= number(times) => json!({ "statusCode": 503 }),
        Some(("closed", times)) if attempt <= number(times) => {
            return Err(Failure::transient("HttpRequestFailed", "closed"));
        }
        _ => match behaviour {
            "gone" => json!({ "statusCode": 404, "body": "gone" }),
            "later" => json!({
                "statusCode": 202,
                "headers": { "Location": "/ok/polled", "Retry-After": "1" }
            }),
            _ => json!({ "statusCode": 200, "body": { "echo": request["body"], "of": uri } }),
        },
    };
    Ok(Payload::from(answer.to_string()))
}

fn read(input: &Payload) -> Value {
    let text = input.text().unwrap_or("null");
    serde_json::from_str(text).unwrap_or_default()
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}
