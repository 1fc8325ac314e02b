//! Workflows that are disabled, enabled and given another key while they are deployed.

use std::process::Command;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use weft_e2e::{Answer, DEADLINE, Session};
use weft_testkit::node::{Node, weft_binary};

const MANAGE: &str = "/runtime/webhooks/workflow/api/management/workflows";

async fn deploy(session: &Session, name: &str, workflow: &Value) {
    let path = format!("/apps/default/workflows/{name}");
    let put = session.admin(Method::PUT, &path).json(workflow);
    let answer = session.send(put).await;
    assert!(answer.status.is_success(), "{}", answer.text());
}

async fn manage(session: &Session, method: Method, path: &str) -> Answer {
    let request = session.data(method, &format!("{MANAGE}/{path}"));
    session.send(request.bearer_auth(session.key())).await
}

/// A workflow that keeps what its trigger gives.
fn workflow(trigger: &Value) -> Value {
    json!({"definition": {"triggers": {"when": trigger},
        "actions": {"Keep": {"type": "Compose", "inputs": "@triggerOutputs()"}}}})
}

async fn url(session: &Session, name: &str) -> String {
    let path = format!("{name}/triggers/when/listCallbackUrl");
    let answer = manage(session, Method::POST, &path).await.expect(200);
    answer.json()["value"].as_str().unwrap().to_owned()
}

async fn runs(session: &Session, name: &str) -> usize {
    let listed = manage(session, Method::GET, &format!("{name}/runs")).await;
    listed.expect(200).json()["value"].as_array().unwrap().len()
}

async fn until_runs(session: &Session, name: &str, count: usize) {
    let deadline = Instant::now() + DEADLINE;
    while runs(session, name).await < count {
        assert!(Instant::now() < deadline, "{name}: not {count} runs");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the command line says of it.
fn weft(node: &Node, args: &[&str]) -> String {
    let output = Command::new(weft_binary())
        .args(args)
        .env("WEFT_ADMIN", node.admin())
        .env("WEFT_KEY", node.key())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{args:?}: {said}");
    said + &String::from_utf8_lossy(&output.stdout)
}

#[tokio::test]
async fn a_workflow_rests_while_it_is_disabled_also_over_a_restart() {
    let mut session = Session::new(Node::start(&[]));
    let every_second = json!({"frequency": "Second", "interval": 1});
    let tick = workflow(&json!({"type": "Recurrence", "recurrence": every_second}));
    deploy(&session, "tick", &tick).await;
    deploy(&session, "ask", &workflow(&json!({"type": "Request"}))).await;
    until_runs(&session, "tick", 1).await;
    for name in ["tick", "ask"] {
        let path = format!("{name}/disable");
        manage(&session, Method::POST, &path).await.expect(200);
    }
    let disabled = async |session: &Session| {
        for name in ["tick", "ask"] {
            let shown = manage(session, Method::GET, name).await.expect(200).json();
            assert_eq!(shown["isDisabled"], true, "{shown:#}");
        }
        let of_tick = manage(session, Method::GET, "tick/triggers/when").await;
        assert_eq!(of_tick.json()["properties"]["state"], "Disabled");
        let list = session.admin(Method::GET, "/apps/default/workflows");
        let list = session.send(list).await.expect(200).json();
        assert_eq!(list["workflows"][0]["state"], "Disabled", "{list:#}");
        let asked = session.http.post(url(session, "ask").await);
        let refused = session.send(asked).await.expect(400);
        let code = &refused.json()["error"]["code"];
        assert_eq!(code, "WorkflowTriggerIsNotEnabled");
        for name in ["tick", "ask"] {
            let path = format!("{name}/triggers/when/run");
            let refused = manage(session, Method::POST, &path).await.expect(400);
            assert_eq!(&refused.json()["error"]["code"], code);
        }
    };
    disabled(&session).await;
    let ended = "trigger:tick:when";
    session.until_status("default", ended, "Completed").await;
    session.node.kill();
    session.node.restart();
    disabled(&session).await;
    // Nor does a deployment that says nothing of it change that.
    let mut other = tick.clone();
    other["definition"]["actions"]["Keep"]["inputs"] = json!(1);
    deploy(&session, "tick", &other).await;
    disabled(&session).await;
    let before = runs(&session, "tick").await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(runs(&session, "tick").await, before);

    for name in ["tick", "ask"] {
        let path = format!("{name}/enable");
        manage(&session, Method::POST, &path).await.expect(200);
    }
    until_runs(&session, "tick", before + 1).await;
    let asked = session.http.post(url(&session, "ask").await);
    session.send(asked).await.expect(202);
    // What was fired before stays in the history of the trigger.
    let shown = manage(&session, Method::GET, "tick/triggers/when/histories").await;
    let fired = shown.expect(200).json()["value"].as_array().unwrap().len();
    assert!(fired > before, "{fired} of {before}");
    manage(&session, Method::POST, "nothing/disable")
        .await
        .expect(404);
}

#[tokio::test]
async fn urls_of_an_earlier_key_are_refused() {
    let mut session = Session::new(Node::start(&[]));
    for name in ["ask", "other"] {
        deploy(&session, name, &workflow(&json!({"type": "Request"}))).await;
    }
    let first = url(&session, "ask").await;
    let other = url(&session, "other").await;
    let asked = session.send(session.http.post(&first)).await.expect(202);
    let run = asked.headers["x-ms-workflow-run-id"].to_str().unwrap();
    session.until_status("default", run, "Completed").await;
    let shown = manage(
        &session,
        Method::GET,
        &format!("ask/runs/{run}/actions/Keep"),
    )
    .await;
    let shown = shown.expect(200).json();
    let contents = shown["properties"]["outputsLink"]["uri"].as_str().unwrap();
    session.send(session.http.get(contents)).await.expect(200);

    let path = "ask/regenerateAccessKey";
    manage(&session, Method::POST, path).await.expect(200);
    let second = url(&session, "ask").await;
    assert_ne!(first, second);
    let check = async |session: &Session, first: &str, second: &str| {
        // A node has another port after each start.
        let at = |url: &str| session.data(Method::POST, &url[url.find("/api/").unwrap()..]);
        session.send(at(first)).await.expect(401);
        session.send(at(second)).await.expect(202);
        session.send(at(&other)).await.expect(202);
    };
    check(&session, &first, &second).await;
    session.send(session.http.get(contents)).await.expect(401);
    session.node.kill();
    session.node.restart();
    check(&session, &first, &second).await;
    // Going back to an earlier revision brings no key back.
    deploy(
        &session,
        "ask",
        &workflow(&json!({"type": "Request", "kind": "Http"})),
    )
    .await;
    let activate = session.admin(Method::POST, "/apps/default/revisions/2/activate");
    session.send(activate).await.expect(200);
    check(&session, &first, &second).await;

    weft(&session.node, &["workflows", "regenerate-key", "ask"]);
    let third = url(&session, "ask").await;
    check(&session, &second, &third).await;
    check(&session, &first, &third).await;

    let refused = session.data(Method::POST, &format!("{MANAGE}/{path}"));
    let refused = refused.json(&json!({"keyType": "Secondary"}));
    let refused = refused.bearer_auth(session.key());
    session.send(refused).await.expect(400);
    manage(&session, Method::POST, "nothing/regenerateAccessKey")
        .await
        .expect(404);
}

/// The run has given its URL away, and nothing else could answer it.
#[tokio::test]
async fn a_run_that_waits_is_answered_by_the_url_that_it_gave() {
    let session = Session::new(Node::in_memory_with(&["--egress-allow", "127.0.0.0/8"]));
    let waits = json!({"definition": {"triggers": {"when": {"type": "Request"}}, "actions": {
        "Wait": {"type": "HttpWebhook",
            "inputs": {"subscribe": {"method": "POST", "uri": "http://127.0.0.1:9/",
                "body": "@listCallbackUrl()", "retryPolicy": {"type": "fixed", "count": 5,
                    "interval": "PT1H"}}}}}}});
    deploy(&session, "ask", &waits).await;
    let asked = session.http.post(url(&session, "ask").await);
    let asked = session.send(asked).await.expect(202);
    let run = asked.headers["x-ms-workflow-run-id"].to_str().unwrap();
    let deadline = Instant::now() + DEADLINE;
    let given = loop {
        let history = session.history("default", run).await;
        let mut inputs = history.iter().map(|event| &event["input"]["body"]);
        if let Some(url) = inputs.find_map(Value::as_str) {
            break url.to_owned();
        }
        assert!(Instant::now() < deadline, "{history:#?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    manage(&session, Method::POST, "ask/regenerateAccessKey")
        .await
        .expect(200);
    session.send(session.http.post(given)).await.expect(202);
    session.until_status("default", run, "Completed").await;
}

#[tokio::test]
async fn only_deployers_change_what_is_deployed() {
    let session = Session::new(Node::in_memory());
    deploy(&session, "ask", &workflow(&json!({"type": "Request"}))).await;
    let key = session.admin(Method::POST, "/tenants/default/keys");
    let key = session.send(key.json(&json!({"role": "invoker"}))).await;
    let key = key.expect(201).json()["key"].as_str().unwrap().to_owned();
    for verb in ["enable", "disable", "regenerateAccessKey"] {
        let request = session.data(Method::POST, &format!("{MANAGE}/ask/{verb}"));
        session.send(request.bearer_auth(&key)).await.expect(403);
    }
    assert!(weft(&session.node, &["workflows", "disable", "ask"]).contains("ask is disabled"));
    let list = weft(&session.node, &["workflows", "list"]);
    assert!(list.contains("Disabled"), "{list}");
    assert!(weft(&session.node, &["workflows", "enable", "ask"]).contains("ask is enabled"));
}
