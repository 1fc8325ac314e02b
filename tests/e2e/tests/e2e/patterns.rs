//! The sample `patterns`: each pattern over the real node, some of them over a kill.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use weft_e2e::{Answer, DEADLINE, Session};
use weft_testkit::guests::component;
use weft_testkit::node::Node;

const APP: &str = "patterns";

async fn session(node: Node) -> Session {
    let session = Session::new(node);
    let wasm = component("samples/rust/patterns", "patterns");
    session.upload(APP, "patterns", wasm).await;
    session
}

async fn output(session: &Session, orchestrator: &str, input: &Value) -> Value {
    let id = format!("{orchestrator}-{input}");
    let id: String = id
        .chars()
        .filter(|c| c.is_alphanumeric() || *c == '-')
        .collect();
    session.start(APP, orchestrator, &id, input).await;
    session.until_status(APP, &id, "Completed").await["output"].clone()
}

/// Below `/admin/v1/apps/{app}`, as JSON.
async fn get(session: &Session, path: &str) -> Value {
    let request = session.admin(Method::GET, &format!("/apps/{APP}{path}"));
    session.send(request).await.expect(200).json()
}

async fn post(session: &Session, path: &str, body: &Value) -> Answer {
    let request = session.admin(Method::POST, &format!("/apps/{APP}{path}"));
    session.send(request.json(body)).await
}

async fn state(session: &Session, entity: &str) -> Value {
    get(session, &format!("/entities/{entity}")).await["state"].clone()
}

async fn signal(session: &Session, entity: &str, body: &Value) {
    let sent = post(session, &format!("/entities/{entity}"), body).await;
    sent.expect(202);
}

/// What the data plane answers once it has this status.
async fn until_answer(session: &Session, path: &str, status: u16) -> Answer {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let request = session.data(Method::GET, path).bearer_auth(session.key());
        let answer = session.send(request).await;
        if answer.status == status {
            return answer;
        }
        assert!(Instant::now() < deadline, "not reached: {answer:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn each_pattern_comes_to_its_result() {
    let session = session(Node::in_memory()).await;
    assert_eq!(output(&session, "chain", &json!(1)).await, 8);
    assert_eq!(output(&session, "fan-out", &json!(20)).await, 380);
    let watch = json!({"name": "w", "goal": 3, "every_ms": 10, "looks_max": 9});
    assert_eq!(output(&session, "monitor", &watch).await, "reached");
    assert_eq!(output(&session, "approval", &json!(50)).await, "escalated");
    let round = json!({"left": 4, "number": 1});
    assert_eq!(output(&session, "eternal", &round).await, 32);
    assert_eq!(output(&session, "aggregate", &json!(25)).await, 25);
}

#[tokio::test]
async fn each_pattern_comes_to_its_result_over_kills() {
    let mut session = session(Node::start(&[])).await;
    // Long enough to be in the middle of it, and what it comes to.
    let watch = json!({"name": "killed", "goal": 30, "every_ms": 40, "looks_max": 90});
    let patterns = [
        ("chain", json!(1), json!(8)),
        ("fan-out", json!(300), json!(89_700)),
        ("monitor", watch, json!("reached")),
        ("approval", json!(1500), json!("escalated")),
        ("approval", json!(600_000), json!("approved")),
        (
            "eternal",
            json!({"left": 40, "number": 1}),
            json!(1_u64 << 41),
        ),
        ("aggregate", json!(60), json!(60)),
    ];
    for (number, (orchestrator, input, _)) in patterns.iter().enumerate() {
        session
            .start(APP, orchestrator, &format!("k{number}"), input)
            .await;
    }
    session
        .start(APP, "parent", "family", &json!("killed"))
        .await;
    for round in 0..4_u64 {
        tokio::time::sleep(Duration::from_millis(60 + 90 * round)).await;
        session.node.kill();
        session.node.restart();
        if round == 2 {
            let sent = session.tell(APP, "k4", "raise-event/Approval", &json!(true));
            sent.await.expect(202);
        }
    }
    for (number, (orchestrator, _, expected)) in patterns.iter().enumerate() {
        let ended = session
            .until_status(APP, &format!("k{number}"), "Completed")
            .await;
        assert_eq!(ended["output"], *expected, "{orchestrator}: {ended}");
    }
    // An activity may run again after a kill, so a child that fails once may have done so unseen.
    let has_ended = |instance: &Value| {
        ["Completed", "Failed"].contains(&instance["runtime_status"].as_str().unwrap())
    };
    loop {
        let ended = session.until(APP, "family", has_ended).await;
        if ended["runtime_status"] == "Completed" {
            break;
        }
        assert_eq!(ended["failure"]["kind"], "flaky", "{ended}");
        session
            .tell(APP, "family", "rewind", &json!({}))
            .await
            .expect(202);
    }
}

#[tokio::test]
async fn a_failed_parent_is_rewound_with_its_children() {
    let session = session(Node::in_memory()).await;
    session.start(APP, "parent", "p", &json!("x")).await;
    // Each child fails once; those that had not failed when the parent did fail after the rewind.
    for round in 0.. {
        assert!(round < 5, "three children fail three times at most");
        let ended = session
            .until(APP, "p", |instance| {
                ["Completed", "Failed"].contains(&instance["runtime_status"].as_str().unwrap())
            })
            .await;
        if ended["runtime_status"] == "Completed" {
            assert_eq!(ended["output"], 6, "{ended}");
            break;
        }
        assert_eq!(ended["failure"]["kind"], "flaky", "{ended}");
        let body = json!({"reason": "again"});
        session.tell(APP, "p", "rewind", &body).await.expect(202);
    }
    let again = session.tell(APP, "p", "rewind", &json!({})).await;
    again.expect_problem(410, "instance-ended");
}

#[tokio::test]
async fn money_is_neither_lost_nor_made_over_kills() {
    let mut session = session(Node::start(&[])).await;
    let accounts = ["a", "b", "c"];
    for account in accounts {
        let body = json!({"operation": "deposit", "input": 100});
        signal(&session, &format!("@account@{account}"), &body).await;
    }
    let mut ids = Vec::new();
    for number in 0..12 {
        let (from, to) = (
            accounts[number % 3],
            accounts[(number + 1 + number / 6) % 3],
        );
        let order = json!({"from": from, "to": to, "amount": 7});
        let id = format!("transfer-{number}");
        session.start(APP, "transfer", &id, &order).await;
        ids.push(id);
        if number % 5 == 4 {
            session.node.kill();
            session.node.restart();
        }
    }
    let mut moved = 0;
    for id in ids {
        let ended = session.until_status(APP, &id, "Completed").await;
        moved += u32::from(ended["output"] == true);
    }
    assert!(moved > 0);
    let mut total = 0;
    for account in accounts {
        let state = state(&session, &format!("@account@{account}")).await;
        total += state["balance"].as_i64().unwrap();
    }
    assert_eq!(total, 300);
    let listed = get(&session, "/entities?name=account").await;
    for entity in listed["entities"].as_array().unwrap() {
        assert_eq!(entity.get("locked_by"), None, "{entity}");
    }
}

#[tokio::test]
async fn entities_take_signals_and_are_deleted() {
    let session = session(Node::in_memory()).await;
    for number in 1..=10 {
        let body = json!({"operation": "add", "input": number});
        signal(&session, "@counter@x", &body).await;
    }
    signal(&session, "@counter@x", &json!({"operation": "nonsense"})).await;
    signal(
        &session,
        "@counter@x",
        &json!({"operation": "add", "input": "text"}),
    )
    .await;
    signal(
        &session,
        "@counter@x",
        &json!({"operation": "pour", "input": "y"}),
    )
    .await;
    let path = "/runtime/webhooks/durabletask/entities/counter/y";
    let path = format!("/@default/{APP}{path}");
    let read = until_answer(&session, &path, 200).await;
    assert_eq!(read.json(), json!({"value": 55}));
    assert_eq!(state(&session, "@counter@x").await["value"], 0);
    // An activity reads and signals; what an operation starts is started with what it leaves.
    let before = session.invoke(APP, "count", &json!("y")).await;
    assert_eq!(before.expect(200).json(), json!({"value": 55}));
    let launch = json!({"operation": "launch", "input": "launched"});
    signal(&session, "@counter@y", &launch).await;
    let deadline = Instant::now() + DEADLINE;
    loop {
        let request = session.admin(Method::GET, &format!("/apps/{APP}/instances/launched"));
        if session.send(request).await.status == 200 {
            break;
        }
        assert!(Instant::now() < deadline, "nothing was started");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let launched = session.until_status(APP, "launched", "Completed").await;
    assert_eq!(launched["output"], 8 * 56);

    let request = session
        .data(Method::DELETE, &path)
        .bearer_auth(session.key());
    session.send(request).await.expect(202);
    until_answer(&session, &path, 404).await;
}

#[tokio::test]
async fn an_instance_begins_at_its_time_and_is_found_by_its_tags() {
    let session = session(Node::in_memory()).await;
    let body = json!({
        "orchestrator": "chain", "id": "later", "input": 1,
        "tags": {"team": "blue"}, "version": "2",
        "scheduled_at": "2099-01-01T00:00:00Z",
    });
    let path = "/instances";
    post(&session, path, &body).await.expect(201);
    let found = get(&session, "/instances?tags=team%3Dblue").await;
    assert_eq!(found["instances"][0]["id"], "later");
    assert_eq!(found["instances"][0]["runtime_status"], "Pending");
    assert_eq!(found["instances"][0]["version"], "2");
    // In place of an open one, only where that is asked for.
    let soon = json!({"orchestrator": "chain", "id": "later", "input": 1});
    let refused = post(&session, path, &soon).await;
    refused.expect_problem(409, "instance-exists");
    let mut soon = soon;
    soon["reuse"] = json!(["Pending"]);
    let refused = post(&session, path, &soon).await;
    refused.expect_problem(400, "invalid-request");
    soon["reuse"] = json!(["Pending", "Terminated"]);
    post(&session, path, &soon).await.expect(201);
    let ended = session.until_status(APP, "later", "Completed").await;
    assert_eq!(ended["output"], 8);
    let restarted = session
        .tell(APP, "later", "restart", &json!({"same_id": true}))
        .await;
    restarted.expect(201);
    session.until_status(APP, "later", "Completed").await;
}

#[tokio::test]
async fn an_activity_manages_other_orchestrations() {
    let session = session(Node::in_memory()).await;
    assert_eq!(output(&session, "aggregate", &json!(2)).await, 2);
    let batch = json!({"name": "night", "size": 3});
    let started = session.invoke(APP, "start-batch", &batch).await;
    let ids = json!(["night-0", "night-1", "night-2"]);
    assert_eq!(started.expect(200).json(), ids);
    session
        .start(APP, "approval", "taken-0", &json!(600_000))
        .await;
    let taken = json!({"name": "taken", "size": 1});
    let refused = session.invoke(APP, "start-batch", &taken).await;
    refused.expect_problem(502, "function-failed");
    session.start(APP, "chain", "other", &json!(1)).await;
    session.until_status(APP, "other", "Completed").await;
    let order = json!({
        "orchestrator": "approval", "id": "night-t", "input": 600_000, "tags": {"batch": "night"},
    });
    post(&session, "/instances", &order).await.expect(201);
    session
        .tell(APP, "night-t", "terminate", &json!({}))
        .await
        .expect(202);
    session.until_status(APP, "night-t", "Terminated").await;

    let deadline = Instant::now() + DEADLINE;
    let (mut rewound, mut restarted, mut removed) = (0, 0, 0);
    // Those that completed go with their three children each.
    while removed < 12 {
        let report = session.invoke(APP, "tidy-batch", &batch).await;
        let report = report.expect(200).json();
        rewound += report["rewound"].as_u64().unwrap();
        restarted += report["restarted"].as_u64().unwrap();
        removed += report["removed"].as_u64().unwrap();
        assert_eq!(report["counters"], 1, "{report}");
        assert!(Instant::now() < deadline, "{removed} removed so far");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(rewound >= 3, "{rewound}");
    assert_eq!(restarted, 1);
    let left = get(&session, "/instances").await;
    let left = left["instances"].as_array().unwrap();
    let ids: Vec<_> = left.iter().map(|i| i["id"].as_str().unwrap()).collect();
    assert_eq!(ids.iter().filter(|id| id.starts_with("night")).count(), 1);
    assert!(
        ids.contains(&"night-t") && ids.contains(&"other"),
        "{ids:?}"
    );
}
