//! What can be done to running instances, and to what is deployed.

use reqwest::Method;
use serde_json::{Value, json};
use weft_e2e::{Session, in_repository};
use weft_testkit::guests::component;
use weft_testkit::node::Node;

const APP: &str = "orders";

async fn waiting(id: &str) -> Session {
    let session = Session::new(Node::in_memory());
    let wasm = component("samples/rust/order-fulfilment", "order_fulfilment");
    session.upload(APP, "fulfilment", wasm).await;
    start(&session, id).await;
    session
}

async fn start(session: &Session, id: &str) {
    let path = in_repository("samples/rust/order-fulfilment/orders/large.json");
    let order: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    session.start(APP, "fulfil", id, &order).await;
    let parked = |instance: &Value| instance["custom_status"]["stage"] == "awaiting-approval";
    session.until(APP, id, parked).await;
}

#[tokio::test]
async fn suspended_instances_wait_and_resumed_ones_go_on() {
    let session = waiting("a").await;
    session
        .tell(APP, "a", "suspend", &json!({"reason": "lunch"}))
        .await
        .expect(202);
    session.until_status(APP, "a", "Suspended").await;
    let approval = json!({"approved": true, "by": "Ann"});
    session
        .tell(APP, "a", "raise-event/approval", &approval)
        .await
        .expect(202);
    assert_eq!(
        session.instance(APP, "a").await["runtime_status"],
        "Suspended"
    );
    session
        .tell(APP, "a", "resume", &json!({}))
        .await
        .expect(202);
    let ended = session.until_status(APP, "a", "Completed").await;
    assert_eq!(ended["output"]["status"], "fulfilled", "{ended}");
}

#[tokio::test]
async fn terminated_instances_take_nothing_and_can_be_purged() {
    let session = waiting("b").await;
    let one = format!("/apps/{APP}/instances/b");
    let early = session.send(session.admin(Method::DELETE, &one)).await;
    early.expect_problem(409, "instance-open");
    session
        .tell(APP, "b", "terminate", &json!({"reason": "enough"}))
        .await
        .expect(202);
    let ended = session.until_status(APP, "b", "Terminated").await;
    assert_eq!(ended["reason"], "enough");
    let late = session
        .tell(APP, "b", "raise-event/approval", &json!(null))
        .await;
    late.expect_problem(410, "instance-ended");
    session
        .send(session.admin(Method::DELETE, &one))
        .await
        .expect(204);
    let gone = session.send(session.admin(Method::GET, &one)).await;
    gone.expect_problem(404, "not-found");
    let unknown = session.tell(APP, "nobody", "suspend", &json!({})).await;
    unknown.expect_problem(404, "not-found");
}

#[tokio::test]
async fn open_ids_are_taken_and_ended_ones_are_free() {
    let session = waiting("c").await;
    let body = json!({"orchestrator": "fulfil", "id": "c"});
    let instances = format!("/apps/{APP}/instances");
    let again = session
        .send(session.admin(Method::POST, &instances).json(&body))
        .await;
    again.expect_problem(409, "instance-exists");
    session
        .tell(APP, "c", "terminate", &json!({}))
        .await
        .expect(202);
    session.until_status(APP, "c", "Terminated").await;
    start(&session, "c").await;
    let unknown = json!({"orchestrator": "nobody"});
    let unknown = session
        .send(session.admin(Method::POST, &instances).json(&unknown))
        .await;
    unknown.expect_problem(404, "not-found");
}

#[tokio::test]
async fn a_removed_revision_is_a_step_back() {
    let session = waiting("d").await;
    let revisions = format!("/apps/{APP}/revisions");
    session
        .settings(APP, "charge", &json!({"limits": {"memory_mib": 32}}))
        .await;
    let charge = format!("/apps/{APP}/functions/charge");
    let limit = async || {
        let shown = session.send(session.admin(Method::GET, &charge)).await;
        shown.expect(200).json()["limits"]["memory_mib"].clone()
    };
    assert_eq!(limit().await, 32);
    let back = format!("{revisions}/1/activate");
    session
        .send(session.admin(Method::POST, &back))
        .await
        .expect(200);
    assert_eq!(limit().await, 128);
    let app = format!("/apps/{APP}");
    session
        .send(session.admin(Method::DELETE, &app))
        .await
        .expect(204);
    let gone = session.send(session.admin(Method::GET, &app)).await;
    gone.expect_problem(404, "not-found");
}
