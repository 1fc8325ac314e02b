//! The Durable Functions HTTP API: codes, headers and shapes that its clients rely on.

use http::Method;
use serde_json::{Value, json};
use weft_orchestration::{Failure, Outcome, Payload};
use weft_store::Role;

use crate::harness::Node;

const D: &str = "/runtime/webhooks/durabletask";

async fn node() -> Node {
    Node::new().await.with_app("/admin/v1/apps/default").await
}

async fn post(node: &Node, path: &str) -> crate::harness::Answer {
    node.call(Method::POST, &format!("{D}{path}")).await
}

async fn get(node: &Node, path: &str) -> crate::harness::Answer {
    node.get(&format!("{D}{path}")).await
}

#[tokio::test]
async fn starting_answers_with_the_links_of_the_instance() {
    let node = node().await;
    let path = format!("{D}/orchestrators/saga/order%201");
    let answer = node.json(Method::POST, &path, json!({"n": 1})).await;
    assert_eq!(answer.status, 202);
    assert_eq!(answer.header("retry-after"), Some("10"));
    let base = format!("http://node.example:7071{D}/instances/order%201");
    let query = "taskHub=default&connection=Storage";
    assert_eq!(
        answer.body,
        json!({
            "id": "order 1",
            "statusQueryGetUri": format!("{base}?{query}"),
            "sendEventPostUri": format!("{base}/raiseEvent/{{eventName}}?{query}"),
            "terminatePostUri": format!("{base}/terminate?reason={{text}}&{query}"),
            "purgeHistoryDeleteUri": format!("{base}?{query}"),
            "restartPostUri": format!("{base}/restart?{query}"),
            "suspendPostUri": format!("{base}/suspend?reason={{text}}&{query}"),
            "rewindPostUri": format!("{base}/rewind?reason={{text}}&{query}"),
            "resumePostUri": format!("{base}/resume?reason={{text}}&{query}"),
        })
    );
    let status = answer.body["statusQueryGetUri"].as_str().unwrap();
    assert_eq!(answer.header("location"), Some(status));
    let followed = status.strip_prefix("http://node.example:7071").unwrap();
    assert_eq!(node.get(followed).await.status, 202);
}

#[tokio::test]
async fn links_carry_the_key_only_where_the_request_did() {
    let node = node().await;
    let key = node.operator.clone();
    let in_header = post(&node, "/orchestrators/saga").await.body.to_string();
    assert!(!in_header.contains(&key));
    let path = format!("{D}/orchestrators/saga?taskHub=hub&connection=C&code={key}");
    let request = http::Request::post(path).body("".into()).unwrap();
    let answer = node.send(request).await.ok();
    let link = answer["statusQueryGetUri"].as_str().unwrap();
    let query = format!("?taskHub=hub&connection=C&code={key}");
    assert!(link.ends_with(&query), "{link}");
}

#[tokio::test]
async fn it_works_below_the_prefix_of_an_app() {
    let node = Node::new().await;
    let key = node.key(Some("acme"), Role::Invoker).await;
    let node = node.with_app("/admin/v1/tenants/acme/apps/shop").await;
    let path = format!("/@acme/shop{D}/orchestrators/saga/i");
    let answer = node.call_as(&key, Method::POST, &path).await.ok();
    let link = answer["statusQueryGetUri"].as_str().unwrap();
    assert!(
        link.starts_with(&format!(
            "http://node.example:7071/@acme/shop{D}/instances/i?taskHub=shop"
        )),
        "{link}"
    );
    let status = format!("/@acme/shop{D}/instances/i");
    let shown = node.call_as(&key, Method::GET, &status).await;
    assert_eq!(shown.body["instanceId"], "i");
    assert_eq!(get(&node, "/instances/i").await.problem().0, 404);
}

#[tokio::test]
async fn what_cannot_be_started_is_refused() {
    let node = node().await;
    for (path, status) in [
        ("/orchestrators/nobody", 400),
        ("/orchestrators/echo", 400),
        ("/orchestrators/saga/@x", 400),
        ("/orchestrators/saga?timeout=x", 400),
        ("/orchestrators/saga?timeout=1&pollingInterval=2", 400),
        ("/orchestrators/saga/a/b", 404),
        ("/orchestrators", 404),
    ] {
        assert_eq!(post(&node, path).await.problem().0, status, "{path}");
    }
    let path = format!("{D}/orchestrators/saga");
    let bad = node.body(Method::POST, &path, "application/json", "{");
    assert_eq!(bad.await.problem(), (400, "malformed-json"));
    node.start("a").await;
    let taken = post(&node, "/orchestrators/saga/a").await;
    assert_eq!(taken.problem(), (409, "instance-exists"));
    let request = http::Request::post(&path).body("".into()).unwrap();
    assert_eq!(node.send(request).await.problem().0, 401);
    let reader = node.key(Some("default"), Role::Reader).await;
    let answer = node.call_as(&reader, Method::POST, &path).await;
    assert_eq!(answer.problem().0, 403);
}

#[tokio::test]
async fn an_open_instance_is_202_and_an_ended_one_200() {
    let node = node().await;
    let key = node.start("a").await;
    let open = get(&node, "/instances/a?code=").await;
    assert_eq!(open.status, 202);
    assert_eq!(open.header("retry-after"), Some("5"));
    let own = format!("http://node.example:7071{D}/instances/a?code=");
    assert_eq!(open.header("location"), Some(&*own));
    node.complete(&key, "\"{\\\"a\\\":1}\"").await;
    let done = get(&node, "/instances/a").await;
    assert_eq!(done.status, 200);
    assert!(done.header("location").is_none());
    let created = done.body["createdTime"].as_str().unwrap().to_owned();
    assert_eq!(created.len(), "2027-01-15T08:00:00Z".len(), "{created}");
    assert_eq!(
        done.body,
        json!({
            "name": "saga",
            "instanceId": "a",
            "runtimeStatus": "Completed",
            "input": {"n": 1},
            "customStatus": null,
            // A string that holds JSON stays a string.
            "output": "{\"a\":1}",
            "createdTime": created,
            "lastUpdatedTime": created,
        })
    );
    let hidden = get(&node, "/instances/a?SHOWINPUT=False").await.ok();
    assert_eq!(hidden["input"], Value::Null);
    let bad = get(&node, "/instances/a?showInput=maybe").await;
    assert_eq!(bad.problem().0, 400);
    assert_eq!(get(&node, "/instances/none").await.problem().0, 404);
    assert_eq!(get(&node, "/instances/@bad").await.problem().0, 404);
}

#[tokio::test]
async fn a_failed_instance_is_500_only_on_request() {
    let node = node().await;
    let key = node.start("a").await;
    let failure = Failure::permanent("declined", "no money");
    node.end(&key, Outcome::Failed(failure)).await;
    let plain = get(&node, "/instances/a").await;
    assert_eq!(plain.status, 200);
    assert_eq!(plain.body["output"], "no money");
    let flag = "/instances/a?returnInternalServerErrorOnFailure=true";
    assert_eq!(get(&node, flag).await.status, 500);
}

#[tokio::test]
async fn starting_can_wait_for_the_end() {
    let node = node().await;
    let key = weft_id::InstanceKey::new(weft_id::AppId::default(), "a".parse().unwrap());
    let finish = async |outcome: Outcome| {
        while get(&node, "/instances/a").await.status == 404 {
            tokio::task::yield_now().await;
        }
        node.end(&key, outcome).await;
    };
    let path = "/orchestrators/saga/a?timeout=30&pollingInterval=1";
    let done = Outcome::Completed(Payload::from("{\"x\":1}"));
    let (answer, ()) = tokio::join!(post(&node, path), finish(done));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body, json!({"x": 1}));
    node.call(Method::DELETE, &format!("{D}/instances/a")).await;
    let failed = Outcome::Failed(Failure::permanent("declined", "no money"));
    let (answer, ()) = tokio::join!(post(&node, path), finish(failed));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.body["runtimeStatus"], "Failed");
    let late = post(&node, "/orchestrators/saga/b?timeout=0.02").await;
    assert_eq!(late.status, 202);
    assert_eq!(late.body["id"], "b");
}

#[tokio::test]
async fn lists_are_arrays_with_a_token_for_the_next_page() {
    let node = node().await;
    for id in ["a", "b", "c"] {
        node.start(id).await;
    }
    let first = get(&node, "/instances/?top=2").await;
    assert_eq!(first.body[0]["instanceId"], "c");
    assert_eq!(first.body.as_array().unwrap().len(), 2);
    let token = first.header("x-ms-continuation-token").unwrap();
    let path = format!("{D}/instances?top=2");
    let request = node
        .request(Method::GET, &path, &node.operator)
        .header("x-ms-continuation-token", token);
    let second = node.send(request.body("".into()).unwrap()).await;
    assert_eq!(second.body[0]["instanceId"], "a");
    assert!(second.header("x-ms-continuation-token").is_none());
    for (query, count) in [
        ("runtimeStatus=Pending,Running", 3),
        ("runtimeStatus=Completed", 0),
        ("runtimeStatus=Canceled", 0),
        ("instanceIdPrefix=a", 1),
        ("createdTimeFrom=2001-01-01T00:00:00Z", 3),
        ("createdTimeTo=2001-01-01T00:00:00Z", 0),
    ] {
        let list = get(&node, &format!("/instances?{query}")).await.ok();
        assert_eq!(list.as_array().unwrap().len(), count, "{query}");
    }
    for query in ["top=0", "top=x", "runtimeStatus=x", "createdTimeFrom=x"] {
        let answer = get(&node, &format!("/instances?{query}")).await;
        assert_eq!(answer.problem().0, 400, "{query}");
    }
}

#[tokio::test]
async fn messages_are_202_while_open_and_410_after() {
    let node = node().await;
    let key = node.start("a").await;
    let event = format!("{D}/instances/a/RAISEEVENT/approved");
    let sent = node.json(Method::POST, &event, json!({"by": "me"})).await;
    assert_eq!(sent.status, 202);
    let octets = "application/octet-stream";
    let empty = node.body(Method::POST, &event, octets, "").await;
    assert_eq!(empty.status, 202);
    let untyped = node.body(Method::POST, &event, octets, "1").await;
    assert_eq!(untyped.problem(), (400, "invalid-request"));
    let malformed = node.body(Method::POST, &event, "application/json", "{");
    assert_eq!(malformed.await.problem(), (400, "malformed-json"));
    for verb in ["suspend", "resume", "terminate"] {
        let answer = post(&node, &format!("/instances/a/{verb}?reason=why")).await;
        assert_eq!(answer.status, 202, "{verb}");
        let absent = post(&node, &format!("/instances/none/{verb}")).await;
        assert_eq!(absent.problem().0, 404, "{verb}");
    }
    node.complete(&key, "1").await;
    for verb in ["raiseEvent/e", "suspend", "resume", "terminate"] {
        let answer = post(&node, &format!("/instances/a/{verb}")).await;
        assert_eq!(answer.problem(), (410, "instance-ended"), "{verb}");
    }
}

#[tokio::test]
async fn restarting_begins_anew_with_the_same_input() {
    let node = node().await;
    let key = node.start("a").await;
    node.complete(&key, "1").await;
    let started = post(&node, "/instances/a/restart").await;
    assert_eq!(started.status, 202);
    let id = started.body["id"].as_str().unwrap();
    assert_ne!(id, "a");
    let link = format!("http://node.example:7071{D}/instances/{id}?");
    assert!(started.header("location").unwrap().starts_with(&link));
    let new = get(&node, &format!("/instances/{id}")).await;
    assert_eq!(new.status, 202);
    assert_eq!(new.body["name"], "saga");
    assert_eq!(new.body["input"], json!({"n": 1}));
    assert_eq!(
        get(&node, "/instances/a").await.body["runtimeStatus"],
        "Completed"
    );

    // Under the same id only once it has ended.
    let again = "/instances/a/restart?restartWithNewInstanceId=false";
    let restarted = post(&node, again).await;
    assert_eq!(restarted.status, 202);
    assert_eq!(restarted.body["id"], "a");
    let status = get(&node, "/instances/a").await;
    assert_eq!(status.body["runtimeStatus"], "Pending");
    assert_eq!(status.body["input"], json!({"n": 1}));
    assert_eq!(post(&node, again).await.problem(), (409, "instance-exists"));
    assert_eq!(post(&node, "/instances/a/restart").await.status, 202);

    for path in [
        "/instances/none/restart",
        "/instances/@bad/restart",
        "/instances/a/restart?restartWithNewInstanceId=maybe",
    ] {
        let refused = post(&node, path).await;
        assert_eq!(refused.problem(), (400, "invalid-request"), "{path}");
    }
    let reader = node.key(Some("default"), Role::Reader).await;
    let path = format!("{D}/instances/a/restart");
    let refused = node.call_as(&reader, Method::POST, &path).await;
    assert_eq!(refused.problem().0, 403);
}

#[tokio::test]
async fn purging_counts_what_went() {
    let node = node().await;
    let delete = |path: &'static str| {
        let node = &node;
        async move { node.call(Method::DELETE, &format!("{D}{path}")).await }
    };
    let key = node.start("a").await;
    assert_eq!(delete("/instances/a").await.problem().0, 404);
    node.complete(&key, "1").await;
    assert_eq!(
        delete("/instances/a").await.ok(),
        json!({"instancesDeleted": 1})
    );
    assert_eq!(delete("/instances/a").await.problem().0, 404);
    for id in ["b", "c"] {
        let key = node.start(id).await;
        node.complete(&key, "1").await;
    }
    assert_eq!(delete("/instances").await.problem().0, 400);
    let since = "/instances/?createdTimeFrom=2001-01-01T00:00:00Z";
    assert_eq!(delete(since).await.ok(), json!({"instancesDeleted": 2}));
    assert_eq!(delete(since).await.problem().0, 404);
}

#[tokio::test]
async fn the_history_folds_what_was_scheduled_into_what_came_of_it() {
    let node = node().await;
    let key = node.start("a").await;
    node.call_echo(&key, "1", "2").await;
    node.complete(&key, "3").await;
    assert!(
        get(&node, "/instances/a")
            .await
            .body
            .get("historyEvents")
            .is_none()
    );
    let types = |body: &Value| -> Vec<String> {
        let events = body["historyEvents"].as_array().unwrap().iter();
        events
            .map(|event| event["EventType"].as_str().unwrap().to_owned())
            .collect()
    };
    let plain = get(&node, "/instances/a?showHistory=true").await.ok();
    let expected = ["ExecutionStarted", "TaskCompleted", "ExecutionCompleted"];
    assert_eq!(types(&plain), expected);
    let task = &plain["historyEvents"][1];
    assert_eq!(task["FunctionName"], "echo");
    assert!(task["ScheduledTime"].is_string() && task.get("Result").is_none());
    let full = "/instances/a?showHistory=true&showHistoryOutput=true";
    let full = get(&node, full).await.ok();
    assert_eq!(full["historyEvents"][1]["Result"], 2);
    assert_eq!(full["historyEvents"][2]["Result"], 3);
    assert_eq!(full["historyEvents"][2]["OrchestrationStatus"], "Completed");
}

#[tokio::test]
async fn only_a_failed_instance_is_rewound() {
    let node = node().await;
    node.start("open").await;
    let open = post(&node, "/instances/open/rewind?reason=r").await;
    assert_eq!(open.problem(), (400, "invalid-request"));
    let key = node.start("ended").await;
    let output = Outcome::Completed(Payload::null());
    node.end(&key, output).await;
    let ended = post(&node, "/instances/ended/rewind").await;
    assert_eq!(ended.problem(), (410, "instance-ended"));
    let absent = post(&node, "/instances/absent/rewind").await;
    assert_eq!(absent.problem(), (404, "not-found"));
}

#[tokio::test]
async fn an_entity_is_signaled_read_and_listed() {
    let node = node().await;
    for bad in [
        "/entities/a%40b/k",
        &format!("/entities/c/{}", "k".repeat(100)),
    ] {
        assert_eq!(post(&node, bad).await.status, 400, "{bad}");
    }
    let path = format!("{D}/entities/Counter/a?op=add");
    let sent = node.json(Method::POST, &path, json!(5)).await;
    assert_eq!(sent.status, 202);
    // What has not run has left no state.
    assert_eq!(get(&node, "/entities/counter/a").await.status, 404);
    assert_eq!(get(&node, "/entities/").await.ok(), json!([]));
    let id: weft_id::EntityId = "@counter@a".parse().unwrap();
    let app = weft_id::AppId::default();
    let entity = weft_store::Entities::entity(&*node.store, &app, &id)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(entity.queued, 1);
    let deleted = node
        .call(Method::DELETE, &format!("{D}/entities/counter/$"))
        .await;
    assert_eq!(deleted.status, 202);
    let listed = node
        .get("/admin/v1/apps/default/entities?transient=true")
        .await
        .ok();
    assert_eq!(listed["entities"][0]["id"], "@counter@");
    assert_eq!(listed["entities"][1]["queued"], 1);
    assert_eq!(
        node.get("/admin/v1/apps/default/instances/@counter@a")
            .await
            .status,
        404
    );
}

#[tokio::test]
async fn a_wrong_method_and_what_is_not_offered_are_404() {
    let node = node().await;
    node.start("a").await;
    for (method, path) in [
        (Method::PUT, "/instances/a"),
        (Method::GET, "/orchestrators/saga"),
        (Method::GET, "/instances/a/restart"),
        (Method::POST, "/instances/a/restart/more"),
        (Method::GET, "/entities/counter/1"),
        (Method::GET, "/"),
        (Method::POST, "/instances/a/raiseEvent/e/more"),
    ] {
        let answer = node.call(method, &format!("{D}{path}")).await;
        assert_eq!(answer.problem(), (404, "not-found"), "{path}");
    }
    let other = node
        .get("/@No/app/runtime/webhooks/durabletask/instances")
        .await;
    assert_eq!(other.problem(), (404, "not-found"));
}
