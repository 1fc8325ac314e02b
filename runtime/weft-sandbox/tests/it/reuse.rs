//! Instances that are kept between requests, and that nothing else is.

use std::sync::Arc;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use weft_sandbox::{CallError, Invocation};

use crate::fixture::{Fixture, change};

/// The text of the answer.
async fn get(fixture: &Fixture, call: &Invocation, path: &str) -> Result<String, CallError> {
    let request = Request::get(path).header("host", "localhost");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let response = fixture.sandbox.http(call.clone(), request).await?;
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The guest counts the requests that its instance has seen.
async fn counts(fixture: &Fixture, call: &Invocation, requests: usize) -> Vec<String> {
    let mut counts = Vec::new();
    for _ in 0..requests {
        counts.push(get(fixture, call, "/count").await.unwrap());
    }
    counts
}

fn keeping(fixture: &Fixture, requests: u32) -> Invocation {
    let call = fixture.call("guest_http", "web");
    change(call, |function| {
        function.limits.requests_per_instance = requests;
    })
}

#[tokio::test]
async fn nothing_is_kept_unless_it_is_asked_for() {
    let fixture = Fixture::new();
    let call = fixture.call("guest_http", "web");
    assert_eq!(counts(&fixture, &call, 3).await, ["1", "1", "1"]);
    fixture.idle().await;
}

#[tokio::test]
async fn an_instance_serves_so_many_requests_and_no_more() {
    let fixture = Fixture::new();
    let call = keeping(&fixture, 3);
    let counted = counts(&fixture, &call, 5).await;
    assert_eq!(counted, ["1", "2", "3", "1", "2"]);
    assert_eq!(fixture.sandbox.live_instances(), 1);
    // Each request's output ends with it.
    let lines = ["1", "2", "3", "1", "2"].map(|n| format!("info request {n}"));
    assert_eq!(fixture.logs(), lines);
}

#[tokio::test]
async fn one_that_has_failed_serves_nobody_again() {
    let fixture = Fixture::new();
    let call = keeping(&fixture, 1000);
    for path in ["/trap", "/trap-after", "/silent", "/grow"] {
        assert_eq!(counts(&fixture, &call, 2).await, ["1", "2"], "{path}");
        get(&fixture, &call, path).await.unwrap_err();
        fixture.idle().await;
    }
    let short = change(call, |function| function.limits.timeout_ms = 100);
    assert_eq!(counts(&fixture, &short, 2).await, ["1", "2"]);
    get(&fixture, &short, "/loop").await.unwrap_err();
    assert_eq!(counts(&fixture, &short, 1).await, ["1"]);
}

#[tokio::test]
async fn functions_apps_tenants_and_revisions_share_none() {
    let fixture = Fixture::new();
    let call = keeping(&fixture, 1000);
    assert_eq!(counts(&fixture, &call, 2).await, ["1", "2"]);
    let function = change(call.clone(), |function| {
        function.name = "other".parse().unwrap();
    });
    let mut tenant = call.clone();
    tenant.app.tenant = "other".parse().unwrap();
    let mut app = call.clone();
    app.app.app = "other".parse().unwrap();
    for other in [&function, &tenant, &app] {
        assert_eq!(counts(&fixture, other, 1).await, ["1"]);
    }
    assert_eq!(counts(&fixture, &call, 1).await, ["3"]);
    // The same settings, read again: another revision.
    let mut revision = call.clone();
    revision.function = Arc::new((*call.function).clone());
    assert_eq!(counts(&fixture, &revision, 1).await, ["1"]);
}

#[tokio::test]
async fn one_that_is_busy_is_not_shared_and_one_whose_caller_leaves_is_dropped() {
    let fixture = Fixture::new();
    let call = keeping(&fixture, 1000);
    assert_eq!(counts(&fixture, &call, 1).await, ["1"]);
    let request = Request::get("/endless").header("host", "localhost");
    let request = request.body(Full::<Bytes>::default()).unwrap();
    let response = fixture.sandbox.http(call.clone(), request).await.unwrap();
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    assert_eq!(counts(&fixture, &call, 2).await, ["1", "2"]);
    assert_eq!(fixture.sandbox.live_instances(), 2);
    drop(body);
    assert_eq!(fixture.sandbox.live_instances(), 1);
}

#[tokio::test]
async fn a_response_that_is_left_open_ends_with_its_instance() {
    let fixture = Fixture::new();
    let call = keeping(&fixture, 1000);
    assert_eq!(counts(&fixture, &call, 1).await, ["1"]);
    assert_eq!(get(&fixture, &call, "/open").await.unwrap(), "and then");
    assert_eq!(counts(&fixture, &call, 1).await, ["1"]);
}

#[tokio::test]
async fn an_answer_that_nobody_reads_holds_no_instance() {
    let fixture = Fixture::new();
    let call = keeping(&fixture, 1000);
    let mut unread = Vec::new();
    for _ in 0..5 {
        let request = Request::get("/count").header("host", "localhost");
        let request = request.body(Full::<Bytes>::default()).unwrap();
        unread.push(fixture.sandbox.http(call.clone(), request).await.unwrap());
    }
    assert_eq!(fixture.sandbox.live_instances(), 1);
    for (n, response) in unread.into_iter().enumerate() {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!(bytes, (n + 1).to_string());
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_nobody_asks_for_is_dropped() {
    let fixture = Fixture::new();
    let call = keeping(&fixture, 1000);
    assert_eq!(counts(&fixture, &call, 2).await, ["1", "2"]);
    assert_eq!(fixture.sandbox.live_instances(), 1);
    tokio::time::sleep(std::time::Duration::from_secs(91)).await;
    fixture.idle().await;
}

#[tokio::test]
async fn a_bounded_number_is_kept() {
    let fixture = Fixture::with(|config| config.pool.instances = 16);
    let call = keeping(&fixture, 1000);
    let others = ["a", "b", "c", "d"].map(|name| {
        change(call.clone(), |function| {
            function.name = name.parse().unwrap()
        })
    });
    for other in &others {
        assert_eq!(counts(&fixture, other, 2).await, ["1", "2"]);
    }
    // An eighth of the pool.
    assert_eq!(fixture.sandbox.live_instances(), 2);
    assert_eq!(counts(&fixture, &others[3], 1).await, ["3"]);
    assert_eq!(counts(&fixture, &others[0], 1).await, ["1"]);
}
