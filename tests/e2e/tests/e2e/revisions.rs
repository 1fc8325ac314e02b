//! Instances and the revisions of their code: the replay gate, and moving from one to another.

use reqwest::Method;
use serde_json::{Value, json};
use weft_e2e::{Answer, Session};
use weft_testkit::guests::guest;
use weft_testkit::node::Node;

const APP: &str = "versions";

async fn session() -> Session {
    let session = Session::new(Node::in_memory());
    let wasm = guest("guest_orchestrator");
    session.upload(APP, "flows", wasm).await;
    session
}

/// An instance that waits for its event.
async fn waiting(session: &Session, id: &str) {
    session.start(APP, "versioned", id, &json!(null)).await;
    session
        .until(APP, id, |instance| instance["turns"] == 2)
        .await;
}

async fn post(session: &Session, path: &str, body: &Value) -> Answer {
    let request = session.admin(Method::POST, &format!("/apps/{APP}{path}"));
    session.send(request.json(body)).await
}

async fn active(session: &Session) -> Value {
    let request = session.admin(Method::GET, &format!("/apps/{APP}/revisions"));
    let listed = session.send(request).await.expect(200).json();
    let revisions = listed["revisions"].as_array().unwrap();
    let active = revisions.iter().find(|r| r["active"] == true).unwrap();
    active["revision"].clone()
}

#[tokio::test]
async fn the_gate_names_each_instance_that_other_code_would_not_follow() {
    let session = session().await;
    waiting(&session, "a").await;
    session.start(APP, "sequence", "s", &json!(0)).await;
    session.until_status(APP, "s", "Completed").await;
    let other = json!({"env": {"FIRST": "event"}});
    session.settings(APP, "versioned", &other).await;
    post(&session, "/revisions/1/activate", &json!(null))
        .await
        .expect(200);

    let check = post(&session, "/revisions/2/check", &json!(null)).await;
    let check = check.expect(200).json();
    assert_eq!(check["compatible"], false, "{check}");
    assert_eq!(check["complete"], true);
    let a = &check["instances"][0];
    assert_eq!((&a["id"], &a["verdict"]), (&json!("a"), &json!("diverges")));
    let detail = a["detail"].as_str().unwrap();
    assert!(
        detail.contains("event 3 has a timer as number 0") && detail.contains("\"hello\""),
        "{detail}"
    );
    let s = &check["instances"][1];
    let expected = (&json!("s"), &json!("compatible"));
    assert_eq!((&s["id"], &s["verdict"]), expected);

    let refused = post(&session, "/revisions/2/activate?check=replay", &json!(null)).await;
    refused.expect_problem(409, "diverges");
    assert_eq!(refused.json()["check"], check);
    assert_eq!(active(&session).await, 1);
    let unknown = post(&session, "/revisions/2/activate?check=all", &json!(null)).await;
    unknown.expect_problem(400, "invalid-request");
    let unknown = post(&session, "/revisions/9/check", &json!(null)).await;
    unknown.expect_problem(404, "not-found");

    session
        .tell(APP, "a", "raise-event/go", &json!("done"))
        .await
        .expect(202);
    session.until_status(APP, "a", "Completed").await;
    let refused = post(&session, "/revisions/2/activate?check=replay", &json!(null)).await;
    refused.expect_problem(409, "diverges");
    let same = post(&session, "/revisions/1/activate?check=replay", &json!(null)).await;
    assert_eq!(same.expect(200).json()["check"]["compatible"], true);
}

#[tokio::test]
async fn only_what_is_moved_has_the_other_code_and_what_failed_by_it_is_taken_back() {
    let session = session().await;
    waiting(&session, "a").await;
    waiting(&session, "b").await;
    let other = json!({"env": {"FIRST": "event"}});
    session.settings(APP, "versioned", &other).await;

    let refused = session.tell(APP, "a", "move", &json!({})).await;
    refused.expect_problem(409, "diverges");
    let unknown = session
        .tell(APP, "a", "move", &json!({"revision": 9}))
        .await;
    unknown.expect_problem(404, "not-found");
    session
        .tell(APP, "a", "move", &json!({"revision": 2, "force": true}))
        .await
        .expect(202);
    let failed = session.until_status(APP, "a", "Failed").await;
    assert_eq!(failed["failure"]["kind"], "non-determinism", "{failed}");
    let message = failed["failure"]["message"].as_str().unwrap();
    assert!(message.contains("has a timer as number 0"), "{message}");
    assert_eq!(failed["revision"], 2);
    let late = session.tell(APP, "a", "move", &json!({})).await;
    late.expect_problem(410, "instance-ended");

    session
        .tell(APP, "a", "rewind", &json!({"revision": 1}))
        .await
        .expect(202);
    for (id, revision) in [("a", 1), ("b", 1)] {
        session
            .tell(APP, id, "raise-event/go", &json!(id))
            .await
            .expect(202);
        let ended = session.until_status(APP, id, "Completed").await;
        assert_eq!(
            (&ended["output"], &ended["revision"]),
            (&json!(id), &json!(revision))
        );
    }
}

#[tokio::test]
async fn a_moved_instance_goes_on_with_code_that_follows_its_history() {
    let session = session().await;
    waiting(&session, "a").await;
    let same = json!({"limits": {"memory_mib": 32}});
    session.settings(APP, "versioned", &same).await;
    session
        .tell(APP, "a", "suspend", &json!({}))
        .await
        .expect(202);
    session.until_status(APP, "a", "Suspended").await;
    session.tell(APP, "a", "move", &json!({})).await.expect(202);
    session
        .until(APP, "a", |instance| instance["revision"] == 2)
        .await;
    assert_eq!(session.count(APP, "a", "execution_moved").await, 1);
    session
        .tell(APP, "a", "resume", &json!({}))
        .await
        .expect(202);
    session
        .tell(APP, "a", "raise-event/go", &json!(7))
        .await
        .expect(202);
    let ended = session.until_status(APP, "a", "Completed").await;
    assert_eq!(ended["output"], 7);
}
