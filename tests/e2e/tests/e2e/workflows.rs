//! Workflows as their authors and callers meet them: deployed, called by their signed URL, looked at,
//! killed in the middle, repeated.

use std::time::Instant;

use reqwest::Method;
use serde_json::{Value, json};
use weft_e2e::{Answer, DEADLINE, Session};
use weft_testkit::guests::guest;
use weft_testkit::node::Node;

const MANAGE: &str = "/runtime/webhooks/workflow/api/management/workflows";

async fn deploy(session: &Session, name: &str, kind: &str, actions: Value) -> Answer {
    let body = json!({
        "kind": kind,
        "definition": {
            "triggers": {"manual": {"type": "Request", "kind": "Http"}},
            "actions": actions,
        },
    });
    let path = format!("/apps/default/workflows/{name}");
    session
        .send(session.admin(Method::PUT, &path).json(&body))
        .await
}

async fn manage(session: &Session, method: Method, path: &str) -> Answer {
    let request = session.data(method, &format!("{MANAGE}/{path}"));
    session.send(request.bearer_auth(session.key())).await
}

/// The URL by which anybody who has it starts the workflow.
async fn url(session: &Session, name: &str) -> String {
    let path = format!("{name}/triggers/manual/listCallbackUrl");
    let answer = manage(session, Method::POST, &path).await.expect(200);
    answer.json()["value"].as_str().unwrap().to_owned()
}

fn run_id(answer: &Answer) -> String {
    let id = &answer.headers["x-ms-workflow-run-id"];
    id.to_str().unwrap().to_owned()
}

/// The run once it has ended.
async fn ended(session: &Session, name: &str, run: &str) -> Value {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let answer = manage(session, Method::GET, &format!("{name}/runs/{run}")).await;
        let properties = answer.expect(200).json()["properties"].clone();
        if properties["status"] != "Running" {
            return properties;
        }
        assert!(Instant::now() < deadline, "it still runs: {properties:#}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_caller_gets_the_response_and_the_run_is_kept() {
    let session = Session::new(Node::start(&[]));
    let actions = json!({
        "Double": {"type": "Compose", "inputs": "@mul(triggerBody()?['n'], 2)"},
        "Respond": {"type": "Response", "runAfter": {"Double": ["Succeeded"]},
            "inputs": {"statusCode": 201, "headers": {"x-own": "1"},
                "body": {"double": "@outputs('Double')"}}},
        "Never": {"type": "Compose", "inputs": 1, "runAfter": {"Double": ["Failed"]}},
    });
    deploy(&session, "double", "Stateful", actions)
        .await
        .expect(201);
    let url = url(&session, "double").await;
    let answer = session
        .send(session.http.post(&url).json(&json!({"n": 21})))
        .await
        .expect(201);
    assert_eq!(answer.headers["x-own"], "1");
    assert_eq!(answer.json(), json!({"double": 42}));
    let run = run_id(&answer);

    let properties = ended(&session, "double", &run).await;
    assert_eq!(properties["status"], "Succeeded");
    let never = &properties["actions"]["Never"];
    assert_eq!(
        (&never["status"], &never["code"]),
        (&json!("Skipped"), &json!("ActionSkipped"))
    );
    // Contents stand behind links that need no key.
    let link = properties["actions"]["Double"]["outputsLink"]["uri"]
        .as_str()
        .unwrap();
    assert_eq!(
        session
            .send(session.http.get(link))
            .await
            .expect(200)
            .text(),
        "42"
    );
    let other = link.replace("ActionOutputs", "ActionInputs");
    session.send(session.http.get(other)).await.expect(401);

    let unsigned = url.split("&sig=").next().unwrap();
    let refused = session.send(session.http.post(unsigned)).await.expect(401);
    assert_eq!(
        refused.json()["error"]["code"],
        "DirectApiAuthorizationRequired"
    );
    let forged = session.http.post(format!("{unsigned}&sig=AAAA"));
    session.send(forged).await.expect(401);
    let malformed = session
        .http
        .post(&url)
        .header("content-type", "application/json")
        .body("{");
    let refused = session.send(malformed).await.expect(400);
    assert_eq!(refused.json()["error"]["code"], "InvalidRequestContent");

    let listed = manage(&session, Method::GET, "double/runs")
        .await
        .expect(200)
        .json();
    assert_eq!(listed["value"].as_array().map(Vec::len), Some(1));
    manage(&session, Method::GET, "double/runs/none")
        .await
        .expect(404);
    manage(&session, Method::GET, "nothing/runs")
        .await
        .expect(404);
}

#[tokio::test]
async fn a_run_goes_on_after_the_node_was_killed() {
    let mut session = Session::new(Node::start(&[]));
    let actions = json!({
        "First": {"type": "Compose", "inputs": "@guid()"},
        "Wait": {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Second"}},
            "runAfter": {"First": ["Succeeded"]}},
        "Last": {"type": "Compose", "inputs": "@concat(outputs('First'), '!')",
            "runAfter": {"Wait": ["Succeeded"]}},
    });
    deploy(&session, "waits", "Stateful", actions)
        .await
        .expect(201);
    let url = url(&session, "waits").await;
    let run = run_id(&session.send(session.http.post(&url)).await.expect(202));
    session.node.kill();
    session.node.restart();
    let properties = ended(&session, "waits", &run).await;
    assert_eq!(properties["status"], "Succeeded", "{properties:#}");

    // It is an orchestration like any other.
    let instance = session.until_status("default", &run, "Completed").await;
    assert_eq!(instance["orchestrator"], "waits");

    // Repeated from its last action, it keeps what came before.
    let path = format!("{MANAGE}/waits/runs/{run}/resubmit");
    let request = session.data(Method::POST, &path).bearer_auth(session.key());
    let request = request.json(&json!({"actionsToResubmit": [{"name": "Last"}]}));
    let again = run_id(&session.send(request).await.expect(202));
    let repeated = ended(&session, "waits", &again).await;
    assert_eq!(repeated["originRunId"], run);
    let outputs = |run: &Value| run["actions"]["Last"]["outputsLink"]["contentVersion"].clone();
    assert_eq!(outputs(&repeated), outputs(&properties));
}

#[tokio::test]
async fn a_run_is_repeated_from_within_a_scope_and_not_from_within_a_loop() {
    let session = Session::new(Node::start(&[]));
    let actions = json!({
        "Try": {"type": "Scope", "actions": {
            "Id": {"type": "Compose", "inputs": "@guid()"},
            "Check": {"type": "If", "expression": {"equals": [1, 1]},
                "runAfter": {"Id": ["Succeeded"]},
                "actions": {"Use": {"type": "Compose", "inputs": "@guid()"}},
                "else": {"actions": {"Never": {"type": "Compose", "inputs": 1}}}},
        }},
        "Each": {"type": "Foreach", "foreach": [1, 2], "runAfter": {"Try": ["Succeeded"]},
            "actions": {"One": {"type": "Compose", "inputs": "@item()"}}},
    });
    deploy(&session, "deep", "Stateful", actions)
        .await
        .expect(201);
    let url = url(&session, "deep").await;
    let run = run_id(&session.send(session.http.post(&url)).await.expect(202));
    let first = ended(&session, "deep", &run).await;
    let again = async |names: &[&str]| {
        let path = format!("{MANAGE}/deep/runs/{run}/resubmit");
        let request = session.data(Method::POST, &path).bearer_auth(session.key());
        let names: Vec<_> = names.iter().map(|name| json!({"name": name})).collect();
        let request = request.json(&json!({"actionsToResubmit": names}));
        session.send(request).await
    };
    let second = run_id(&again(&["Use"]).await.expect(202));
    let second = ended(&session, "deep", &second).await;
    assert_eq!(second["status"], "Succeeded", "{second:#}");
    let made = |run: &Value, name: &str| {
        let link = &run["actions"][name]["outputsLink"];
        link["contentVersion"].as_str().unwrap().to_owned()
    };
    assert_eq!(made(&first, "Id"), made(&second, "Id"));
    assert_ne!(made(&first, "Use"), made(&second, "Use"));
    for (names, status, code) in [
        (["One"].as_slice(), 400, "ActionNotResubmittable"),
        (&["Never"], 400, "ActionNotResubmittable"),
        (&[], 400, "ActionNotResubmittable"),
        (&["Nobody"], 404, "WorkflowRunActionNotFound"),
    ] {
        let refused = again(names).await.expect(status);
        assert_eq!(refused.json()["error"]["code"], code, "{names:?}");
    }
    for (name, can) in [
        ("Use", true),
        ("Each", true),
        ("One", false),
        ("Never", false),
    ] {
        assert_eq!(first["actions"][name]["canResubmit"], can, "{name}");
    }
}

#[tokio::test]
async fn runs_are_cancelled_and_stateless_ones_leave_nothing() {
    let session = Session::new(Node::start(&[]));
    let actions = json!({
        "Wait": {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Day"}}},
    });
    deploy(&session, "long", "Stateful", actions)
        .await
        .expect(201);
    let url_long = url(&session, "long").await;
    let run = run_id(&session.send(session.http.post(&url_long)).await.expect(202));
    manage(&session, Method::POST, &format!("long/runs/{run}/cancel"))
        .await
        .expect(200);
    let properties = ended(&session, "long", &run).await;
    assert_eq!(properties["status"], "Cancelled");
    assert_eq!(properties["actions"]["Wait"]["status"], "Cancelled");

    let actions = json!({
        "Fail": {"type": "Compose", "inputs": "@div(1, 0)"},
        "Respond": {"type": "Response", "inputs": {"statusCode": 200},
            "runAfter": {"Fail": ["Succeeded"]}},
    });
    deploy(&session, "fails", "Stateless", actions)
        .await
        .expect(201);
    let url_fails = url(&session, "fails").await;
    let answer = session
        .send(session.http.post(&url_fails))
        .await
        .expect(502);
    assert_eq!(answer.json()["error"]["code"], "NoResponse");
    let run = run_id(&answer);
    assert_eq!(ended(&session, "fails", &run).await["status"], "Failed");
    let path = format!("/apps/default/instances/{run}");
    let stored = session.send(session.admin(Method::GET, &path)).await;
    stored.expect_problem(404, "not-found");
}

/// An orchestrator of a component awaits a workflow, which calls an activity, an orchestrator and an
/// entity of the component; the node is killed in the middle.
#[tokio::test]
async fn components_and_workflows_call_each_other() {
    let mut session = Session::new(Node::start(&[]));
    session
        .upload("mixed", "freight", guest("guest_freight"))
        .await;
    let document = json!({"kind": "Stateful", "definition": {
        "triggers": {"manual": {"type": "Request"}},
        "actions": {
            "Activity": {"type": "InvokeFunction", "inputs": {
                "functionName": "pass", "parameters": "@concat(triggerBody()?['text'], 'a')"}},
            "Wait": {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Second"}},
                "runAfter": {"Activity": ["Succeeded"]}},
            "Orchestrator": {"type": "InvokeFunction", "inputs": {
                "functionName": "carry", "parameters": "@concat(body('Activity'), 'o')"},
                "runAfter": {"Wait": ["Succeeded"]}},
            "Entity": {"type": "InvokeFunction", "inputs": {
                "functionName": "shelf", "entityKey": "one", "operation": "set",
                "parameters": "@concat(body('Orchestrator'), 'e')"},
                "runAfter": {"Orchestrator": ["Succeeded"]}}
        },
        "outputs": {"said": {"type": "String", "value": "@body('Entity')"}}
    }});
    let put = session.admin(Method::PUT, "/apps/mixed/workflows/flow");
    session.send(put.json(&document)).await.expect(201);
    session
        .start("mixed", "dispatch", "first", &json!("-"))
        .await;
    let runs = async || {
        let listed = session.admin(Method::GET, "/apps/mixed/instances?orchestrator=flow");
        let listed = session.send(listed).await.expect(200).json();
        listed["instances"].as_array().unwrap().clone()
    };
    while runs().await.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let run = runs().await[0]["id"].as_str().unwrap().to_owned();
    session.node.kill();
    session.node.restart();
    let ended = session.until_status("mixed", "first", "Completed").await;
    assert_eq!(ended["output"], "Succeeded: -aoe");
    // The run is an instance like that of its caller, in one history.
    let child = session.until_status("mixed", &run, "Completed").await;
    assert_eq!(child["orchestrator"], "flow");
    let history = session.history("mixed", &run).await;
    let has = |kind: &str| history.iter().any(|event| event["type"] == kind);
    assert!(has("task_completed") && has("timer_fired"), "{history:#?}");
}
