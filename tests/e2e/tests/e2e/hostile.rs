//! Guests that misbehave and uploads that are none: each has its answer, and the node goes on.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use weft_e2e::Session;
use weft_testkit::guests::{component, guest};
use weft_testkit::node::Node;

/// A node with the misbehaving handler and, to prove that it still serves, the friendly one.
async fn node() -> Session {
    let session = Session::new(Node::in_memory());
    let hello = component("samples/rust/hello-http", "hello_http");
    session.upload("default", "hello", hello).await;
    session
        .settings("default", "hello", &json!({"auth": "anonymous"}))
        .await;
    session
}

async fn with_handler() -> Session {
    let session = node().await;
    session.upload("default", "bad", guest("guest_http")).await;
    let settings = json!({
        "auth": "anonymous",
        "route": "{*rest}",
        "limits": {"timeout_ms": 500, "memory_mib": 32},
    });
    session.settings("default", "bad", &settings).await;
    session
}

async fn still_serves(session: &Session) {
    let answer = session.send(session.data(Method::GET, "/api/hello")).await;
    assert_eq!(answer.expect(200).text(), "Hello, world!");
}

#[tokio::test]
async fn misbehaving_handlers_have_their_problems() {
    let session = with_handler().await;
    for (path, status, kind) in [
        ("/api/trap", 502, "function-trapped"),
        ("/api/grow", 502, "function-trapped"),
        ("/api/silent", 502, "function-trapped"),
        ("/api/loop", 504, "function-timeout"),
        ("/api/pending", 504, "function-timeout"),
    ] {
        let asked = Instant::now();
        let answer = session.send(session.data(Method::GET, path)).await;
        answer.expect_problem(status, kind);
        assert!(asked.elapsed() < Duration::from_secs(20), "{path}");
        still_serves(&session).await;
    }
    let logs = session
        .send(session.admin(Method::GET, "/apps/default/logs"))
        .await;
    assert!(logs.expect(200).text().contains("no answer today"));
}

#[tokio::test]
async fn a_response_that_breaks_off_is_seen_as_broken() {
    let session = with_handler().await;
    for path in ["/api/trap-after", "/api/endless", "/api/stall"] {
        let response = session.data(Method::GET, path).send().await.unwrap();
        // What ends before its head was sent can still be told properly.
        let told = response.status() == 502 && path == "/api/trap-after";
        assert!(told || response.status() == 200, "{path}");
        assert!(
            told || response.bytes().await.is_err(),
            "{path} looks complete"
        );
        still_serves(&session).await;
    }
}

#[tokio::test]
async fn floods_of_logs_are_bounded() {
    let session = with_handler().await;
    let settings =
        json!({"auth": "anonymous", "route": "{*rest}", "limits": {"timeout_ms": 20000}});
    session.settings("default", "bad", &settings).await;
    let answer = session.send(session.data(Method::GET, "/api/flood")).await;
    assert_eq!(answer.expect(200).text(), "flooded");
    let logs = session.admin(Method::GET, "/apps/default/logs?limit=1000");
    let logs = session.send(logs).await.expect(200).body.len();
    assert!(logs < 2 << 20, "{logs} bytes of logs");
}

#[tokio::test]
async fn too_many_calls_of_a_function_are_refused() {
    let session = with_handler().await;
    let settings = json!({
        "auth": "anonymous",
        "route": "{*rest}",
        "limits": {"timeout_ms": 8000, "concurrency": 1},
    });
    session.settings("default", "bad", &settings).await;
    let first = session.data(Method::GET, "/api/pending").send();
    let second = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        session.send(session.data(Method::GET, "/api/hello2")).await
    };
    let (_, second) = tokio::join!(first, second);
    second.expect_problem(429, "busy");
    assert!(second.headers.contains_key("retry-after"));
    still_serves(&session).await;
}

#[tokio::test]
async fn misbehaving_activities_have_their_problems() {
    let session = node().await;
    let limits = json!({"limits": {"timeout_ms": 1000, "memory_mib": 32}});
    for (name, status, kind) in [
        ("panic", 502, "function-trapped"),
        ("exit", 502, "function-trapped"),
        ("grow", 502, "function-trapped"),
        ("recurse", 502, "function-trapped"),
        ("decline", 502, "function-failed"),
        ("loop", 504, "function-timeout"),
        ("sleep", 504, "function-timeout"),
    ] {
        // The component does not describe itself, so its one function is named like it.
        session.upload("bad", name, guest("guest_activity")).await;
        session.settings("bad", name, &limits).await;
        let answer = session.invoke("bad", name, &Value::Null).await;
        answer.expect_problem(status, kind);
        still_serves(&session).await;
    }
    session.upload("bad", "echo", guest("guest_activity")).await;
    let answer = session
        .invoke("bad", "echo", &json!({"a": [1, "ä"]}))
        .await
        .expect(200);
    assert_eq!(answer.json(), json!({"a": [1, "ä"]}));
    assert!(answer.headers.contains_key("x-weft-duration-us"));
    let unknown = session.invoke("bad", "nobody", &Value::Null).await;
    unknown.expect_problem(404, "not-found");
}

#[tokio::test]
async fn uploads_that_are_no_components_are_refused() {
    let session = node().await;
    let whole = component("samples/rust/hello-http", "hello_http");
    let truncated = whole[..whole.len() / 2].to_vec();
    let mut flipped = whole.clone();
    flipped[whole.len() / 3] ^= 0xff;
    for (what, wasm, kinds) in [
        ("empty", vec![], vec!["not-a-component"]),
        ("text", b"hello".to_vec(), vec!["not-a-component"]),
        (
            "elf",
            b"\x7fELF\x02\x01\x01".to_vec(),
            vec!["not-a-component"],
        ),
        (
            "module",
            b"\0asm\x01\0\0\0".to_vec(),
            vec!["not-a-component"],
        ),
        ("truncated", truncated, vec!["not-a-component"]),
        (
            "nothing",
            b"\0asm\x0d\0\x01\0".to_vec(),
            vec!["wrong-world"],
        ),
    ] {
        let answer = session.try_upload("default", "x", wasm).await;
        assert_eq!(answer.status, 422, "{what}: {}", answer.text());
        let kind = answer.json()["type"].as_str().unwrap().to_owned();
        let known = kinds.iter().any(|known| kind.ends_with(known));
        assert!(known, "{what}: {}", answer.text());
    }
    // Whatever a damaged component is, it is no reason to fall over.
    let answer = session.try_upload("default", "x", flipped).await;
    assert!(
        answer.status.is_client_error() || answer.status.is_success(),
        "{answer:?}"
    );
    let oversized = session.try_upload("default", "x", vec![0; 40 << 20]).await;
    oversized.expect_problem(413, "too-large");
    still_serves(&session).await;
}

#[tokio::test]
async fn the_control_plane_answers_while_a_tenant_floods_the_node() {
    let session = with_handler().await;
    let settings = json!({
        "auth": "anonymous",
        "route": "{*rest}",
        "limits": {"timeout_ms": 20000, "concurrency": 300},
    });
    session.settings("default", "bad", &settings).await;
    let mut flood = tokio::task::JoinSet::new();
    for _ in 0..200 {
        flood.spawn(session.data(Method::GET, "/api/loop").send());
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    for _ in 0..30 {
        let asked = Instant::now();
        let answer = session.send(session.admin(Method::GET, "/apps/default"));
        answer.await.expect(200);
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
    assert_eq!(flood.len(), 200, "the loops still run");
    assert!(flood.try_join_next().is_none(), "the loops still run");
    flood.abort_all();
}

#[tokio::test]
async fn guests_run_in_a_process_of_their_own_where_the_operator_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("weft.server.toml");
    std::fs::write(&config, "isolation = \"process\"\n").unwrap();
    let args = ["--config", config.to_str().unwrap()];
    let session = Session::new(Node::in_memory_with(&args));
    let hello = component("samples/rust/hello-http", "hello_http");
    session.upload("default", "hello", hello).await;
    let anonymous = json!({"auth": "anonymous"});
    session.settings("default", "hello", &anonymous).await;
    still_serves(&session).await;
    session.upload("bad", "echo", guest("guest_activity")).await;
    let answer = session.invoke("bad", "echo", &json!([1, "ä"])).await;
    assert_eq!(answer.expect(200).json(), json!([1, "ä"]));
    session
        .upload("bad", "panic", guest("guest_activity"))
        .await;
    let answer = session.invoke("bad", "panic", &Value::Null).await;
    answer.expect_problem(502, "function-trapped");
    let url = format!("{}/metrics", session.node.admin());
    let metrics = session.http.get(url).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let live = metrics
        .lines()
        .find(|line| line.starts_with("weft_live_instances "));
    assert!(live.is_some_and(|line| line.ends_with(" 0")), "{live:?}");
    let orchestrator = guest("guest_orchestrator");
    let answer = session.try_upload("default", "saga", orchestrator).await;
    answer.expect_problem(422, "wrong-world");
    assert!(
        answer.text().contains("process of their own"),
        "{}",
        answer.text()
    );
    still_serves(&session).await;
}
