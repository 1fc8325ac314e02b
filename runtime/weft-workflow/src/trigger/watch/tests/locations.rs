//! Polls at a place that an answer has named.

use super::*;

/// A poll with a secret in a header and in its credentials.
fn secretive(uri: &str) -> serde_json::Value {
    json!({"type": "Http",
        "inputs": {"method": "GET", "uri": uri, "headers": {"x-key": "@appsetting('token')"},
            "authentication": {"type": "Raw", "value": "Bearer @{appsetting('token')}"}},
        "recurrence": {"frequency": "Second", "interval": 10}})
}

fn led_to(location: &'static str) -> impl FnMut(&Value) -> serde_json::Value {
    move |_| json!({"statusCode": 202, "headers": {"location": location}})
}

fn asked(world: &World) -> Vec<(String, bool)> {
    let called = world.called.iter();
    called
        .map(|call| {
            let secret = call
                .get("deferred")
                .is_some_and(|rest| rest.to_string().contains("token"));
            (
                call.get("uri").map(Value::to_text).unwrap_or_default(),
                secret,
            )
        })
        .collect()
}

#[test]
fn another_server_is_told_no_secrets() {
    for (location, secret) in [
        ("http://other/things", false),
        ("http://outside:8080/things", false),
        ("http://outside/next", true),
    ] {
        let mut world = World::new(secretive("http://outside/things")).answering(led_to(location));
        world.until(15_000, || Crash::None);
        assert_eq!(
            asked(&world),
            [
                ("http://outside/things".to_owned(), true),
                (location.to_owned(), secret)
            ]
        );
        let last = world.called.last().unwrap();
        assert_eq!(last.get("authentication").is_some(), secret, "{last}");
    }
}

#[test]
fn a_location_is_refused_where_the_uri_is_a_secret() {
    for (uri, location) in [
        ("@{appsetting('token')}/things", "/next"),
        ("http://outside/@{appsetting('token')}", "http://other/next"),
    ] {
        let mut world = World::new(secretive(uri)).answering(led_to(location));
        world.until(15_000, || Crash::None);
        let asked = asked(&world);
        assert_eq!(asked.len(), 2);
        assert_eq!(asked[0], asked[1], "it goes on asking where it did");
        assert_eq!(world.entries(), ["Failed LocationNotResolved 0"; 2]);
        let state = world.live.as_ref().unwrap().state();
        assert_eq!(state.location, None);
        let message = state.entries[0].message.as_ref().unwrap();
        assert!(message.contains("'Location'"), "{message}");
    }
}
