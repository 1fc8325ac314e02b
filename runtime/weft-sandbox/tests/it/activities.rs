//! Activities: outcomes, limits, and what they import.

use std::time::{Duration, Instant};

use weft_orchestration::{Failure, Payload};
use weft_sandbox::{ActivityCall, CallError, Completed};

use crate::fixture::{Fixture, change};

async fn run(fixture: &Fixture, name: &str, input: &str) -> Result<Completed, CallError> {
    let call = fixture.call("guest_activity", name);
    let input = Payload::from(input);
    fixture
        .sandbox
        .activity(call, input, ActivityCall::direct())
        .await
}

async fn output(fixture: &Fixture, name: &str, input: &str) -> String {
    let done = run(fixture, name, input).await.unwrap();
    done.result.unwrap().text().unwrap().to_owned()
}

#[tokio::test]
async fn returns_outputs_failures_and_usage() {
    let fixture = Fixture::new();
    let done = run(&fixture, "echo", "[1,2]").await.unwrap();
    assert_eq!(done.result, Ok(Payload::from("[1,2]")));
    assert!(done.usage.memory_bytes >= 64 << 10, "{:?}", done.usage);
    assert!(done.usage.busy <= done.usage.duration, "{:?}", done.usage);
    let failure = run(&fixture, "decline", "null")
        .await
        .unwrap()
        .result
        .unwrap_err();
    let expected = Failure {
        details: Some("{}".to_owned()),
        ..Failure::transient("declined", "no funds")
    };
    assert_eq!(failure, expected);
    assert_eq!(fixture.sandbox.live_instances(), 0);
}

#[tokio::test]
async fn tells_which_call_it_is() {
    let fixture = Fixture::new();
    let call = fixture.call("guest_activity", "key");
    let of = ActivityCall {
        instance_id: "order-1".to_owned(),
        idempotency_key: "order-1:3".to_owned(),
        attempt: 2,
    };
    let done = fixture
        .sandbox
        .activity(call, Payload::null(), of)
        .await
        .unwrap();
    assert_eq!(
        done.result.unwrap().text().unwrap(),
        "\"order-1/order-1:3/2\""
    );
}

#[tokio::test]
async fn traps_become_failures_that_say_why() {
    let fixture = Fixture::new();
    let error = run(&fixture, "panic", "null").await.unwrap_err();
    assert!(
        error.to_string().contains("the reactor is on fire"),
        "{error}"
    );
    let failure = error.to_failure();
    assert_eq!((failure.kind.as_str(), failure.retryable), ("trap", false));
    let error = run(&fixture, "exit", "null").await.unwrap_err();
    assert!(error.to_string().contains("exited"), "{error}");
    let error = run(&fixture, "recurse", "null").await.unwrap_err();
    assert!(
        error.to_string().contains("call stack exhausted"),
        "{error}"
    );
    let error = run(&fixture, "durable", "null").await.unwrap_err();
    assert!(
        error.to_string().contains("is not for activities"),
        "{error}"
    );
}

#[tokio::test]
async fn limits_are_named() {
    let fixture = Fixture::new();
    let error = run(&fixture, "grow", "null").await.unwrap_err();
    assert!(
        matches!(error, CallError::Limit { what: "memory", .. }),
        "{error}"
    );
    let error = run(&fixture, "big", "null").await.unwrap_err();
    assert!(matches!(error, CallError::Limit { .. }), "{error}");
    let error = run(&fixture, "huge-call", "null").await.unwrap_err();
    assert!(
        error.to_string().contains("one call of a host function"),
        "{error}"
    );
    for name in ["loop", "sleep"] {
        let call = fixture.call("guest_activity", name);
        let call = change(call, |function| function.limits.timeout_ms = 200);
        let started = Instant::now();
        let run = fixture
            .sandbox
            .activity(call, Payload::null(), ActivityCall::direct());
        let error = run.await.unwrap_err();
        assert!(matches!(error, CallError::Timeout(_)), "{name}: {error}");
        assert!(error.to_failure().retryable);
        assert!(started.elapsed() < Duration::from_secs(3), "{name}");
    }
}

#[tokio::test]
async fn sees_its_settings_and_nothing_of_the_machine() {
    let fixture = Fixture::new();
    let call = change(fixture.call("guest_activity", "env"), |function| {
        function.env.insert("COLOUR".to_owned(), "blue".to_owned());
    });
    let run = fixture
        .sandbox
        .activity(call, Payload::null(), ActivityCall::direct());
    let text = run
        .await
        .unwrap()
        .result
        .unwrap()
        .text()
        .unwrap()
        .to_owned();
    assert_eq!(text, r#"(Some("blue"), Ok(Some("blue")), 1, false, false)"#);
}

#[tokio::test]
async fn reaches_the_client_and_the_store_of_its_app() {
    let fixture = Fixture::new();
    assert_eq!(output(&fixture, "start", "5").await, "made");
    assert_eq!(
        output(&fixture, "store", "v").await,
        r#"Ok("v 5 [\"a\", \"n\"] true")"#
    );
}

#[tokio::test]
async fn keeps_objects_of_its_app() {
    let fixture = Fixture::new();
    let seen = [
        "false",
        "there is no container \"box\"",
        "box true",
        "long box 600000",
        "2000 true",
        "[87] []",
        "true false",
        "there is no container \"absent\"",
        "there is no object \"long\" in the container \"box\"",
        "([\"a\", \"b\"], false)",
        "(1, false)",
        "([\"copy\", \"moved\"], true)",
        "([], true)",
        "(3, true)",
        "([], true)",
        "false",
    ];
    let expected = format!("Ok({seen:?})");
    assert_eq!(output(&fixture, "objects", "null").await, expected);
}

#[tokio::test]
async fn nobody_sees_half_of_an_object() {
    let fixture = Fixture::new();
    let replaced = output(&fixture, "objects-replaced", "null").await;
    let expected = "Ok(\"524288: the object was replaced or deleted while it was read\")";
    assert_eq!(replaced, expected);
    let unfinished = output(&fixture, "objects-unfinished", "null").await;
    assert!(unfinished.starts_with("Ok([\"true false\""), "{unfinished}");
    assert!(
        unfinished.contains("`write-data` has not said"),
        "{unfinished}"
    );
}

#[tokio::test]
async fn what_is_held_of_objects_is_bounded() {
    let fixture = Fixture::new();
    assert_eq!(output(&fixture, "objects-many", "null").await, "16");
    let list = output(&fixture, "objects-list", "null").await;
    assert!(
        list.contains("at most 16777216 bytes are given as one list"),
        "{list}"
    );
}

#[tokio::test]
async fn the_client_takes_from_guests_what_it_takes_from_anybody() {
    let fixture = Fixture::new();
    for (input, why) in [
        ("not json".to_owned(), "a payload is JSON"),
        ("5 6".to_owned(), "a payload is JSON"),
        (
            format!("\"{}\"", "x".repeat(5 << 20)),
            "at most 4194304 bytes",
        ),
    ] {
        let refused = output(&fixture, "start", &input).await;
        assert!(refused.contains(why), "{refused}");
    }
    let refused = output(&fixture, "raise", "long\nname").await;
    assert!(refused.contains("no control characters"), "{refused}");
    let ended = output(&fixture, "raise", "name").await;
    assert!(ended.contains("Ended"), "{ended}");
}

#[tokio::test]
async fn logs_are_captured_line_by_line_without_control_characters() {
    let fixture = Fixture::new();
    output(&fixture, "log", "null").await;
    let logs = fixture.logs();
    assert_eq!(
        logs,
        [
            "info plain red forged",
            "error to stderr",
            "warn here: a warning"
        ]
    );
}

#[tokio::test]
async fn output_floods_cost_neither_memory_nor_the_call() {
    let fixture = Fixture::new();
    assert_eq!(output(&fixture, "flood", "1").await, "1");
    let kept: usize = fixture.logs().iter().map(String::len).sum();
    assert!(kept < 300 << 10, "{kept}");
}
