//! The Durable Functions HTTP API, as its clients use it.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use weft_e2e::{Answer, DEADLINE, Session, in_repository};
use weft_testkit::guests::component;
use weft_testkit::node::Node;

const BASE: &str = "/@default/orders/runtime/webhooks/durabletask";

async fn shop() -> Session {
    let session = Session::new(Node::in_memory());
    let wasm = component("samples/rust/order-fulfilment", "order_fulfilment");
    session.upload("orders", "fulfilment", wasm).await;
    session
}

fn order(name: &str) -> Value {
    let path = format!("samples/rust/order-fulfilment/orders/{name}.json");
    let text = std::fs::read_to_string(in_repository(&path)).unwrap();
    serde_json::from_str(&text).unwrap()
}

async fn ask(session: &Session, method: Method, path: &str, body: Option<&Value>) -> Answer {
    let request = session.data(method, &format!("{BASE}{path}"));
    let request = request.header("x-functions-key", session.key());
    session
        .send(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
}

#[tokio::test]
async fn clients_start_poll_raise_and_purge() {
    let session = shop().await;
    let large = order("large");
    let started = ask(
        &session,
        Method::POST,
        "/orchestrators/fulfil/big",
        Some(&large),
    );
    let started = started.await.expect(202);
    let links = started.json();
    assert_eq!(links["id"], "big");
    let status_url = links["statusQueryGetUri"].as_str().unwrap();
    assert_eq!(started.headers["location"], status_url);
    // The links work as they are, with the key that they carry or with one that is shown.
    let status = session
        .http
        .get(status_url)
        .header("x-functions-key", session.key());
    let status = session.send(status).await.expect(202).json();
    assert_eq!(status["instanceId"], "big");
    assert_eq!(status["name"], "fulfil");

    let approval = json!({"approved": false, "by": "Bob"});
    let deadline = Instant::now() + DEADLINE;
    loop {
        let status = ask(&session, Method::GET, "/instances/big", None)
            .await
            .expect(202);
        if status.json()["customStatus"]["stage"] == "awaiting-approval" {
            break;
        }
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let raised = ask(
        &session,
        Method::POST,
        "/instances/big/raiseEvent/approval",
        Some(&approval),
    );
    raised.await.expect(202);
    session.until_status("orders", "big", "Completed").await;
    let ended = ask(
        &session,
        Method::GET,
        "/instances/big?showInput=False",
        None,
    )
    .await;
    let ended = ended.expect(200).json();
    assert_eq!(ended["runtimeStatus"], "Completed");
    assert_eq!(ended["output"]["reason"], "not-approved");
    assert_eq!(ended["input"], Value::Null);
    let purged = ask(&session, Method::DELETE, "/instances/big", None)
        .await
        .expect(200);
    assert_eq!(purged.json()["instancesDeleted"], 1);
    assert_eq!(
        ask(&session, Method::GET, "/instances/big", None)
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn waiting_for_the_end_gives_the_bare_output() {
    let session = shop().await;
    let small = order("small");
    let waited = ask(
        &session,
        Method::POST,
        "/orchestrators/fulfil?timeout=30&pollingInterval=1",
        Some(&small),
    );
    assert_eq!(waited.await.expect(200).json()["status"], "fulfilled");
    let listed = ask(
        &session,
        Method::GET,
        "/instances?runtimeStatus=Completed",
        None,
    )
    .await;
    let listed = listed.expect(200).json();
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let first = listed[0]["instanceId"].as_str().unwrap();
    // Once more with the same input, as a new instance.
    let path = format!("/instances/{first}/restart?timeout=30");
    let restarted = ask(&session, Method::POST, &path, None).await;
    assert_eq!(restarted.expect(200).json()["status"], "fulfilled");
    let listed = ask(&session, Method::GET, "/instances", None).await;
    assert_eq!(listed.expect(200).json().as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn keys_and_ids_are_checked() {
    let session = shop().await;
    let path = format!("{BASE}/instances/x");
    let keyless = session.send(session.data(Method::GET, &path)).await;
    keyless.expect_problem(401, "unauthenticated");
    assert_eq!(
        ask(&session, Method::GET, "/instances/x", None)
            .await
            .status,
        404
    );
    assert_eq!(
        ask(&session, Method::PUT, "/instances/x", None)
            .await
            .status,
        404
    );
}
