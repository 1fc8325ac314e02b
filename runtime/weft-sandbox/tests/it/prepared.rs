//! Instances that are made ahead: they serve one call, of the activity that they were made for.

use std::time::{Duration, Instant};

use weft_orchestration::Payload;
use weft_sandbox::{ActivityCall, CallError, Invocation};

use crate::fixture::{Fixture, change};

/// Makes ahead whatever it takes.
fn preparing(most: usize) -> Fixture {
    dropping(most, Duration::from_secs(600))
}

/// And drops what nobody has asked for so long.
fn dropping(most: usize, idle_max: Duration) -> Fixture {
    Fixture::with(|config| {
        config.pool.prepared = most;
        config.pool.prepared_cost_min = Duration::ZERO;
        config.pool.prepared_idle_max = idle_max;
    })
}

async fn run(fixture: &Fixture, call: &Invocation) -> String {
    let sandbox = &fixture.sandbox;
    let done = sandbox.activity(call.clone(), Payload::null(), ActivityCall::direct());
    let output = done.await.unwrap().result.unwrap();
    output.text().unwrap().to_owned()
}

async fn until_there_are(fixture: &Fixture, instances: u64) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while fixture.sandbox.live_instances() != instances {
        let now = fixture.sandbox.live_instances();
        assert!(Instant::now() < deadline, "{now} in place of {instances}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn each_serves_one_call_and_tells_whose_it_is() {
    let fixture = preparing(8);
    let call = fixture.call("guest_activity", "count");
    for number in 0..4 {
        let call = Invocation {
            instance: Some(format!("order-{number}").parse().unwrap()),
            ..call.clone()
        };
        assert_eq!(run(&fixture, &call).await, "1");
        // The next one.
        until_there_are(&fixture, 1).await;
    }
    assert_eq!(fixture.logs(), ["info call 1"; 4]);
    let of = ["order-0", "order-1", "order-2", "order-3"];
    assert_eq!(fixture.instances_of_logs(), of);
}

#[tokio::test]
async fn another_revision_of_the_activity_gets_none_of_them() {
    let fixture = preparing(8);
    let call = fixture.call("guest_activity", "env");
    assert!(run(&fixture, &call).await.starts_with("(None, "));
    until_there_are(&fixture, 1).await;
    let blue = change(call, |function| {
        function.env.insert("COLOUR".to_owned(), "blue".to_owned());
    });
    assert!(run(&fixture, &blue).await.starts_with("(Some(\"blue\")"));
}

#[tokio::test]
async fn the_time_of_a_call_begins_with_the_call() {
    let fixture = preparing(8);
    let call = change(fixture.call("guest_activity", "loop-if"), |function| {
        function.limits.timeout_ms = 300;
    });
    run(&fixture, &call).await;
    until_there_are(&fixture, 1).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    let began = Instant::now();
    let sandbox = &fixture.sandbox;
    let looping = sandbox.activity(call, Payload::from("true"), ActivityCall::direct());
    let error = looping.await.unwrap_err();
    assert!(matches!(error, CallError::Timeout(_)), "{error}");
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(300), "{took:?}");
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn their_number_is_bounded_over_all_activities() {
    let fixture = preparing(2);
    let call = fixture.call("guest_activity", "count");
    for name in ["a", "b", "c", "d"] {
        let other = change(call.clone(), |function| {
            function.env.insert("NAME".to_owned(), name.to_owned());
        });
        let other = Invocation {
            app: weft_id::AppId::new("default".parse().unwrap(), name.parse().unwrap()),
            ..other
        };
        assert_eq!(run(&fixture, &other).await, "1");
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(fixture.sandbox.live_instances() <= 2);
    }
    let none = preparing(0);
    let call = none.call("guest_activity", "count");
    run(&none, &call).await;
    none.idle().await;
}

#[tokio::test]
async fn one_that_nobody_asks_for_is_dropped() {
    let fixture = dropping(8, Duration::from_millis(500));
    let call = fixture.call("guest_activity", "count");
    assert_eq!(run(&fixture, &call).await, "1");
    until_there_are(&fixture, 1).await;
    fixture.idle().await;
    assert_eq!(run(&fixture, &call).await, "1");
}
