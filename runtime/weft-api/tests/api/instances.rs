//! Orchestration instances over the management API.

use std::time::{Duration, Instant};

use http::Method;
use serde_json::json;
use weft_api::Config;
use weft_orchestration::{Failure, Outcome};

use crate::harness::Node;

const I: &str = "/admin/v1/apps/default/instances";

async fn node() -> Node {
    Node::new().await.with_app("/admin/v1/apps/default").await
}

#[tokio::test]
async fn starting_answers_with_the_instance_and_its_place() {
    let node = node().await;
    let order = json!({"orchestrator": "saga", "id": "order 1", "input": {"n": 1}});
    let answer = node.json(Method::POST, I, order).await;
    assert_eq!(answer.status, 201);
    let place = answer.header("location").unwrap();
    assert_eq!(place, format!("{I}/order%201"));
    assert_eq!(answer.body["runtime_status"], "Pending");
    assert_eq!(answer.body["input"], json!({"n": 1}));
    assert_eq!(node.get(place).await.ok(), answer.body);
    let unnamed = json!({"orchestrator": "saga"});
    let unnamed = node.json(Method::POST, I, unnamed).await.ok();
    assert_eq!(unnamed["id"].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn an_order_that_cannot_be_met_is_refused() {
    let node = node().await;
    node.start("a").await;
    for (order, problem) in [
        (json!({"orchestrator": "nobody"}), (404, "not-found")),
        (json!({"orchestrator": "echo"}), (404, "not-found")),
        (
            json!({"orchestrator": "saga", "id": "a/b"}),
            (400, "invalid-request"),
        ),
        (
            json!({"orchestrator": "saga", "id": "a"}),
            (409, "instance-exists"),
        ),
        (json!({}), (422, "invalid-document")),
        (json!([]), (422, "invalid-document")),
    ] {
        let answer = node.json(Method::POST, I, order).await;
        assert_eq!(answer.problem(), problem);
    }
    let malformed = node.body(Method::POST, I, "application/json", "{").await;
    assert_eq!(malformed.problem(), (400, "malformed-json"));
    let text = node.body(Method::POST, I, "text/plain", "{}").await;
    assert_eq!(text.problem(), (415, "unsupported-media-type"));
    let absent = "/admin/v1/apps/none/instances";
    let order = json!({"orchestrator": "saga"});
    let absent = node.json(Method::POST, absent, order).await;
    assert_eq!(absent.problem(), (404, "not-found"));
}

#[tokio::test]
async fn each_outcome_shows_in_its_own_way() {
    let node = node().await;
    let (a, b, c) = (
        node.start("a").await,
        node.start("b").await,
        node.start("c").await,
    );
    node.complete(&a, "{\"total\":3}").await;
    let failure = Failure::permanent("declined", "no money");
    node.end(&b, Outcome::Failed(failure)).await;
    let reason = "enough".to_owned();
    node.end(&c, Outcome::Terminated { reason }).await;
    let a = node.get(&format!("{I}/a")).await.ok();
    assert_eq!(a["runtime_status"], "Completed");
    assert_eq!(a["output"], json!({"total": 3}));
    let b = node.get(&format!("{I}/b")).await.ok();
    assert_eq!(b["failure"]["kind"], "declined");
    let c = node.get(&format!("{I}/c")).await.ok();
    assert_eq!(c["reason"], "enough");
    let again = node.start("a").await;
    assert_eq!(again.id.as_str(), "a");
}

#[tokio::test]
async fn lists_filter_and_page() {
    let node = node().await;
    for id in ["a1", "a2", "b1"] {
        node.start(id).await;
    }
    let done = node.start("a3").await;
    node.complete(&done, "1").await;
    let ids = |list: serde_json::Value| -> Vec<String> {
        let instances = list["instances"].as_array().unwrap().iter();
        instances
            .map(|i| i["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let get = |query: &'static str| {
        let node = &node;
        async move { node.get(&format!("{I}{query}")).await }
    };
    assert_eq!(ids(get("").await.ok()), ["a3", "b1", "a2", "a1"]);
    let query = "?runtime_status=completed,failed";
    assert_eq!(ids(get(query).await.ok()), ["a3"]);
    assert_eq!(ids(get("?id_prefix=a&limit=2").await.ok()), ["a3", "a2"]);
    assert!(ids(get("?orchestrator=x").await.ok()).is_empty());
    assert!(ids(get("?created_to=2001-01-01T00:00:00Z").await.ok()).is_empty());
    let first = get("?limit=3").await.ok();
    let next = first["next"].as_str().unwrap();
    let second = node.get(&format!("{I}?limit=3&after={next}")).await.ok();
    assert_eq!(ids(second.clone()), ["a1"]);
    assert!(second.get("next").is_none());
    for query in [
        "?runtime_status=Bogus",
        "?limit=x",
        "?created_from=soon",
        "?after=nonsense",
    ] {
        let answer = node.get(&format!("{I}{query}")).await;
        assert_eq!(answer.problem(), (400, "invalid-request"), "{query}");
    }
    let absent = node.get("/admin/v1/apps/none/instances").await;
    assert_eq!(absent.problem().0, 404);
}

#[tokio::test]
async fn the_history_is_shown_as_recorded_and_in_pages() {
    let node = node().await;
    let key = node.start("a").await;
    node.call_echo(&key, "{\"a\":1}", "2").await;
    node.complete(&key, "3").await;
    let path = format!("{I}/a/history");
    let all = node.get(&path).await.ok();
    let types = all["events"].as_array().unwrap().iter();
    let types: Vec<_> = types.map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(
        types,
        [
            "orchestrator_started",
            "execution_started",
            "task_scheduled",
            "orchestrator_started",
            "task_completed",
            "orchestrator_started",
            "execution_completed",
        ]
    );
    assert_eq!(all["events"][1]["input"], json!({"n": 1}));
    assert_eq!(all["events"][2]["input"], json!({"a": 1}));
    assert_eq!(all["events"][4]["output"], 2);
    assert_eq!(all["events"][6]["output"], 3);
    let page = node.get(&format!("{path}?limit=2")).await.ok();
    assert_eq!(page["next_turn"], 2);
    let rest = node.get(&format!("{path}?from_turn=2")).await.ok();
    assert_eq!(rest["events"].as_array().unwrap().len(), 2);
    assert!(rest.get("next_turn").is_none());
    let absent = node.get(&format!("{I}/none/history")).await;
    assert_eq!(absent.problem(), (404, "not-found"));
}

#[tokio::test]
async fn messages_reach_open_instances_only() {
    let node = node().await;
    let key = node.start("a").await;
    for verb in ["raise-event/approved", "suspend", "resume", "terminate"] {
        let path = format!("{I}/a/{verb}");
        let with_body = match verb {
            "raise-event/approved" => json!({"by": "me"}),
            _ => json!({"reason": "why"}),
        };
        let answer = node.json(Method::POST, &path, with_body).await;
        assert_eq!(answer.status, 202, "{verb}: {answer:?}");
        assert_eq!(node.call(Method::POST, &path).await.status, 202, "{verb}");
        let absent = format!("{I}/none/{verb}");
        let answer = node.call(Method::POST, &absent).await;
        assert_eq!(answer.problem(), (404, "not-found"), "{verb}");
        let bad = node
            .body(Method::POST, &path, "application/json", "{")
            .await;
        assert_eq!(bad.problem(), (400, "malformed-json"), "{verb}");
        let text = node.body(Method::POST, &path, "text/plain", "x").await;
        assert_eq!(text.problem(), (415, "unsupported-media-type"), "{verb}");
    }
    node.complete(&key, "1").await;
    for verb in ["raise-event/e", "suspend", "resume", "terminate"] {
        let answer = node.call(Method::POST, &format!("{I}/a/{verb}")).await;
        assert_eq!(answer.problem(), (410, "instance-ended"), "{verb}");
        assert_eq!(answer.body["runtime_status"], "Completed");
    }
    let long = format!("{I}/a/raise-event/{}", "x".repeat(257));
    let answer = node.call(Method::POST, &long).await;
    assert_eq!(answer.problem(), (400, "invalid-request"));
    let bad_id = node.call(Method::POST, &format!("{I}/@a/resume")).await;
    assert_eq!(bad_id.problem(), (400, "invalid-request"));
}

#[tokio::test]
async fn only_ended_instances_are_purged() {
    let node = node().await;
    let a = node.start("a").await;
    let path = format!("{I}/a");
    let open = node.call(Method::DELETE, &path).await;
    assert_eq!(open.problem(), (409, "instance-open"));
    node.complete(&a, "1").await;
    assert_eq!(node.call(Method::DELETE, &path).await.status, 204);
    assert_eq!(node.call(Method::DELETE, &path).await.problem().0, 404);
    for id in ["b", "c"] {
        let key = node.start(id).await;
        node.complete(&key, "1").await;
    }
    node.start("d").await;
    let some = node.call(Method::DELETE, &format!("{I}?id_prefix=b")).await;
    assert_eq!(some.ok(), json!({"purged": 1}));
    let rest = node.call(Method::DELETE, I).await.ok();
    assert_eq!(rest, json!({"purged": 1}));
    let left = node.get(I).await.ok();
    assert_eq!(left["instances"][0]["id"], "d");
}

#[tokio::test]
async fn waiting_ends_with_the_instance_or_with_the_time() {
    let node = node().await;
    let key = node.start("a").await;
    let path = format!("{I}/a?wait=30");
    let begun = Instant::now();
    let (answer, ()) = tokio::join!(node.get(&path), node.complete(&key, "1"));
    assert_eq!(answer.ok()["runtime_status"], "Completed");
    assert!(begun.elapsed() < Duration::from_secs(20));
    node.start("b").await;
    let open = node.get(&format!("{I}/b?wait=0.02")).await.ok();
    assert_eq!(open["runtime_status"], "Pending");
    let bad = node.get(&format!("{I}/b?wait=-1")).await;
    assert_eq!(bad.problem(), (400, "invalid-request"));
    let absent = node.get(&format!("{I}/none?wait=1")).await;
    assert_eq!(absent.problem(), (404, "not-found"));
}

#[tokio::test]
async fn a_wait_is_capped_by_the_configuration() {
    let config = Config {
        wait_max: Duration::from_millis(20),
        ..Config::default()
    };
    let node = Node::with(config).await;
    let node = node.with_app("/admin/v1/apps/default").await;
    node.start("a").await;
    let answer = node.get(&format!("{I}/a?wait=1000000")).await.ok();
    assert_eq!(answer["runtime_status"], "Pending");
}
