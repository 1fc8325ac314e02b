//! Greets some names: an HTTP function starts an orchestration, which calls an activity for each.

use serde::{Deserialize, Serialize};
use weft_sdk::{Context, Failure, JsonSchema, http, try_join_all};

/// Whom to greet.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
struct Guests {
    names: Vec<String>,
}

/// Greets one name. Activities do the work; they may call out, and they run at least once.
#[weft_sdk::activity]
fn greet(name: String) -> Result<String, Failure> {
    if name.is_empty() {
        return Err(Failure::permanent("no-name", "A name is needed."));
    }
    Ok(format!("Hello, {name}!"))
}

/// Greets all of them at the same time. It survives every crash of the node in between.
#[weft_sdk::orchestrator]
async fn greetings(ctx: Context, guests: Guests) -> Result<Vec<String>, Failure> {
    try_join_all(guests.names.iter().map(|name| ctx.call::<greet>(name))).await
}

/// Starts the greetings and answers with the id of their orchestration.
#[weft_sdk::http(methods = ["POST"])]
fn start(mut request: http::Request) -> Result<http::Response, http::Error> {
    let guests: Guests = request.json()?;
    let id = weft_sdk::client::start_orchestrator::<greetings>(&guests, None)?;
    Ok(http::Response::json(&id)?.with_status(202))
}

weft_sdk::export! {
    http: [start],
    orchestrators: [greetings],
    activities: [greet],
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_is_greeted() {
        let guests = Guests {
            names: vec!["Ada".to_owned(), "Alan".to_owned()],
        };
        let report = weft_sdk::testing::Orchestration::new(greetings, guests)
            .activity("greet", greet)
            .run();
        let expected = vec!["Hello, Ada!".to_owned(), "Hello, Alan!".to_owned()];
        assert_eq!(report.result, Ok(expected));
    }
}
