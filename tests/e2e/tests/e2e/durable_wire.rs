//! The Durable Functions HTTP API line by line: codes, headers, field names, paging and the shape of a
//! history, as its specification has them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use weft_e2e::{Answer, DEADLINE, Session};
use weft_testkit::guests::component;
use weft_testkit::node::Node;

const APP: &str = "patterns";
const BASE: &str = "/@default/patterns/runtime/webhooks/durabletask";
const ABSENT: &str = "/instances/nobody";

async fn session() -> Session {
    let session = Session::new(Node::in_memory());
    let wasm = component("samples/rust/patterns", "patterns");
    session.upload(APP, "patterns", wasm).await;
    session
}

/// Sends as the peers' clients do where they have nothing to send.
async fn ask(session: &Session, method: Method, path: &str) -> Answer {
    let request = session.data(method, &format!("{BASE}{path}"));
    let request = request.header("x-functions-key", session.key());
    let request = request.header("content-type", "application/octet-stream");
    session.send(request.body(Vec::new())).await
}

async fn get(session: &Session, path: &str) -> Answer {
    ask(session, Method::GET, path).await
}

async fn post(session: &Session, path: &str) -> Answer {
    ask(session, Method::POST, path).await
}

async fn post_json(session: &Session, path: &str, body: &Value) -> Answer {
    let request = session.data(Method::POST, &format!("{BASE}{path}"));
    let request = request.header("x-functions-key", session.key());
    session.send(request.json(body)).await
}

async fn until(session: &Session, id: &str, status: &str) -> Value {
    let deadline = Instant::now() + DEADLINE;
    loop {
        let found = get(session, &format!("/instances/{id}")).await.json();
        if found["runtimeStatus"] == status {
            return found;
        }
        assert!(Instant::now() < deadline, "not {status}: {found}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn fields(value: &Value) -> BTreeSet<&str> {
    value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

fn is_time(value: &Value) -> bool {
    let pattern = "0000-00-00T00:00:00Z";
    let text = value.as_str().unwrap_or_default();
    let alike = |(a, b): (char, char)| a == b || a == '0' && b.is_ascii_digit();
    text.len() == pattern.len() && pattern.chars().zip(text.chars()).all(alike)
}

/// One that waits, one that has completed, one that has failed, one that was terminated.
async fn four(session: &Session) {
    let start = async |function: &str, id: &str, input: Value| {
        let path = format!("/orchestrators/{function}/{id}");
        post_json(session, &path, &input).await.expect(202);
    };
    start("approval", "open", json!(600_000)).await;
    start("chain", "done", json!(5)).await;
    start("parent", "failed", json!("wire")).await;
    start("approval", "ended", json!(600_000)).await;
    until(session, "done", "Completed").await;
    until(session, "failed", "Failed").await;
    until(session, "ended", "Running").await;
    post(session, "/instances/ended/terminate?reason=enough")
        .await
        .expect(202);
    until(session, "ended", "Terminated").await;
    until(session, "open", "Running").await;
}

#[tokio::test]
async fn starting_answers_with_links_and_refuses_what_is_not_there() {
    let session = session().await;
    let started = post_json(&session, "/orchestrators/approval/a%20b", &json!(600_000)).await;
    let started = started.expect(202);
    assert_eq!(started.headers["retry-after"], "10");
    let links = started.json();
    assert_eq!(
        started.headers["location"],
        links["statusQueryGetUri"].as_str().unwrap()
    );
    let expected = [
        "id",
        "statusQueryGetUri",
        "sendEventPostUri",
        "terminatePostUri",
        "purgeHistoryDeleteUri",
        "restartPostUri",
        "rewindPostUri",
        "suspendPostUri",
        "resumePostUri",
    ];
    assert_eq!(fields(&links), BTreeSet::from(expected));
    assert_eq!(links["id"], "a b");
    let has = |link: &str, part: &str| links[link].as_str().unwrap().contains(part);
    assert!(has("statusQueryGetUri", "/instances/a%20b?"));
    assert!(has("sendEventPostUri", "/raiseEvent/{eventName}?"));
    assert!(has("terminatePostUri", "/terminate?reason={text}"));
    assert!(has("suspendPostUri", "/suspend?reason={text}"));
    assert!(has("resumePostUri", "/resume?reason={text}"));
    assert!(has("rewindPostUri", "/rewind?reason={text}"));

    // An empty body, as their clients send one, is no input.
    let empty = post(&session, "/orchestrators/call-by-name/empty").await;
    empty.expect(202);
    let empty = get(&session, "/instances/empty").await.json();
    assert_eq!(empty["input"], Value::Null);

    assert_eq!(post(&session, "/orchestrators/nothing").await.status, 400);
    let entity = post(&session, "/orchestrators/chain/@counter@a").await;
    assert_eq!(entity.status, 400);
    let long = "x".repeat(257);
    let long = post(&session, &format!("/orchestrators/chain/{long}")).await;
    assert_eq!(long.status, 400);
    let broken = session.data(Method::POST, &format!("{BASE}/orchestrators/chain"));
    let broken = broken.bearer_auth(session.key()).body("{");
    assert_eq!(session.send(broken).await.status, 400);
    // The version is the code's to read, the tags are ours.
    post(&session, "/orchestrators/call-by-name/v?version=2.0")
        .await
        .expect(202);
    let versioned = session.instance(APP, "v").await;
    assert_eq!(versioned["version"], "2.0");
}

#[tokio::test]
async fn a_start_waits_for_the_end_as_long_as_it_is_told() {
    let session = session().await;
    let waited = async |query: &str, function: &str, input: Value| {
        let path = format!("/orchestrators/{function}?{query}");
        post_json(&session, &path, &input).await
    };
    let done = waited("timeout=30&pollingInterval=1", "chain", json!(5)).await;
    assert_eq!(done.expect(200).json(), 40);
    // Times are seconds, and may be broken.
    let open = waited("timeout=0.2", "approval", json!(600_000))
        .await
        .expect(202);
    assert_eq!(open.headers["retry-after"], "10");
    assert!(open.json()["statusQueryGetUri"].is_string());
    let failed = waited("timeout=30", "parent", json!("wait-1")).await;
    let failed = failed.expect(200).json();
    assert_eq!(failed["runtimeStatus"], "Failed");
    let query = "TIMEOUT=30&returnInternalServerErrorOnFailure=True";
    let failed = waited(query, "parent", json!("wait-2")).await;
    assert_eq!(failed.expect(500).json()["runtimeStatus"], "Failed");
    for query in ["timeout=1&pollingInterval=2", "timeout=soon", "timeout=-1"] {
        let refused = waited(query, "chain", json!(5)).await;
        assert_eq!(refused.status, 400, "{query}");
    }
}

#[tokio::test]
async fn the_status_of_an_instance() {
    let session = session().await;
    four(&session).await;
    let open = get(&session, "/instances/open").await.expect(202);
    assert_eq!(open.headers["retry-after"], "5");
    let own = format!("{}{BASE}/instances/open", session.node.http());
    assert_eq!(open.headers["location"], own);
    let open = open.json();
    let expected = [
        "name",
        "instanceId",
        "runtimeStatus",
        "input",
        "customStatus",
        "output",
        "createdTime",
        "lastUpdatedTime",
    ];
    assert_eq!(fields(&open), BTreeSet::from(expected));
    assert_eq!(open["name"], "approval");
    assert_eq!(open["instanceId"], "open");
    assert_eq!(open["input"], 600_000);
    assert_eq!(open["customStatus"], "waiting");
    assert_eq!(open["output"], Value::Null);
    assert!(is_time(&open["createdTime"]), "{open}");
    assert!(is_time(&open["lastUpdatedTime"]), "{open}");

    post(&session, "/instances/open/suspend?reason=hold")
        .await
        .expect(202);
    until(&session, "open", "Suspended").await;
    assert_eq!(get(&session, "/instances/open").await.status, 202);
    post(&session, "/instances/open/resume").await.expect(202);
    until(&session, "open", "Running").await;

    let done = get(&session, "/instances/done").await.expect(200).json();
    assert_eq!(done["output"], 40);
    let ended = get(&session, "/instances/ended").await.expect(200).json();
    assert_eq!(ended["output"], "enough");
    get(&session, "/instances/failed").await.expect(200);
    let flag = "returnInternalServerErrorOnFailure=true";
    get(&session, &format!("/instances/failed?{flag}"))
        .await
        .expect(500);
    get(&session, &format!("/instances/done?{flag}"))
        .await
        .expect(200);
    // Names of parameters in any case, and booleans as Python writes them.
    for query in ["showInput=False", "SHOWINPUT=false"] {
        let hidden = get(&session, &format!("/instances/done?{query}")).await;
        assert_eq!(hidden.expect(200).json()["input"], Value::Null, "{query}");
    }
    let wrong = get(&session, "/instances/done?showInput=perhaps").await;
    assert_eq!(wrong.status, 400);
    assert_eq!(get(&session, ABSENT).await.status, 404);
    // The common parameters are taken and mean nothing here.
    let common = get(&session, "/instances/done?taskHub=x&connection=Storage").await;
    common.expect(200);
}

#[tokio::test]
async fn a_history_as_the_peers_show_it() {
    let session = session().await;
    four(&session).await;
    let plain = get(&session, "/instances/done").await.json();
    assert!(plain.get("historyEvents").is_none());
    let events = async |id: &str, query: &str| {
        let found = get(
            &session,
            &format!("/instances/{id}?showHistory=true{query}"),
        )
        .await;
        found.json()["historyEvents"].as_array().unwrap().clone()
    };
    let types = |events: &[Value]| -> Vec<String> {
        let types = events.iter().map(|event| event["EventType"].as_str());
        types.map(|text| text.unwrap().to_owned()).collect()
    };
    let chain = events("done", "").await;
    let expected = [
        "ExecutionStarted",
        "TaskCompleted",
        "TaskCompleted",
        "TaskCompleted",
        "ExecutionCompleted",
    ];
    assert_eq!(types(&chain), expected);
    assert_eq!(chain[1]["FunctionName"], "double");
    for member in ["ScheduledTime", "Timestamp"] {
        assert!(chain[1][member].is_string(), "{member}: {}", chain[1]);
    }
    assert!(chain[1]["Result"].is_null(), "{}", chain[1]);
    assert_eq!(chain[4]["OrchestrationStatus"], "Completed");
    let chain = events("done", "&showHistoryOutput=True").await;
    assert_eq!(
        (&chain[1]["Result"], &chain[4]["Result"]),
        (&json!(10), &json!(40))
    );

    // What is under way stands as it was scheduled; what failed has its reason.
    let waiting = events("open", "").await;
    assert_eq!(types(&waiting), ["ExecutionStarted", "TimerCreated"]);
    assert!(waiting[1]["FireAt"].is_string());
    let failed = events("failed", "").await;
    let failure = failed
        .iter()
        .find(|event| event["EventType"] == "SubOrchestrationInstanceFailed");
    let failure = failure.unwrap();
    assert_eq!(failure["FunctionName"], "child");
    assert!(failure["Reason"].is_string(), "{failure}");
    let ended = types(&events("ended", "").await);
    assert!(
        ended.contains(&"ExecutionTerminated".to_owned()),
        "{ended:?}"
    );
    for shown in [&chain, &waiting, &failed] {
        for event in shown {
            for name in fields(event) {
                assert!(
                    name.starts_with(|c: char| c.is_ascii_uppercase()),
                    "{event}"
                );
            }
        }
    }
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let session = session().await;
    four(&session).await;
    let ids = async |query: &str| -> BTreeSet<String> {
        let found = get(&session, &format!("/instances/?{query}"))
            .await
            .expect(200);
        let found = found.json();
        let ids = found.as_array().unwrap().iter();
        ids.map(|one| one["instanceId"].as_str().unwrap().to_owned())
            .collect()
    };
    let set = |ids: &[&str]| -> BTreeSet<String> { ids.iter().map(ToString::to_string).collect() };
    let own = ids("runtimeStatus=Running,Terminated").await;
    assert_eq!(own, set(&["ended", "open"]));
    assert_eq!(ids("runtimestatus=completed").await, set(&["done"]));
    assert_eq!(ids("instanceIdPrefix=op").await, set(&["open"]));
    assert_eq!(ids("createdTimeTo=2020-01-01T00:00:00Z").await, set(&[]));
    assert!(ids("createdTimeFrom=2020-01-01T00:00:00Z").await.len() > 4);
    // Statuses that no instance of ours has.
    for status in ["Canceled", "ContinuedAsNew"] {
        assert_eq!(ids(&format!("runtimeStatus={status}")).await, set(&[]));
    }
    assert_eq!(
        get(&session, "/instances?runtimeStatus=Odd").await.status,
        400
    );
    assert_eq!(
        get(&session, "/instances?createdTimeFrom=soon")
            .await
            .status,
        400
    );
    assert_eq!(get(&session, "/instances?top=-1").await.status, 400);
    let hidden = get(&session, "/instances?instanceIdPrefix=done&showInput=false").await;
    assert_eq!(hidden.json()[0]["input"], Value::Null);

    let all = ids("").await;
    let (mut seen, mut token) = (BTreeSet::new(), String::new());
    loop {
        let page = session.data(Method::GET, &format!("{BASE}/instances?top=2"));
        let page = page.header("x-functions-key", session.key());
        let page = page.header("x-ms-continuation-token", &token);
        let page = session.send(page).await.expect(200);
        let found = page.json();
        let found = found.as_array().unwrap();
        assert!(found.len() <= 2);
        for one in found {
            let id = one["instanceId"].as_str().unwrap().to_owned();
            assert!(seen.insert(id), "twice: {one}");
        }
        // What comes in between changes no page.
        post_json(&session, "/orchestrators/chain", &json!(1))
            .await
            .expect(202);
        match page.headers.get("x-ms-continuation-token") {
            Some(next) => token = next.to_str().unwrap().to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, all);
    let forged = session.data(Method::GET, &format!("{BASE}/instances"));
    let forged = forged.header("x-functions-key", session.key());
    let forged = forged.header("x-ms-continuation-token", "forged");
    assert_eq!(session.send(forged).await.status, 400);
}

#[tokio::test]
async fn messages_to_instances() {
    let session = session().await;
    four(&session).await;
    let raise = "/raiseEvent/Other";
    for (verb, body) in [
        (raise, true),
        ("/terminate", false),
        ("/suspend", false),
        ("/resume", false),
    ] {
        let send = async |id: &str| {
            let path = format!("/instances/{id}{verb}?reason=why");
            match body {
                true => post_json(&session, &path, &json!({"a": 1})).await.status,
                false => post(&session, &path).await.status,
            }
        };
        assert_eq!(send("nobody").await, 404, "{verb}");
        for gone in ["done", "failed", "ended"] {
            assert_eq!(send(gone).await, 410, "{verb} {gone}");
        }
    }
    let open = format!("/instances/open{raise}");
    post_json(&session, &open, &json!(null)).await.expect(202);
    let send = async |content_type: &str, body: &'static str| {
        let request = session.data(Method::POST, &format!("{BASE}{open}"));
        let request = request.header("x-functions-key", session.key());
        let request = request.header("content-type", content_type).body(body);
        session.send(request).await.status
    };
    assert_eq!(send("text/plain", "1").await, 400);
    assert_eq!(send("application/json", "{").await, 400);
    assert_eq!(send("application/json; charset=utf-8", "1").await, 202);
    // Names compare without regard to case.
    post_json(
        &session,
        "/instances/open/raiseEvent/aPPROVAL",
        &json!(true),
    )
    .await
    .expect(202);
    assert_eq!(
        until(&session, "open", "Completed").await["output"],
        "approved"
    );
}

#[tokio::test]
async fn rewinding_and_restarting() {
    let session = session().await;
    four(&session).await;
    let rewind = async |id: &str| {
        let path = format!("/instances/{id}/rewind?reason=again");
        post(&session, &path).await.status
    };
    assert_eq!(rewind("nobody").await, 404);
    assert_eq!(rewind("open").await, 400);
    assert_eq!(rewind("done").await, 410);
    assert_eq!(rewind("ended").await, 410);
    // The children fail one by one.
    let deadline = Instant::now() + DEADLINE;
    while until_ended(&session, "failed").await == "Failed" {
        assert_eq!(rewind("failed").await, 202);
        assert!(Instant::now() < deadline);
    }

    let restart = async |path: &str| post(&session, &format!("/instances/{path}")).await;
    assert_eq!(restart("nobody/restart").await.status, 400);
    let anew = restart("done/restart").await.expect(202);
    let id = anew.json()["id"].as_str().unwrap().to_owned();
    assert_ne!(id, "done");
    assert_eq!(until(&session, &id, "Completed").await["output"], 40);
    let same = restart("done/restart?restartWithNewInstanceId=False").await;
    assert_eq!(same.expect(202).json()["id"], "done");
    until(&session, "done", "Completed").await;
}

async fn until_ended(session: &Session, id: &str) -> String {
    let ended = session.until(APP, id, |instance| {
        let status = instance["runtime_status"].as_str().unwrap();
        ["Completed", "Failed", "Terminated"].contains(&status)
    });
    ended.await["runtime_status"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn purging_one_and_many() {
    let session = session().await;
    four(&session).await;
    let purge = async |path: &str| ask(&session, Method::DELETE, path).await;
    assert_eq!(purge(ABSENT).await.status, 404);
    let one = purge("/instances/done").await.expect(200);
    assert_eq!(one.json(), json!({"instancesDeleted": 1}));
    assert_eq!(purge("/instances/").await.status, 400);
    let from = "createdTimeFrom=2020-01-01T00:00:00Z";
    let none = purge(&format!("/instances/?{from}&runtimeStatus=Completed")).await;
    assert_eq!(none.status, 404);
    // With its children.
    let query = format!("{from}&runtimeStatus=Failed,Terminated&recursive=true");
    let many = format!("/instances/?{query}");
    let many = purge(&many);
    let many = many.await.expect(200).json()["instancesDeleted"].clone();
    assert!(many.as_u64() >= Some(2), "{many}");
    let left = get(&session, "/instances/").await.json();
    let left: Vec<_> = left
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["instanceId"])
        .collect();
    assert_eq!(left, ["open"]);
    post(&session, "/instances/open/terminate?recursive=true")
        .await
        .expect(202);
}

#[tokio::test]
async fn entities_over_the_wire() {
    let session = session().await;
    assert_eq!(get(&session, "/entities/counter/a").await.status, 404);
    post_json(&session, "/entities/Counter/a?op=add", &json!(5))
        .await
        .expect(202);
    post_json(&session, "/entities/counter/$?OP=add", &json!(7))
        .await
        .expect(202);
    let state = async |key: &str, value: u64| {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let found = get(&session, &format!("/entities/counter/{key}")).await;
            if found.status == 200 && found.json()["value"] == value {
                assert_eq!(found.headers["content-type"], "application/json");
                return;
            }
            assert!(Instant::now() < deadline, "{found:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    state("a", 5).await;
    state("$", 7).await;
    let list = get(&session, "/entities/counter").await.expect(200).json();
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(
        fields(&list[0]),
        BTreeSet::from(["entityId", "lastOperationTime"])
    );
    assert_eq!(list[0]["entityId"], json!({"name": "counter", "key": ""}));
    let list = get(&session, "/entities/?fetchState=true&top=1")
        .await
        .expect(200);
    assert!(list.headers.contains_key("x-ms-continuation-token"));
    assert_eq!(list.json()[0]["state"], json!({"value": 7}));
    let early = "/entities/counter?lastOperationTimeTo=2020-01-01T00:00:00Z";
    assert_eq!(get(&session, early).await.expect(200).json(), json!([]));
    let late = "/entities/counter?lastOperationTimeFrom=2020-01-01T00:00:00Z";
    assert_eq!(
        get(&session, late).await.json().as_array().unwrap().len(),
        2
    );
    assert_eq!(get(&session, "/entities/nothing").await.json(), json!([]));
    let long = "k".repeat(100);
    let long = post(&session, &format!("/entities/counter/{long}?op=add")).await;
    assert_eq!(long.status, 400);
    ask(&session, Method::DELETE, "/entities/counter/a")
        .await
        .expect(202);
    let deadline = Instant::now() + DEADLINE;
    while get(&session, "/entities/counter/a").await.status != 404 {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_wrong_method_is_not_found() {
    let session = session().await;
    four(&session).await;
    for (method, path) in [
        (Method::GET, "/orchestrators/chain"),
        (Method::PUT, "/instances/open"),
        (Method::POST, "/instances/open"),
        (Method::GET, "/instances/open/terminate"),
        (Method::GET, "/instances/open/raiseEvent/x"),
        (Method::DELETE, "/instances/open/suspend"),
        (Method::PUT, "/entities/counter/a"),
        (Method::POST, "/entities/counter"),
        (Method::POST, "/instances/open/raiseEvent"),
        (Method::GET, "/nothing"),
    ] {
        let answer = ask(&session, method.clone(), path).await;
        assert_eq!(answer.status, 404, "{method} {path}");
    }
    // The fixed parts of paths in any case.
    get(&session, "/INSTANCES/open").await.expect(202);
}

/// However many start one id at the same moment, one instance comes of it.
#[tokio::test]
async fn one_of_many_starts_of_one_id_wins() {
    let session = session().await;
    for round in 0..10 {
        let path = format!("/apps/{APP}/instances");
        let body =
            json!({"orchestrator": "approval", "id": format!("one-{round}"), "input": 600_000});
        let mut starts = tokio::task::JoinSet::new();
        for number in 0..16 {
            // Both APIs at once.
            let start = match number % 2 {
                0 => session.admin(Method::POST, &path).json(&body),
                _ => {
                    let path = format!("{BASE}/orchestrators/approval/one-{round}");
                    session
                        .data(Method::POST, &path)
                        .bearer_auth(session.key())
                        .json(&600_000)
                }
            };
            starts.spawn(async move { start.send().await.unwrap().status().as_u16() });
        }
        let answers = starts.join_all().await;
        let won = answers
            .iter()
            .filter(|status| [201, 202].contains(status))
            .count();
        let refused = answers.iter().filter(|status| **status == 409).count();
        assert_eq!((won, refused), (1, 15), "{answers:?}");
    }
    let list = get(&session, "/instances?instanceIdPrefix=one-")
        .await
        .json();
    assert_eq!(list.as_array().unwrap().len(), 10);
}
