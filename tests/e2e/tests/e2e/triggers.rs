//! Triggers of workflows that fire of their own accord, also over the death of their node.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use weft_e2e::{Answer, DEADLINE, Session};
use weft_testkit::node::Node;

async fn deploy(session: &Session, name: &str, workflow: &Value) {
    let path = format!("/apps/default/workflows/{name}");
    let answer = session
        .send(session.admin(Method::PUT, &path).json(workflow))
        .await;
    assert!(answer.status.is_success(), "{}", answer.text());
}

fn workflow(trigger: &Value) -> Value {
    json!({"kind": "Stateful", "definition": {
        "triggers": {"when": trigger},
        "actions": {"Keep": {"type": "Compose", "inputs": "@triggerOutputs()"}}
    }})
}

/// What the workflow API answers, below `workflows`.
async fn managed(session: &Session, method: Method, path: &str) -> Answer {
    let path = format!("/runtime/webhooks/workflow/api/management/workflows/{path}");
    let request = session.data(method, &path);
    let request = request.header("x-functions-key", session.key());
    session.send(request).await
}

/// The triggers that runs of a workflow were started with, the oldest run first.
async fn runs(session: &Session, name: &str) -> Vec<Value> {
    let path = format!("/apps/default/instances?orchestrator={name}&limit=1000");
    let listed = session.send(session.admin(Method::GET, &path)).await;
    let listed = listed.expect(200).json();
    let mut found = Vec::new();
    for listed in listed["instances"].as_array().unwrap().iter().rev() {
        let id = listed["id"].as_str().unwrap();
        let run = session.instance("default", id).await;
        found.push(run["input"]["trigger"].clone());
    }
    found
}

async fn until_runs(session: &Session, name: &str, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let found = runs(session, name).await;
        if found.len() >= count {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "{name}: {} of {count}",
            found.len()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn texts(triggers: &[Value], pointer: &str) -> Vec<String> {
    let texts = triggers.iter().map(|t| t.pointer(pointer).unwrap());
    texts
        .map(|text| text.as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn the_clock_fires_once_for_each_moment_also_over_the_death_of_the_node() {
    let mut session = Session::new(Node::start(&[]));
    let every_second = json!({"frequency": "Second", "interval": 1});
    let tick = workflow(&json!({"type": "Recurrence", "recurrence": every_second}));
    deploy(&session, "tick", &tick).await;
    let windows = workflow(&json!({"type": "SlidingWindow", "recurrence": every_second}));
    deploy(&session, "windows", &windows).await;
    let mut seen = 0;
    for _ in 0..3 {
        until_runs(&session, "tick", seen + 2).await;
        seen = until_runs(&session, "windows", seen + 2).await.len();
        session.node.kill();
        session.node.restart();
    }
    let ticks = until_runs(&session, "tick", seen + 2).await;
    let due = texts(&ticks, "/scheduledTime");
    let distinct: BTreeSet<_> = due.iter().collect();
    assert_eq!(distinct.len(), due.len(), "none twice: {due:?}");

    let windows = until_runs(&session, "windows", seen + 2).await;
    let mut begins = texts(&windows, "/outputs/windowStartTime");
    let mut ends = texts(&windows, "/outputs/windowEndTime");
    begins.sort();
    ends.sort();
    assert_eq!(begins[1..], ends[..ends.len() - 1], "none lost, none twice");

    let shown = managed(&session, Method::GET, "tick/triggers/when/histories").await;
    let shown = shown.expect(200).json();
    let fired = shown["value"].as_array().unwrap();
    assert!(fired.len() >= due.len(), "{shown:#}");
    assert_eq!(fired[0]["properties"]["status"], "Succeeded");
    assert_eq!(fired[0]["properties"]["fired"], true);
    let run = fired[0]["properties"]["run"]["name"].as_str().unwrap();
    session.until_status("default", run, "Completed").await;
}

#[tokio::test]
async fn a_trigger_follows_its_revision_and_ends_with_its_workflow() {
    let session = Session::new(Node::start(&[]));
    let daily = workflow(&json!({"type": "Recurrence",
        "recurrence": {"frequency": "Day", "interval": 1, "startTime": "2026-01-01T00:00:00Z"}}));
    deploy(&session, "flow", &daily).await;
    let fired = managed(&session, Method::POST, "flow/triggers/when/run").await;
    fired.expect(202);
    until_runs(&session, "flow", 1).await;
    let often = workflow(&json!({"type": "Recurrence",
        "recurrence": {"frequency": "Second", "interval": 1},
        "conditions": [{"expression": "@equals(parameters('on'), true)"}]}));
    let mut often = often;
    often["definition"]["parameters"] = json!({"on": {"type": "Bool", "defaultValue": true}});
    deploy(&session, "flow", &often).await;
    until_runs(&session, "flow", 3).await;
    often["definition"]["parameters"]["on"]["defaultValue"] = json!(false);
    deploy(&session, "flow", &often).await;
    let deadline = Instant::now() + DEADLINE;
    loop {
        let shown = managed(&session, Method::GET, "flow/triggers/when/histories").await;
        let shown = shown.expect(200).json();
        let last = &shown["value"][0]["properties"];
        if last["status"] == "Skipped" {
            assert_eq!(last["code"], "TriggerConditionNotMet");
            assert_eq!(last["fired"], false);
            break;
        }
        assert!(Instant::now() < deadline, "{shown:#}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let path = "/apps/default/workflows/flow";
    let gone = session.send(session.admin(Method::DELETE, path)).await;
    assert!(gone.status.is_success(), "{}", gone.text());
    session
        .until_status("default", "trigger:flow:when", "Completed")
        .await;
}

#[tokio::test]
async fn messages_are_gathered_into_batches_and_split_again() {
    let session = Session::new(Node::start(&[]));
    let batch = workflow(
        &json!({"type": "Batch", "inputs": {"mode": "Inline", "configurations":
        {"things": {"releaseCriteria": {"messageCount": 3}}}}}),
    );
    deploy(&session, "gather", &batch).await;
    let split = workflow(
        &json!({"type": "Batch", "splitOn": "@triggerBody()?['items']",
        "inputs": {"mode": "Inline", "configurations":
            {"things": {"releaseCriteria": {"messageCount": 3}}}}}),
    );
    deploy(&session, "scatter", &split).await;
    for name in ["gather", "scatter"] {
        for number in 0..3 {
            let path = format!("/api/{name}/triggers/when/invoke");
            let message = json!({"batchName": "things", "content": number});
            let request = session.data(Method::POST, &path).json(&message);
            let request = request.header("x-functions-key", session.key());
            session.send(request).await.expect(202);
        }
    }
    let gathered = until_runs(&session, "gather", 1).await;
    let items = gathered[0].pointer("/outputs/body/items").unwrap();
    let items = items.as_array().unwrap().iter();
    let contents: Vec<_> = items.map(|item| item["content"].clone()).collect();
    assert_eq!(contents, [0, 1, 2]);
    let scattered = until_runs(&session, "scatter", 3).await;
    let contents = scattered
        .iter()
        .map(|t| t["outputs"]["body"]["content"].as_i64());
    let contents: BTreeSet<_> = contents.map(Option::unwrap).collect();
    assert_eq!(contents, [0, 1, 2].into());
}

#[tokio::test]
async fn stateless_workflows_are_fired_too() {
    let session = Session::new(Node::in_memory());
    let mut flow = workflow(&json!({"type": "Recurrence",
        "recurrence": {"frequency": "Second", "interval": 1}}));
    flow["kind"] = json!("Stateless");
    deploy(&session, "flow", &flow).await;
    let deadline = Instant::now() + DEADLINE;
    loop {
        let shown = managed(&session, Method::GET, "flow/runs")
            .await
            .expect(200)
            .json();
        let shown = shown["value"].as_array().unwrap().clone();
        let done = shown
            .iter()
            .filter(|run| run["properties"]["status"] == "Succeeded");
        if done.count() >= 2 {
            break;
        }
        assert!(Instant::now() < deadline, "{shown:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        runs(&session, "flow").await.is_empty(),
        "none of them is kept"
    );
}

#[tokio::test]
async fn a_disabled_workflow_fires_once_it_is_enabled() {
    let session = Session::new(Node::in_memory());
    let every_second = json!({"frequency": "Second", "interval": 1});
    let mut tick = workflow(&json!({"type": "Recurrence", "recurrence": every_second}));
    tick["state"] = json!("Disabled");
    let mut ask = workflow(&json!({"type": "Request"}));
    ask["appSettings"] = json!({"Workflows.ask.FlowState": "Disabled"});
    deploy(&session, "tick", &tick).await;
    deploy(&session, "ask", &ask).await;
    for name in ["tick", "ask"] {
        let shown = managed(&session, Method::GET, name).await.expect(200);
        assert_eq!(shown.json()["isDisabled"], true, "{name}");
    }
    let asked = session.data(Method::POST, "/api/ask/triggers/when/invoke");
    let asked = asked.header("x-functions-key", session.key());
    let refused = session.send(asked).await.expect(400);
    assert!(refused.text().contains("is disabled"), "{}", refused.text());

    // Long enough for two moments.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(runs(&session, "tick").await.len(), 0);
    tick["state"] = json!("Enabled");
    deploy(&session, "tick", &tick).await;
    until_runs(&session, "tick", 2).await;
    tick["state"] = json!("Disabled");
    deploy(&session, "tick", &tick).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let before = runs(&session, "tick").await.len();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(runs(&session, "tick").await.len(), before);
}
