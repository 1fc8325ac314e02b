//! `order-fulfilment`: every way an order can go, over the real node.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use weft_e2e::{Session, in_repository};
use weft_testkit::guests::component;
use weft_testkit::node::Node;

const APP: &str = "orders";

async fn shop(node: Node) -> Session {
    let session = Session::new(node);
    let wasm = component("samples/rust/order-fulfilment", "order_fulfilment");
    session.upload(APP, "fulfilment", wasm).await;
    session
}

fn order(name: &str) -> Value {
    let path = format!("samples/rust/order-fulfilment/orders/{name}.json");
    let text = std::fs::read_to_string(in_repository(&path)).unwrap();
    serde_json::from_str(&text).unwrap()
}

async fn outcome(session: &Session, id: &str, order: &Value) -> Value {
    session.start(APP, "fulfil", id, order).await;
    let ended = session.until_status(APP, id, "Completed").await;
    ended["output"].clone()
}

#[tokio::test]
async fn orders_go_through_or_are_undone() {
    let session = shop(Node::in_memory()).await;
    let small = outcome(&session, "small", &order("small")).await;
    assert_eq!(small["status"], "fulfilled", "{small}");
    assert_eq!(small["receipt"]["bank_calls"], 1);
    let declined = outcome(&session, "no-funds", &order("no-funds")).await;
    assert_eq!(declined["reason"], "declined", "{declined}");
    assert_eq!(declined["undone"], json!(["reserve"]));
    let lost = outcome(&session, "antarctica", &order("antarctica")).await;
    assert_eq!(lost["undone"], json!(["charge", "reserve"]), "{lost}");
}

#[tokio::test]
async fn a_large_order_waits_for_a_person() {
    let session = shop(Node::in_memory()).await;
    session.start(APP, "fulfil", "large", &order("large")).await;
    let waiting = |instance: &Value| instance["custom_status"]["stage"] == "awaiting-approval";
    session.until(APP, "large", waiting).await;
    let approval = json!({"approved": true, "by": "Ann"});
    let told = session
        .tell(APP, "large", "raise-event/Approval", &approval)
        .await;
    told.expect(202);
    let ended = session.until_status(APP, "large", "Completed").await;
    assert_eq!(ended["output"]["status"], "fulfilled", "{ended}");

    let mut hurried = order("large");
    hurried["approval_seconds"] = json!(1);
    let late = outcome(&session, "late", &hurried).await;
    assert_eq!(late["reason"], "approval-timeout", "{late}");
}

#[tokio::test]
async fn a_killed_node_goes_on_where_it_was() {
    let mut session = shop(Node::start(&[])).await;
    session
        .start(APP, "fulfil", "slow", &order("slow-bank"))
        .await;
    session.start(APP, "fulfil", "large", &order("large")).await;
    let retrying = |instance: &Value| instance["custom_status"]["stage"] == "charging";
    session.until(APP, "slow", retrying).await;
    let waiting = |instance: &Value| instance["custom_status"]["stage"] == "awaiting-approval";
    session.until(APP, "large", waiting).await;
    session.node.kill();
    session.node.restart();
    let slow = session.until_status(APP, "slow", "Completed").await;
    assert_eq!(slow["output"]["status"], "fulfilled", "{slow}");
    assert_eq!(session.count(APP, "slow", "timer_fired").await, 2);
    let approval = json!({"approved": true, "by": "Ann"});
    let told = session
        .tell(APP, "large", "raise-event/approval", &approval)
        .await;
    told.expect(202);
    let large = session.until_status(APP, "large", "Completed").await;
    assert_eq!(large["output"]["receipt"]["bank_calls"], 1, "{large}");
}

#[tokio::test]
async fn kills_at_any_instant_lose_and_repeat_no_step() {
    let mut session = shop(Node::start(&[])).await;
    let mut ids = Vec::new();
    for round in 0..5_u64 {
        for number in 0..10 {
            let id = format!("o-{round}-{number}");
            let mut order = order("small");
            order["id"] = json!(id);
            session.start(APP, "fulfil", &id, &order).await;
            ids.push(id);
        }
        tokio::time::sleep(Duration::from_millis(7 * round)).await;
        session.node.kill();
        session.node.restart();
    }
    for id in &ids {
        let ended = session.until_status(APP, id, "Completed").await;
        let execution = ended["execution_id"].as_str().unwrap();
        // An activity may run again after a crash; by its key the money is taken once.
        let receipt = format!("charge/{id}/{execution}:1");
        assert_eq!(ended["output"]["receipt"]["id"], receipt, "{ended}");
        assert_eq!(session.count(APP, id, "task_scheduled").await, 3);
        assert_eq!(session.count(APP, id, "task_completed").await, 3);
    }
    let listed = session.admin(Method::GET, &format!("/apps/{APP}/instances?limit=1000"));
    let listed = session.send(listed).await.expect(200).json();
    assert_eq!(listed["instances"].as_array().unwrap().len(), ids.len());
}
