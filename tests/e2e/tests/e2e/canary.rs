//! A secret that is used everywhere it may be used, and looked for everywhere else.

use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use weft_e2e::{DEADLINE, Session};
use weft_testkit::guests::guest;
use weft_testkit::node::Node;

const CANARY: &str = "canary-0f6be1c2-do-not-tell";

/// Hands on the heads of the requests that it gets.
async fn listener() -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (heads, seen) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.unwrap() > 0 {}
            heads.send(String::from_utf8(head).unwrap()).unwrap();
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    });
    (url, seen)
}

async fn put(session: &Session, path: &str, body: Value) {
    let answer = session
        .send(session.admin(Method::PUT, path).json(&body))
        .await;
    assert!(answer.status.is_success(), "{path}: {answer:?}");
}

/// Files below `dir` that hold the bytes.
fn holding(dir: &Path, bytes: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, bytes));
        } else {
            let read = std::fs::read(&path).unwrap();
            if read.windows(bytes.len()).any(|window| window == bytes) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

#[tokio::test]
async fn a_secret_is_found_where_it_is_used_and_nowhere_else() {
    let (url, mut seen) = listener().await;
    let session = Session::new(Node::start(&["--egress-allow", "127.0.0.0/8"]));
    let app = "/apps/default";
    put(
        &session,
        &format!("{app}/secrets/COLOUR"),
        json!({"value": CANARY}),
    )
    .await;

    // As configuration of a function, which returns it.
    session
        .upload("default", "env", guest("guest_activity"))
        .await;
    let named = json!({"capabilities": {"secrets": ["COLOUR"]}});
    session.settings("default", "env", &named).await;
    let read = session
        .invoke("default", "env", &Value::Null)
        .await
        .expect(200);
    assert!(
        read.text().contains("(hidden)"),
        "the function has read it: {}",
        read.text()
    );
    assert!(!read.text().contains(CANARY));

    // At egress: in a header, in a connection's authentication, and in a request that fails.
    let password = json!({"type": "Basic", "username": "u", "password": "@appsetting('COLOUR')"});
    let connection = json!({"url": url, "authentication": password});
    put(&session, &format!("{app}/connections/mail"), connection).await;
    let call = |uri: String, after: Value| {
        json!({"type": "Http", "runAfter": after, "inputs": {
            "method": "GET", "uri": uri, "retryPolicy": {"type": "none"},
            "headers": {"x-key": "@{appsetting('COLOUR')}"}}})
    };
    let definition = json!({
        "triggers": {"manual": {"type": "Request", "kind": "Http"}},
        "actions": {
            "Call": call(url.clone(), json!({})),
            "Fail": call(
                "http://127.0.0.1:1/@{appsetting('COLOUR')}".to_owned(),
                json!({"Call": ["Succeeded"]}),
            ),
        },
    });
    let body = json!({"kind": "Stateful", "definition": definition});
    put(&session, &format!("{app}/workflows/flow"), body).await;
    session.start("default", "flow", "run", &Value::Null).await;
    let head = tokio::time::timeout(DEADLINE, seen.recv())
        .await
        .unwrap()
        .unwrap();
    assert!(
        head.contains(&format!("x-key: {CANARY}")),
        "it is sent: {head}"
    );
    let ended = session.until_status("default", "run", "Failed").await;

    let manage = "/runtime/webhooks/workflow/api/management/workflows/flow/runs/run";
    let metrics = session
        .http
        .get(format!("{}/metrics", session.node.admin()));
    let mut told = vec![
        ("the instance", ended.to_string()),
        (
            "metrics",
            session.send(metrics).await.expect(200).text().to_owned(),
        ),
        (
            "the history",
            json!(session.history("default", "run").await).to_string(),
        ),
    ];
    for path in [
        manage.to_owned(),
        format!("{manage}/actions"),
        format!("{manage}/actions/Fail"),
    ] {
        let request = session.data(Method::GET, &path).bearer_auth(session.key());
        told.push((
            "a run",
            session.send(request).await.expect(200).text().to_owned(),
        ));
    }
    for path in [
        "/apps/default/logs?limit=1000",
        "/apps/default/secrets",
        "/apps/default/secrets/COLOUR",
        "/apps/default/connections/mail",
        "/apps/default/functions/env",
        "/apps/default/workflows/flow",
        "/apps/default/instances",
        "/audit?all=true",
        "/usage",
    ] {
        let answer = session.send(session.admin(Method::GET, path)).await;
        told.push((path, answer.expect(200).text().to_owned()));
    }
    told.push(("the node's log", session.node.stderr()));
    assert!(
        told.iter().any(|(_, text)| text.contains("put secret")),
        "the audit log was read"
    );
    for (what, text) in &told {
        assert!(!text.contains(CANARY), "{what}: {text}");
    }
    // Neither is it in any file, however the node ends.
    let data = session.node.data();
    let deadline = Instant::now() + Duration::from_secs(1);
    while Instant::now() < deadline && holding(&data, b"appsetting('COLOUR')").is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        !holding(&data, b"appsetting('COLOUR')").is_empty(),
        "files are searched"
    );
    assert_eq!(holding(&data, CANARY.as_bytes()), Vec::<String>::new());
}
