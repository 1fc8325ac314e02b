//! Long payloads: through every part of an orchestration, over kills, over both APIs.

use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};
use weft_e2e::{DEADLINE, Session};
use weft_testkit::guests::guest;
use weft_testkit::node::Node;

const APP: &str = "freight";
const LONG: usize = 3 << 20;

async fn session(node: Node) -> Session {
    let session = Session::new(node);
    session.upload(APP, "freight", guest("guest_freight")).await;
    session
}

fn long(mark: &str) -> String {
    let mut text = mark.repeat(LONG / mark.len());
    text.push('ß');
    text
}

fn kill(session: &mut Session) {
    session.node.kill();
    session.node.restart();
    session.http = Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .build()
        .unwrap();
}

#[tokio::test]
async fn long_payloads_pass_through_kills_and_go_with_their_instance() {
    let mut session = session(Node::start(&[])).await;
    let (first, second) = (long("first "), long("second "));
    session.start(APP, "haul", "a", &json!([0, first])).await;
    // Wherever it stands: each of the parts has the long text by itself.
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(150)).await;
        kill(&mut session);
    }
    let shelf = format!("/apps/{APP}/entities/@shelf@a");
    let deadline = Instant::now() + DEADLINE;
    loop {
        let found = session.send(session.admin(Method::GET, &shelf)).await;
        if found.status == 200 && found.json()["state"]["text"] == first {
            break;
        }
        assert!(Instant::now() < deadline, "{}", found.status);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let more = json!(second);
    let raised = session.tell(APP, "a", "raise-event/more", &more);
    raised.await.expect(202);
    kill(&mut session);
    let ended = session.until_status(APP, "a", "Completed").await;
    let whole = format!("{first}{second}");
    assert_eq!(ended["output"], whole);
    assert_eq!(ended["input"], json!([1, whole]));

    // A list names them, the instance by itself has them.
    let list = session.admin(Method::GET, &format!("/apps/{APP}/instances"));
    let list = session.send(list).await.expect(200);
    assert!(list.body.len() < 10_000, "{}", list.body.len());
    let list = list.json();
    let listed = list["instances"].as_array().unwrap().iter();
    let listed: Vec<_> = listed.filter(|instance| instance["id"] == "a").collect();
    let named = listed[0]["input"]["$payload"]["bytes"].clone();
    assert!(named.as_u64().unwrap() > 2 * LONG as u64, "{named}");

    // The same through the Durable Functions API, which shows all of it.
    let base = format!("/@default/{APP}/runtime/webhooks/durabletask/instances");
    let status = session.data(
        Method::GET,
        &format!("{base}/a?showHistory=true&showHistoryOutput=true"),
    );
    let status = session.send(status.bearer_auth(session.key())).await;
    let status = status.expect(200).json();
    assert_eq!(status["output"], whole);
    let last = status["historyEvents"]
        .as_array()
        .unwrap()
        .last()
        .unwrap()
        .clone();
    assert_eq!(last["Result"], whole);
    let listed = session.data(Method::GET, &base).bearer_auth(session.key());
    let listed = session.send(listed).await.expect(200).json();
    assert!(
        listed
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["output"] == whole)
    );

    // What nothing names any more goes.
    let all = format!("/apps/{APP}/instances?recursive=true");
    session
        .send(session.admin(Method::DELETE, &all))
        .await
        .expect(200);
    session
        .send(session.admin(Method::DELETE, &shelf))
        .await
        .expect(202);
    let deadline = Instant::now() + DEADLINE;
    while long_texts(&session) > 0 {
        assert!(Instant::now() < deadline, "long texts stay");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How many parts of long texts the node's file has.
fn long_texts(session: &Session) -> u64 {
    let path = session.node.data().join("weft.db");
    let conn = rusqlite::Connection::open(path).unwrap();
    let count = conn.query_row("SELECT count(*) FROM payload_part", [], |row| row.get(0));
    count.unwrap_or(u64::MAX)
}

#[tokio::test]
async fn what_is_too_long_is_refused_by_name() {
    let session = session(Node::start(&["--payload-max", "1"])).await;
    let long = long("x");
    let path = format!("/apps/{APP}/instances");
    let body = json!({"orchestrator": "haul", "input": [0, long]});
    let refused = session.send(session.admin(Method::POST, &path).json(&body));
    refused.await.expect_problem(413, "too-large");
    let base = format!("/@default/{APP}/runtime/webhooks/durabletask");
    let start = session.data(Method::POST, &format!("{base}/orchestrators/haul"));
    let start = start.bearer_auth(session.key()).json(&json!([0, long]));
    session.send(start).await.expect_problem(413, "too-large");

    // What an activity returns fails the call, with the bound.
    let bytes = 2 << 20;
    session.start(APP, "lift", "l", &json!(bytes)).await;
    let failed = session.until_status(APP, "l", "Failed").await;
    assert_eq!(failed["failure"]["kind"], "limit-exceeded", "{failed}");
    let message = failed["failure"]["message"].as_str().unwrap();
    assert!(message.contains("1048576"), "{message}");
    // Nothing else is hurt.
    session.start(APP, "lift", "m", &json!(1000)).await;
    let lifted = session.until_status(APP, "m", "Completed").await;
    assert_eq!(lifted["output"], 1000);
}

/// From within a function: started, awaited, and what it returned is read.
#[tokio::test]
async fn an_activity_awaits_an_orchestration() {
    let session = session(Node::start(&[])).await;
    let text = long("w");
    let returned = session.invoke(APP, "errand", &json!(text)).await;
    assert_eq!(returned.expect(200).json(), text);
}

#[tokio::test]
async fn a_history_is_streamed_line_by_line() {
    let session = session(Node::start(&[])).await;
    let text = long("z");
    session.start(APP, "haul", "a", &json!([0, text])).await;
    session
        .until(APP, "a", |instance| instance["turns"].as_u64() >= Some(4))
        .await;
    let path = format!("/apps/{APP}/instances/a/history");
    let ask = async |query: &str| {
        let request = session.admin(Method::GET, &format!("{path}{query}"));
        let request = request.header("accept", "application/x-ndjson");
        let answer = session.send(request).await.expect(200);
        assert_eq!(answer.headers["content-type"], "application/x-ndjson");
        let lines = answer.text().lines().map(serde_json::from_str::<Value>);
        lines.collect::<Result<Vec<_>, _>>().unwrap()
    };
    let (full, short) = (ask("").await, ask("?long_payloads=false").await);
    let paged = session.history(APP, "a").await;
    assert_eq!(full[..paged.len()], paged);
    let started = |events: &[Value]| {
        let found = events
            .iter()
            .find(|event| event["type"] == "execution_started");
        found.unwrap()["input"].clone()
    };
    assert_eq!(started(&full), json!([0, text]));
    let bytes = started(&short)["$payload"]["bytes"].as_u64().unwrap();
    assert!(bytes > LONG as u64);
    let last = ask("?from_turn=1&limit=1").await;
    assert_eq!(last[0]["type"], "orchestrator_started");
    assert!(last.len() < full.len());
    let absent = session.admin(Method::GET, &format!("/apps/{APP}/instances/b/history"));
    let absent = session.send(absent.header("accept", "application/x-ndjson"));
    absent.await.expect_problem(404, "not-found");
}

/// What the node tells of a gauge.
async fn gauge(session: &Session, name: &str) -> f64 {
    let url = format!("{}/metrics", session.node.admin());
    let text = session.http.get(url).send().await.unwrap();
    let text = text.text().await.unwrap();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let line = lines.find(|line| line.contains(name));
    let value = line.and_then(|line| line.rsplit(' ').next()?.parse().ok());
    value.unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[tokio::test]
async fn long_payloads_of_many_instances_are_not_all_in_memory_at_one_time() {
    const INSTANCES: usize = 48;
    const MIB: f64 = 1_048_576.0;
    // With payloads of 1 MiB there is room for 8 of them, of which a tenant gets half.
    let session = session(Node::start(&["--payload-max", "1"])).await;
    let text = "x".repeat(900 << 10);
    let ids: Vec<_> = (0..INSTANCES).map(|n| format!("i{n}")).collect();
    let input = json!([0, text]);
    let started = ids.iter().map(|id| session.start(APP, "haul", id, &input));
    futures::future::join_all(started).await;
    let more = json!("y");
    let told = ids
        .iter()
        .map(|id| session.tell(APP, id, "raise-event/more", &more));
    futures::future::join_all(told).await;
    let mut most: f64 = 0.0;
    for id in &ids {
        loop {
            most = most.max(gauge(&session, "long_payload_bytes").await);
            let found = session.instance(APP, id).await;
            match found["runtime_status"].as_str() {
                Some("Completed") => break,
                Some("Pending" | "Running") => {}
                other => panic!("{id}: {other:?}"),
            }
        }
    }
    assert!(most > 0.0, "it is counted");
    // What was made counts as well, whether or not there is room for it: as much again at most.
    assert!(most < 10.0 * MIB, "{} MiB", most / MIB);
    assert_eq!(gauge(&session, "long_payload_bytes").await, 0.0);
}
