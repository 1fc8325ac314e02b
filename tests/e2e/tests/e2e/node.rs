//! The life of a node: start, keys, stop, and a folder that is in use.

use std::process::Command;
use std::time::Duration;

use reqwest::Method;
use serde_json::json;
use weft_e2e::Session;
use weft_testkit::guests::{component, guest};
use weft_testkit::node::{Node, weft_binary};

#[tokio::test]
async fn what_is_deployed_survives_an_orderly_end() {
    let mut session = Session::new(Node::start(&[]));
    let hello = component("samples/rust/hello-http", "hello_http");
    session.upload("default", "hello", hello).await;
    session
        .settings("default", "hello", &json!({"auth": "anonymous"}))
        .await;
    let key = session.node.key();
    let status = session.node.terminate();
    assert!(status.success(), "{status}\n{}", session.node.stderr());
    session.node.restart();
    assert_eq!(session.node.key(), key);
    let answer = session.send(session.data(Method::GET, "/api/hello")).await;
    assert_eq!(answer.expect(200).text(), "Hello, world!");
}

#[tokio::test]
async fn an_orderly_end_lets_requests_finish() {
    let session = Session::new(Node::start(&[]));
    session.upload("default", "g", guest("guest_http")).await;
    let settings = json!({"auth": "anonymous", "route": "{*rest}"});
    session.settings("default", "g", &settings).await;
    let response = session
        .data(Method::GET, "/api/big?8")
        .send()
        .await
        .unwrap();
    let mut node = session.node;
    let ended = tokio::task::spawn_blocking(move || node.terminate());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(response.bytes().await.unwrap().len(), 8 << 20);
    drop(session.http);
    assert!(ended.await.unwrap().success());
}

#[tokio::test]
async fn a_second_signal_waits_for_nobody() {
    let session = Session::new(Node::start(&[]));
    session.upload("default", "g", guest("guest_http")).await;
    let settings = json!({"auth": "anonymous", "route": "{*rest}"});
    session.settings("default", "g", &settings).await;
    // An answer that is begun and not read holds the node up.
    let held = session.data(Method::GET, "/api/big?32").send().await;
    let mut node = session.node;
    let asked = std::time::Instant::now();
    node.signal_to_end();
    assert_eq!(node.ended_within(Duration::from_secs(1)), None, "it waits");
    node.signal_to_end();
    let status = node.ended_within(Duration::from_secs(10)).unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(asked.elapsed() < Duration::from_secs(15));
    drop(held);
}

#[test]
fn a_second_node_on_the_same_folder_is_refused() {
    let node = Node::start(&[]);
    let second = Command::new(weft_binary())
        .args([
            "up",
            "--http",
            "127.0.0.1:0",
            "--admin",
            "127.0.0.1:0",
            "--data",
        ])
        .arg(node.data())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(second.stdout.is_empty());
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("in use by another process"), "{said}");
}

#[cfg(unix)]
#[test]
fn the_operators_key_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let node = Node::start(&[]);
    for file in ["operator.key", "native.key"] {
        let metadata = std::fs::metadata(node.data().join(file)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{file}");
    }
    let data = std::fs::metadata(node.data()).unwrap();
    assert_eq!(data.permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn the_ready_line_and_health_are_as_documented() {
    let session = Session::new(Node::in_memory());
    let ready = session.node.ready();
    assert_eq!(ready["event"], "ready");
    assert!(ready["key"].is_string());
    for path in ["/healthz", "/readyz", "/openapi.json", "/metrics"] {
        let request = session.http.get(format!("{}{path}", session.node.admin()));
        session.send(request).await.expect(200);
    }
    let keyless = session
        .http
        .get(format!("{}/admin/v1/apps", session.node.admin()));
    session
        .send(keyless)
        .await
        .expect_problem(401, "unauthenticated");
}
