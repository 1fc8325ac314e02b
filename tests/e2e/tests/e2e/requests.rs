//! Requests that start no run, several, or runs that wait for each other.

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use weft_e2e::{Answer, DEADLINE, Session};
use weft_testkit::node::Node;

async fn deploy(session: &Session, name: &str, trigger: Value, actions: Value) {
    let mut trigger = trigger;
    trigger["type"] = json!("Request");
    let workflow = json!({"kind": "Stateful", "definition":
        {"triggers": {"manual": trigger}, "actions": actions}});
    let path = format!("/apps/default/workflows/{name}");
    let answer = session
        .send(session.admin(Method::PUT, &path).json(&workflow))
        .await;
    assert!(answer.status.is_success(), "{}", answer.text());
}

async fn invoke(session: &Session, name: &str, body: Value) -> Answer {
    let path = format!("/api/{name}/triggers/manual/invoke");
    let request = session.data(Method::POST, &path).json(&body);
    let request = request.header("x-functions-key", session.key());
    session.send(request).await
}

async fn managed(session: &Session, path: &str) -> Value {
    let path = format!("/runtime/webhooks/workflow/api/management/workflows/{path}");
    let request = session.data(Method::GET, &path);
    let request = request.header("x-functions-key", session.key());
    session.send(request).await.expect(200).json()
}

fn run_of(answer: &Answer) -> Option<String> {
    let id = answer.headers.get("x-ms-workflow-run-id")?;
    Some(id.to_str().unwrap().to_owned())
}

/// Status, code and run of each firing, the newest first.
async fn histories(session: &Session, name: &str) -> Vec<(String, String, bool)> {
    let shown = managed(session, &format!("{name}/triggers/manual/histories")).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let shown = shown["value"].as_array().unwrap().iter();
    shown
        .map(|one| &one["properties"])
        .map(|own| {
            let run = own.get("run").is_some();
            (text(&own["status"]), text(&own["code"]), run)
        })
        .collect()
}

/// The histories, as soon as there are so many.
async fn until_histories(
    session: &Session,
    name: &str,
    count: usize,
) -> Vec<(String, String, bool)> {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let found = histories(session, name).await;
        if found.len() >= count {
            return found;
        }
        assert!(Instant::now() < deadline, "{name}: {found:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn entry(status: &str, code: &str, run: bool) -> (String, String, bool) {
    (status.to_owned(), code.to_owned(), run)
}

#[tokio::test]
async fn a_condition_that_does_not_hold_starts_no_run_and_is_in_the_history() {
    let session = Session::new(Node::in_memory());
    let trigger = json!({"conditions": [{"expression": "@greater(triggerBody()?['n'], 1)"}]});
    let answer = json!({"Answer": {"type": "Response",
        "inputs": {"statusCode": 200, "body": "@triggerBody()"}, "runAfter": {}}});
    deploy(&session, "flow", trigger, answer).await;
    let skipped = invoke(&session, "flow", json!({"n": 1})).await.expect(202);
    assert_eq!(run_of(&skipped), None);
    let name = skipped.headers["x-ms-trigger-history-name"]
        .to_str()
        .unwrap();
    let found = until_histories(&session, "flow", 1).await;
    assert_eq!(found, [entry("Skipped", "TriggerConditionNotMet", false)]);
    let one = managed(&session, &format!("flow/triggers/manual/histories/{name}")).await;
    assert_eq!(one["properties"]["status"], "Skipped");
    let runs = managed(&session, "flow/runs").await;
    assert_eq!(runs["value"], json!([]));

    let answered = invoke(&session, "flow", json!({"n": 2})).await.expect(200);
    assert_eq!(answered.json(), json!({"n": 2}));
    assert!(run_of(&answered).is_some());
    let found = until_histories(&session, "flow", 2).await;
    assert_eq!(found[0], entry("Succeeded", "OK", true));
}

#[tokio::test]
async fn each_item_of_a_request_is_a_run() {
    let session = Session::new(Node::in_memory());
    let keep = json!({"Keep": {"type": "Compose", "inputs": "@triggerBody()", "runAfter": {}}});
    let trigger = json!({"splitOn": "@triggerBody()?['items']"});
    deploy(&session, "flow", trigger, keep).await;
    let accepted = invoke(&session, "flow", json!({"items": [1, 2, 3]})).await;
    let run = run_of(&accepted.expect(202)).unwrap();
    let first = session.until_status("default", &run, "Completed").await;
    assert_eq!(first["input"]["trigger"]["outputs"]["body"], 1);
    let runs = managed(&session, "flow/runs").await;
    assert_eq!(runs["value"].as_array().unwrap().len(), 3);

    let refused = invoke(&session, "flow", json!({"items": "one"}))
        .await
        .expect(400);
    assert!(refused.text().contains("splitOn"), "{}", refused.text());
    let none = invoke(&session, "flow", json!({"items": []}))
        .await
        .expect(202);
    assert_eq!(run_of(&none), None);
    let found = until_histories(&session, "flow", 5).await;
    assert_eq!(found[0], entry("Skipped", "SplitOnEmpty", false));
    assert_eq!((found[1].0.as_str(), found[1].2), ("Failed", false));
    assert_eq!(found[2], entry("Succeeded", "OK", true));
}

#[tokio::test]
async fn requests_beyond_the_limit_of_runs_wait_and_then_are_refused() {
    let session = Session::new(Node::in_memory());
    let wait = json!({"Wait": {"type": "Wait", "runAfter": {},
        "inputs": {"interval": {"count": 2, "unit": "Second"}}}});
    let trigger = json!({"runtimeConfiguration":
        {"concurrency": {"runs": 1, "maximumWaitingRuns": 1}}});
    deploy(&session, "flow", trigger, wait).await;
    let first = run_of(&invoke(&session, "flow", json!({})).await.expect(202)).unwrap();
    let second = run_of(&invoke(&session, "flow", json!({})).await.expect(202)).unwrap();
    let third = invoke(&session, "flow", json!({})).await.expect(429);
    assert!(third.text().contains("MaximumWaitingRunsExceeded"));
    let runs = managed(&session, "flow/runs").await;
    assert_eq!(runs["value"].as_array().unwrap().len(), 1, "{runs:#}");
    session.until_status("default", &first, "Completed").await;
    let deadline = Instant::now() + DEADLINE;
    while managed(&session, "flow/runs").await["value"]
        .as_array()
        .unwrap()
        .len()
        < 2
    {
        assert!(Instant::now() < deadline, "the second run does not begin");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    session.until_status("default", &second, "Completed").await;
    let found = histories(&session, "flow").await;
    assert!(
        found.contains(&entry("Skipped", "MaximumWaitingRunsExceeded", false)),
        "{found:?}"
    );
}

/// More than the history of a trigger keeps, within a moment.
#[tokio::test]
async fn hundreds_of_requests_beyond_the_limit_are_all_refused() {
    let session = Session::new(Node::in_memory());
    let wait = json!({"Wait": {"type": "Wait", "runAfter": {},
        "inputs": {"interval": {"count": 1, "unit": "Hour"}}}});
    let trigger = json!({"runtimeConfiguration":
        {"concurrency": {"runs": 1, "maximumWaitingRuns": 1}}});
    deploy(&session, "flow", trigger, wait).await;
    let asked = (0..400).map(|n| invoke(&session, "flow", json!(n)));
    let answers = futures::future::join_all(asked).await;
    let count = |status: u16| answers.iter().filter(|own| own.status == status).count();
    assert_eq!((count(202), count(429)), (2, 398));
}

#[tokio::test]
async fn who_waits_behind_a_limit_of_runs_gets_the_response_before_the_run_has_ended() {
    let session = Session::new(Node::in_memory());
    let trigger = json!({
        "type": "Request",
        "kind": "Http",
        "runtimeConfiguration": {"concurrency": {"runs": 5}},
    });
    let actions = json!({
        "Answer": {"type": "Response", "inputs": {"statusCode": 201, "body": "@triggerBody()"}},
        "Wait": {
            "type": "Wait",
            "inputs": {"interval": {"count": 1, "unit": "Hour"}},
            "runAfter": {"Answer": ["Succeeded"]},
        },
    });
    deploy(&session, "flow", trigger, actions).await;
    for number in 0..3 {
        let answering = invoke(&session, "flow", json!(number));
        let answer = tokio::time::timeout(DEADLINE, answering).await.unwrap();
        assert_eq!(answer.expect(201).json(), number);
    }
}

async fn listener() -> (String, tokio::sync::mpsc::UnboundedReceiver<String>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (heads, seen) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && stream.read_buf(&mut head).await.unwrap() > 0 {}
            heads.send(String::from_utf8(head).unwrap()).unwrap();
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            stream.write_all(answer).await.unwrap();
        }
    });
    (url, seen)
}

#[tokio::test]
async fn a_secret_is_sent_and_stands_in_no_history() {
    const SECRET: &str = "open-sesame-7";
    let (url, mut seen) = listener().await;
    let session = Session::new(Node::in_memory_with(&["--egress-allow", "127.0.0.0/8"]));
    let secret = session.admin(Method::PUT, "/apps/default/secrets/key");
    let secret = secret.json(&json!({ "value": SECRET }));
    assert!(session.send(secret).await.status.is_success());
    let call = json!({"Call": {"type": "Http", "runAfter": {}, "inputs": {
        "method": "GET", "uri": url,
        "headers": {"x-key": "Key @{appsetting('key')} for @{triggerBody()?['who']}"}}}});
    deploy(&session, "flow", json!({}), call).await;
    let accepted = invoke(&session, "flow", json!({"who": "me"})).await;
    let run = run_of(&accepted.expect(202)).unwrap();
    let head = seen.recv().await.unwrap();
    assert!(
        head.contains(&format!("x-key: Key {SECRET} for me")),
        "{head}"
    );
    let ended = session.until_status("default", &run, "Completed").await;
    let history = session.history("default", &run).await;
    let action = managed(&session, &format!("flow/runs/{run}/actions/Call")).await;
    for shown in [&ended, &json!(history), &action] {
        assert!(!shown.to_string().contains(SECRET), "{shown:#}");
    }
    assert!(json!(history).to_string().contains("appsetting('key')"));
}

/// What a history has, read in pages: status and start of each firing.
async fn in_pages(session: &Session, path: &str) -> Vec<(String, String)> {
    let (mut found, mut path) = (Vec::new(), path.to_owned());
    loop {
        let page = managed(session, &path).await;
        let shown = page["value"].as_array().unwrap();
        assert!(
            shown.len() <= 2 && (!shown.is_empty() || found.is_empty()),
            "{page:#}"
        );
        let text = |one: &Value, name: &str| one["properties"][name].as_str().unwrap().to_owned();
        found.extend(
            shown
                .iter()
                .map(|one| (text(one, "status"), text(one, "startTime"))),
        );
        let Some(next) = page["nextLink"].as_str() else {
            return found;
        };
        path = next.split_once("/workflows/").unwrap().1.to_owned();
    }
}

#[tokio::test]
async fn histories_are_read_in_pages_and_filtered() {
    let session = Session::new(Node::in_memory());
    let keep = json!({"Keep": {"type": "Compose", "inputs": "@triggerBody()", "runAfter": {}}});
    let trigger = json!({"conditions": [{"expression": "@less(triggerBody(), 2)"}]});
    deploy(&session, "flow", trigger, keep.clone()).await;
    deploy(&session, "plain", json!({}), keep).await;
    for round in 0..3 {
        for body in [1, 2, 3] {
            invoke(&session, "flow", json!(body)).await.expect(202);
            invoke(&session, "plain", json!(body)).await.expect(202);
        }
        until_histories(&session, "flow", 3 * (round + 1)).await;
    }
    let of = |name: &str, query: &str| {
        let path = format!("{name}/triggers/manual/histories?$top=2{query}");
        let session = &session;
        async move { in_pages(session, &path).await }
    };
    let all = of("flow", "").await;
    let started: Vec<_> = all.iter().map(|(_, at)| at).collect();
    assert_eq!(started.len(), 9);
    assert!(started.is_sorted_by(|a, b| a >= b), "{started:?}");
    let count = |status: &str| all.iter().filter(|(own, _)| own == status).count();
    assert_eq!((count("Succeeded"), count("Skipped")), (3, 6));
    let only = |status: &str| {
        let own = all.iter().filter(|(own, _)| own == status);
        own.cloned().collect::<Vec<_>>()
    };
    let filtered: Vec<_> = of("flow", "&$filter=status eq 'skipped'").await;
    assert_eq!(filtered, only("Skipped"));
    let filtered: Vec<_> = of("flow", "&$filter=status eq 'Succeeded'").await;
    assert_eq!(filtered, only("Succeeded"));
    let either = of("flow", "&$filter=status eq 'Failed' or status eq 'Skipped'").await;
    assert_eq!(either.len(), 6);
    assert_eq!(of("plain", "").await.len(), 9);
    assert_eq!(of("plain", "&$filter=status eq 'Failed'").await, []);
    for wrong in ["$filter=status eq 'Running'", "$filter=x", "$skiptoken=x"] {
        let path = "/runtime/webhooks/workflow/api/management/workflows/flow/triggers/manual";
        let request = session.data(Method::GET, &format!("{path}/histories?{wrong}"));
        let request = request.header("x-functions-key", session.key());
        session.send(request).await.expect(400);
    }
    let path = "flow/runs?$top=2&$filter=status eq 'Failed' or status eq 'Succeeded'";
    let runs = managed(&session, path).await;
    assert!(
        runs["nextLink"]
            .as_str()
            .unwrap()
            .contains("$filter=status%20eq")
    );
}
