//! HTTP functions: streaming, limits, cancellation.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use weft_sandbox::{Body, CallError, Invocation};

use crate::fixture::{Fixture, change};

type Answer = Result<(StatusCode, String), CallError>;

fn request(path: &str) -> Request<Full<Bytes>> {
    let builder = Request::builder().uri(path).header("host", "localhost");
    builder.body(Full::default()).unwrap()
}

async fn collect(response: Result<Response<Body>, CallError>) -> Answer {
    let response = response?;
    let status = response.status();
    let bytes = response.into_body().collect().await?.to_bytes();
    Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
}

async fn get(fixture: &Fixture, call: Invocation, path: &str) -> Answer {
    collect(fixture.sandbox.http(call, request(path)).await).await
}

#[tokio::test]
async fn answers_and_frees_the_instance() {
    let fixture = Fixture::new();
    let call = fixture.call("guest_http", "web");
    let (status, text) = get(&fixture, call.clone(), "/hello").await.unwrap();
    assert_eq!((status, text.as_str()), (StatusCode::OK, "Hello, world!"));
    let (status, _) = get(&fixture, call, "/absent").await.unwrap();
    assert_eq!(status, StatusCode::NOT_FOUND);
    fixture.idle().await;
}

#[tokio::test]
async fn tells_the_guest_its_function_and_lets_nobody_forge_it() {
    let fixture = Fixture::new();
    let call = fixture.call("guest_http", "web");
    let mut forged = request("/function");
    let header = "x-weft-function";
    forged
        .headers_mut()
        .append(header, "admin".parse().unwrap());
    let (_, text) = collect(fixture.sandbox.http(call, forged).await)
        .await
        .unwrap();
    assert_eq!(text, "web");
}

#[tokio::test]
async fn streams_both_ways() {
    let fixture = Fixture::new();
    let call = fixture.call("guest_http", "web");
    let sent = "streamed ".repeat(100_000);
    let request = request("/echo").map(|_| Full::from(sent.clone()));
    let (_, text) = collect(fixture.sandbox.http(call, request).await)
        .await
        .unwrap();
    assert!(text == sent);
}

#[tokio::test]
async fn a_request_above_the_limit_is_cut() {
    let fixture = Fixture::with(|config| config.guest.request_bytes_max = 1000);
    let call = fixture.call("guest_http", "web");
    let request = request("/echo").map(|_| Full::from("x".repeat(2000)));
    let answer = collect(fixture.sandbox.http(call, request).await).await;
    assert_eq!(answer.unwrap().1, "");
}

#[tokio::test]
async fn a_trap_is_told_with_what_the_guest_said() {
    let fixture = Fixture::new();
    let call = fixture.call("guest_http", "web");
    let error = get(&fixture, call.clone(), "/trap").await.unwrap_err();
    assert!(
        matches!(&error, CallError::Trap(why) if why.contains("no answer today")),
        "{error}"
    );
    let error = get(&fixture, call.clone(), "/trap-after")
        .await
        .unwrap_err();
    assert!(
        matches!(&error, CallError::Trap(why) if why.contains("halfway")),
        "{error}"
    );
    let error = get(&fixture, call.clone(), "/silent").await.unwrap_err();
    assert!(matches!(error, CallError::NoResponse), "{error}");
    let (_, text) = get(&fixture, call, "/hello").await.unwrap();
    assert_eq!(text, "Hello, world!");
    fixture.idle().await;
}

#[tokio::test]
async fn loops_and_waits_end_at_the_deadline_and_others_go_on() {
    let fixture = Fixture::new();
    let call = fixture.call("guest_http", "web");
    get(&fixture, call.clone(), "/hello").await.unwrap();
    let short = change(call.clone(), |function| function.limits.timeout_ms = 300);
    for path in ["/loop", "/pending"] {
        let started = Instant::now();
        let victim = async {
            // On the same thread as the loop: it must be given its turn.
            let (_, text) = get(&fixture, call.clone(), "/hello").await.unwrap();
            assert_eq!(text, "Hello, world!");
            started.elapsed()
        };
        let (error, waited) = tokio::join!(get(&fixture, short.clone(), path), victim);
        let error = error.unwrap_err();
        assert!(matches!(error, CallError::Timeout(_)), "{path}: {error}");
        assert!(started.elapsed() < Duration::from_secs(3), "{path}");
        assert!(waited < Duration::from_millis(250), "{path}: {waited:?}");
    }
    fixture.idle().await;
}

#[tokio::test]
async fn memory_is_limited_by_name() {
    let fixture = Fixture::new();
    let call = fixture.call("guest_http", "web");
    let error = get(&fixture, call, "/grow").await.unwrap_err();
    let limit = matches!(error, CallError::Limit { what: "memory", max, .. } if max == 64 << 20);
    assert!(limit, "{error}");
}

#[tokio::test]
async fn a_response_above_the_limit_ends() {
    let fixture = Fixture::with(|config| config.guest.output_bytes_max = 3 << 20);
    let call = fixture.call("guest_http", "web");
    let (_, text) = get(&fixture, call.clone(), "/big?3").await.unwrap();
    assert_eq!(text.len(), 3 << 20);
    let error = get(&fixture, call.clone(), "/big?4").await.unwrap_err();
    assert!(matches!(error, CallError::Limit { .. }), "{error}");
    let error = get(&fixture, call, "/endless").await.unwrap_err();
    assert!(matches!(error, CallError::Limit { .. }), "{error}");
    fixture.idle().await;
}

#[tokio::test]
async fn a_response_that_stalls_ends() {
    let fixture = Fixture::with(|config| config.guest.idle_max = Duration::from_millis(200));
    let call = fixture.call("guest_http", "web");
    let error = get(&fixture, call, "/stall").await.unwrap_err();
    assert!(matches!(error, CallError::Limit { .. }), "{error}");
    fixture.idle().await;
}

#[tokio::test]
async fn dropping_the_call_or_the_body_stops_the_guest() {
    let fixture = Fixture::new();
    let call = fixture.call("guest_http", "web");
    for _ in 0..1000 {
        let response = fixture
            .sandbox
            .http(call.clone(), request("/endless"))
            .await
            .unwrap();
        let mut body = response.into_body();
        body.frame().await.unwrap().unwrap();
        assert_eq!(fixture.sandbox.live_instances(), 1);
        drop(body);
        assert_eq!(fixture.sandbox.live_instances(), 0);
    }
    let pending = fixture.sandbox.http(call, request("/pending"));
    let waited = tokio::time::timeout(Duration::from_millis(100), pending).await;
    assert!(waited.is_err());
    assert_eq!(fixture.sandbox.live_instances(), 0);
}

#[tokio::test]
async fn headers_and_statuses_that_would_break_http_are_refused() {
    let fixture = Fixture::new();
    let call = fixture.call("guest_http", "web");
    let (_, text) = get(&fixture, call, "/nonsense").await.unwrap();
    assert_eq!(text, "[true, true, true, true, true, true]");
}

#[tokio::test]
async fn a_function_above_its_concurrency_is_refused_after_a_wait() {
    let fixture = Fixture::new();
    let call = fixture.call("guest_http", "web");
    let call = change(call, |function| function.limits.concurrency = 1);
    let held = fixture
        .sandbox
        .http(call.clone(), request("/endless"))
        .await
        .unwrap();
    let error = get(&fixture, call.clone(), "/hello").await.unwrap_err();
    assert!(
        matches!(&error, CallError::Busy(why) if why.contains("web")),
        "{error}"
    );
    drop(held);
    get(&fixture, call, "/hello").await.unwrap();
}

#[tokio::test]
async fn an_exhausted_pool_says_busy_and_recovers() {
    let fixture = Fixture::with(|config| config.pool.instances = 2);
    let call = fixture.call("guest_http", "web");
    let mut held = Vec::new();
    for _ in 0..2 {
        held.push(
            fixture
                .sandbox
                .http(call.clone(), request("/endless"))
                .await
                .unwrap(),
        );
    }
    let error = get(&fixture, call.clone(), "/hello").await.unwrap_err();
    assert!(matches!(error, CallError::Busy(_)), "{error}");
    drop(held);
    get(&fixture, call, "/hello").await.unwrap();
}

#[tokio::test]
async fn the_log_is_bounded_and_what_was_dropped_is_counted() {
    let fixture = Fixture::with(|config| config.guest.log_bytes_max = 10_000);
    let call = fixture.call("guest_http", "web");
    get(&fixture, call, "/flood").await.unwrap();
    fixture.idle().await;
    let logs = fixture.logs();
    let kept: usize = logs.iter().map(String::len).sum();
    assert!(kept < 11_000, "{kept}");
    assert!(
        logs.last().unwrap().contains("bytes of log were dropped"),
        "{logs:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_some_of_which_go_away() {
    let fixture = std::sync::Arc::new(Fixture::new());
    let call = fixture.call("guest_http", "web");
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..32_u32 {
        let (fixture, call) = (std::sync::Arc::clone(&fixture), call.clone());
        clients.spawn(async move {
            for n in 0..10_u32 {
                match (client + n) % 4 {
                    0 => {
                        let pending = fixture.sandbox.http(call.clone(), request("/stall"));
                        let body = pending.await.unwrap().into_body();
                        drop(tokio::time::timeout(Duration::from_millis(3), body.collect()).await);
                    }
                    1 => {
                        let pending = fixture.sandbox.http(call.clone(), request("/pending"));
                        drop(tokio::time::timeout(Duration::from_millis(3), pending).await);
                    }
                    _ => {
                        let (_, text) = get(&fixture, call.clone(), "/hello").await.unwrap();
                        assert_eq!(text, "Hello, world!");
                    }
                }
            }
        });
    }
    while let Some(client) = clients.join_next().await {
        client.unwrap();
    }
    fixture.idle().await;
}
