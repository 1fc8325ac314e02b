//! The same samples in every language, through the same assertions: built by `weft build` with the
//! tools of the language, run by the real node, which is killed in the middle.

use std::process::Command;
use std::sync::{Mutex, PoisonError};

use reqwest::Method;
use serde_json::{Value, json};
use weft_e2e::{Session, in_repository};
use weft_testkit::guests::component;
use weft_testkit::node::{Node, weft_binary};

/// The sample of that language as a component.
fn sample(language: &str, name: &str) -> Vec<u8> {
    /// Builds install what they need in folders that they share.
    static BUILDING: Mutex<()> = Mutex::new(());
    if language == "rust" {
        return component(&format!("samples/rust/{name}"), &name.replace('-', "_"));
    }
    let folder = in_repository(&format!("samples/{language}/{name}"));
    let _building = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
    let built = Command::new(weft_binary())
        .arg("build")
        .arg(&folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
    std::fs::read(folder.join(format!("build/{name}.wasm"))).unwrap()
}

async fn hello_http(language: &str) {
    let session = Session::new(Node::in_memory());
    session
        .upload("hello", "hello", sample(language, "hello-http"))
        .await;
    session
        .settings("hello", "hello", &json!({"auth": "anonymous"}))
        .await;
    let get = session.data(Method::GET, "/@default/hello/api/hello");
    let answer = session.send(get).await.expect(200);
    assert_eq!(answer.text().trim(), "Hello, world!");
    let content_type = answer.headers["content-type"].to_str().unwrap();
    assert!(content_type.starts_with("text/plain"), "{content_type}");
    // The one in Rust knows nothing of us, and greets the world only.
    if language != "rust" {
        let get = session.data(Method::GET, "/@default/hello/api/hello?name=Ad%C3%A1+L");
        let answer = session.send(get).await.expect(200);
        assert_eq!(answer.text().trim(), "Hello, Adá L!");
    }
}

const SHOP: &str = "orders";

fn order(language: &str, name: &str) -> Value {
    let path = format!("samples/{language}/order-fulfilment/orders/{name}.json");
    let text = std::fs::read_to_string(in_repository(&path)).unwrap();
    serde_json::from_str(&text).unwrap()
}

async fn order_fulfilment(language: &str) {
    let mut session = Session::new(Node::start(&[]));
    session
        .upload(SHOP, "fulfilment", sample(language, "order-fulfilment"))
        .await;
    for name in ["small", "no-funds", "antarctica", "slow-bank", "large"] {
        let order = order(language, name);
        session.start(SHOP, "fulfil", name, &order).await;
    }
    let waiting = |instance: &Value| instance["custom_status"]["stage"] == "awaiting-approval";
    session.until(SHOP, "large", waiting).await;
    let retrying = |instance: &Value| {
        let stage = &instance["custom_status"]["stage"];
        stage == "charging" || instance["runtime_status"] == "Completed"
    };
    session.until(SHOP, "slow-bank", retrying).await;
    session.node.kill();
    session.node.restart();
    let approval = json!({"approved": true, "by": "Ann"});
    let told = session
        .tell(SHOP, "large", "raise-event/Approval", &approval)
        .await;
    told.expect(202);
    let output = async |id: &str| {
        let ended = session.until_status(SHOP, id, "Completed").await;
        ended["output"].clone()
    };
    for (id, calls) in [("small", 1), ("slow-bank", 3), ("large", 1)] {
        let outcome = output(id).await;
        assert_eq!(outcome["status"], "fulfilled", "{outcome}");
        assert_eq!(outcome["receipt"]["bank_calls"], calls, "{outcome}");
        assert!(outcome["parcel"]["tracking"].is_string(), "{outcome}");
    }
    let declined = output("no-funds").await;
    assert_eq!(declined["reason"], "declined", "{declined}");
    assert_eq!(declined["undone"], json!(["reserve"]));
    let lost = output("antarctica").await;
    assert_eq!(lost["undone"], json!(["charge", "reserve"]), "{lost}");
    // A call that the kill cut off is made again without a pause.
    let pauses = session.count(SHOP, "slow-bank", "timer_fired").await;
    assert!((1..=2).contains(&pauses), "{pauses}");
    session.replays_alike(SHOP).await;
}

const APP: &str = "patterns";

async fn patterns(language: &str) -> Session {
    let mut session = Session::new(Node::start(&[]));
    session
        .upload(APP, "patterns", sample(language, "patterns"))
        .await;
    for (id, orchestrator, input) in [
        ("fan", "fan-out", 20),
        ("late", "approval", 1),
        ("asked", "approval", 600_000),
        ("count", "aggregate", 25),
    ] {
        session.start(APP, orchestrator, id, &json!(input)).await;
    }
    let waiting = |instance: &Value| instance["custom_status"] == "waiting";
    session.until(APP, "asked", waiting).await;
    archive(&session, &json!(null)).await;
    session.node.kill();
    session.node.restart();
    let told = session
        .tell(APP, "asked", "raise-event/approval", &json!(true))
        .await;
    told.expect(202);
    for (id, expected) in [
        ("fan", json!(380)),
        ("late", json!("escalated")),
        ("asked", json!("approved")),
        ("count", json!(25)),
    ] {
        let ended = session.until_status(APP, id, "Completed").await;
        assert_eq!(ended["output"], expected, "{id}");
    }
    archive(&session, &json!("weft")).await;
    session
}

/// Objects, longer than what is written at once, that are still there after a kill.
async fn archive(session: &Session, before: &Value) {
    let answer = session.invoke(APP, "archive", &json!("weft")).await;
    let expected = json!({
        "before": before,
        "size": 800_000,
        "middle": "weftweft",
        "names": ["long", "short"],
        "absent": true,
    });
    assert_eq!(answer.expect(200).json(), expected);
}

/// What the samples in Rust show by other means.
async fn patterns_and_surroundings(language: &str, source: &str) {
    let mut session = patterns(language).await;
    for (id, orchestrator, input) in [("nested", "parent", 4), ("again", "eternal", 3)] {
        session.start(APP, orchestrator, id, &json!(input)).await;
    }
    let nested = session.until_status(APP, "nested", "Completed").await;
    assert_eq!(nested["output"], json!([0, 0, 2, 6]));
    let again = session.until_status(APP, "again", "Completed").await;
    assert_eq!(again["output"], "done");

    // Failures carry the message and the stack of the language.
    let failed = session.invoke(APP, "broken", &json!("luck")).await;
    let problem = String::from_utf8_lossy(&failed.body).into_owned();
    assert!(problem.contains("no luck"), "{problem}");
    assert!(problem.contains(source), "{problem}");

    // Clocks and randomness are the replay's.
    session
        .start(APP, "surroundings", "around", &json!(null))
        .await;
    let looked = |instance: &Value| instance["custom_status"].is_object();
    let before = session.until(APP, "around", looked).await["custom_status"].clone();
    session.node.kill();
    session.node.restart();
    let told = session
        .tell(APP, "around", "raise-event/go", &json!(7))
        .await;
    told.expect(202);
    let around = session.until_status(APP, "around", "Completed").await;
    assert_eq!(around["output"]["before"], before);
    assert_eq!(around["output"]["payload"], 7);
    for (name, value) in before.as_object().unwrap() {
        let changes = !["hash", "set", "map"].contains(&name.as_str());
        assert_eq!(around["output"]["after"][name] != *value, changes, "{name}");
    }
    session
        .start(APP, "surroundings", "other", &json!(null))
        .await;
    let other = session.until(APP, "other", looked).await["custom_status"].clone();
    assert_ne!(other["random"], before["random"]);

    // Requests are refused, with what to do instead.
    session.start(APP, "outside", "out", &json!(null)).await;
    let refused = session.until_status(APP, "out", "Failed").await;
    let message = refused["failure"].to_string();
    assert!(message.contains("call an activity"), "{message}");
    session
        .start(APP, "outside", "objects", &json!("objects"))
        .await;
    let refused = session.until_status(APP, "objects", "Failed").await;
    let message = refused["failure"].to_string();
    assert!(message.contains("wasi:blobstore is not for"), "{message}");
    assert!(message.contains("call an activity"), "{message}");

    session.replays_alike(APP).await;
}

macro_rules! language {
    ($language:ident, $source:literal) => {
        mod $language {
            const NAME: &str = stringify!($language);

            #[tokio::test]
            async fn order_fulfilment() {
                super::order_fulfilment(NAME).await;
            }

            #[tokio::test]
            async fn patterns() {
                super::patterns_and_surroundings(NAME, $source).await;
            }
        }
    };
}

language!(python, "app.py");
language!(typescript, "app.ts");
language!(go, "main.go");
language!(c, "app.c");

#[tokio::test]
async fn hello_http_in_every_language() {
    for language in ["rust", "python", "typescript", "go", "c"] {
        hello_http(language).await;
    }
}

#[tokio::test]
async fn the_patterns_in_rust() {
    patterns("rust").await;
}

#[tokio::test]
async fn order_fulfilment_in_rust() {
    order_fulfilment("rust").await;
}
