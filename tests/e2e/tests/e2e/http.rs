//! HTTP functions: routes, keys, tenants, streaming.

use reqwest::Method;
use serde_json::json;
use weft_e2e::Session;
use weft_testkit::guests::{component, guest};
use weft_testkit::node::Node;

fn hello() -> Vec<u8> {
    component("samples/rust/hello-http", "hello_http")
}

#[tokio::test]
async fn an_uploaded_handler_answers() {
    let session = Session::new(Node::in_memory());
    let found = session.upload("default", "hello", hello()).await;
    assert_eq!(found["revision"], 1);
    assert_eq!(found["functions"][0]["kind"], "http");
    session
        .settings("default", "hello", &json!({"auth": "anonymous"}))
        .await;
    for (method, path) in [
        (Method::GET, "/api/hello"),
        (Method::POST, "/api/HELLO/"),
        (Method::GET, "/@default/default/api/hello"),
    ] {
        let answer = session.send(session.data(method, path)).await.expect(200);
        assert_eq!(answer.text(), "Hello, world!");
    }
    let metrics = session
        .http
        .get(format!("{}/metrics", session.node.admin()));
    let metrics = session.send(metrics).await.expect(200);
    let counted = r#"weft_http_requests_total{tenant="default",app="default",function="hello",outcome="Success"} 3"#;
    assert!(metrics.text().contains(counted), "{}", metrics.text());
}

#[tokio::test]
async fn wrong_paths_methods_and_keys_have_their_problems() {
    let session = Session::new(Node::in_memory());
    session.upload("default", "hello", hello()).await;
    let settings = json!({"route": "greet/{name:alpha}", "methods": ["GET", "PUT"]});
    session.settings("default", "hello", &settings).await;
    let get = |path: &str| session.send(session.data(Method::GET, path));
    get("/").await.expect_problem(404, "not-found");
    get("/api/hello").await.expect_problem(404, "not-found");
    get("/api/greet/7").await.expect_problem(404, "not-found");
    get("/@nobody/app/api/greet/ann")
        .await
        .expect_problem(404, "not-found");
    get("/@Bad/app/api/greet/ann")
        .await
        .expect_problem(404, "not-found");
    let posted = session
        .send(session.data(Method::POST, "/api/greet/ann"))
        .await;
    posted.expect_problem(405, "method-not-allowed");
    assert_eq!(posted.headers["allow"], "GET, PUT");
    get("/api/greet/ann")
        .await
        .expect_problem(401, "unauthenticated");
    get("/api/greet/ann?code=nonsense")
        .await
        .expect_problem(401, "unauthenticated");
    let code = format!("/api/greet/ann?code={}", session.key());
    get(&code).await.expect(200);
    let header = session.data(Method::GET, "/api/greet/ann");
    let header = header.header("x-functions-key", session.key());
    session.send(header).await.expect(200);
}

#[tokio::test]
async fn tenants_are_apart() {
    let session = Session::new(Node::in_memory());
    for tenant in ["acme", "other"] {
        let path = format!("/tenants/{tenant}");
        session
            .send(session.admin(Method::PUT, &path))
            .await
            .expect(201);
    }
    let wasm = session
        .admin(Method::PUT, "/tenants/acme/apps/shop/components/hello")
        .header("content-type", "application/wasm")
        .body(hello());
    session.send(wasm).await.expect(201);
    let key = async |tenant: &str| {
        let request = session.admin(Method::POST, &format!("/tenants/{tenant}/keys"));
        let created = session
            .send(request.json(&json!({"role": "invoker"})))
            .await;
        created.expect(201).json()["key"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let (own, foreign) = (key("acme").await, key("other").await);
    let call = |key: &str| {
        let request = session.data(Method::GET, "/@acme/shop/api/hello");
        session.send(request.bearer_auth(key))
    };
    call(&own).await.expect(200);
    call(&foreign).await.expect_problem(404, "not-found");
    let listed = session
        .http
        .get(format!("{}/admin/v1/apps", session.node.admin()));
    let listed = session.send(listed.bearer_auth(&own)).await;
    listed.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn bodies_stream_both_ways_and_are_bounded() {
    let session = Session::new(Node::in_memory());
    session.upload("default", "echo", guest("guest_http")).await;
    let settings = json!({"auth": "anonymous", "route": "{*rest}"});
    session.settings("default", "echo", &settings).await;
    let sent: Vec<u8> = (0..3_000_000_u32).map(|i| i.to_le_bytes()[0]).collect();
    let echo = session.data(Method::POST, "/api/echo").body(sent.clone());
    let answer = session.send(echo).await.expect(200);
    assert!(answer.body == sent, "{} bytes came back", answer.body.len());
    let announced = session
        .data(Method::POST, "/api/echo")
        .body(vec![0; 65 << 20]);
    match announced.send().await {
        Ok(response) => assert_eq!(response.status(), 413),
        // The node may answer and close before everything was sent.
        Err(error) => assert!(error.is_request() || error.is_body(), "{error}"),
    }
    let name = session
        .send(session.data(Method::GET, "/api/function"))
        .await;
    assert_eq!(name.expect(200).text(), "echo");
}

#[tokio::test]
async fn a_client_that_goes_away_frees_the_instance() {
    let session = Session::new(Node::in_memory());
    session.upload("default", "g", guest("guest_http")).await;
    session
        .settings(
            "default",
            "g",
            &json!({"auth": "anonymous", "route": "{*rest}"}),
        )
        .await;
    for path in ["/api/pending", "/api/endless", "/api/stall"] {
        for _ in 0..8 {
            let request = session.data(Method::GET, path);
            let request = request
                .timeout(std::time::Duration::from_millis(100))
                .send();
            // Either no head came in time, or the response is dropped before its end.
            drop(request.await);
        }
    }
    let deadline = std::time::Instant::now() + weft_e2e::DEADLINE;
    loop {
        let metrics = session
            .http
            .get(format!("{}/metrics", session.node.admin()));
        let metrics = session.send(metrics).await;
        if metrics
            .text()
            .lines()
            .any(|line| line == "weft_live_instances 0")
        {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{}", metrics.text());
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}
