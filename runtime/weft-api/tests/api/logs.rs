//! Log lines, kept and followed.

use http_body_util::BodyExt as _;
use weft_api::logs::{Level, Record, Source};
use weft_id::AppId;
use weft_orchestration::Timestamp;

use crate::harness::{NOW, Node};

const L: &str = "/admin/v1/apps/default/logs";

async fn node() -> Node {
    Node::new().await.with_app("/admin/v1/apps/default").await
}

fn say(node: &Node, function: &str, level: Level, message: &str) {
    let record = Record {
        at: Timestamp::from_millis(NOW),
        level,
        source: Source::Stderr,
        function: Some(function.parse().unwrap()),
        instance: None,
        message: message.into(),
    };
    node.api.logs.push(&AppId::default(), record);
}

#[tokio::test]
async fn kept_lines_are_filtered() {
    let node = node().await;
    say(&node, "echo", Level::Info, "one");
    say(&node, "hello", Level::Warn, "two");
    say(&node, "echo", Level::Error, "three");
    let messages = |query: &'static str| {
        let node = &node;
        async move {
            let lines = node.get(&format!("{L}{query}")).await.ok();
            let lines = lines["lines"].as_array().unwrap().iter();
            let messages = lines.map(|line| line["message"].as_str().unwrap().to_owned());
            messages.collect::<Vec<_>>()
        }
    };
    assert_eq!(messages("").await, ["one", "two", "three"]);
    assert_eq!(messages("?function=echo").await, ["one", "three"]);
    assert_eq!(messages("?level=warn&limit=1").await, ["three"]);
    assert!(messages("?instance=i").await.is_empty());
    let bad = node.get(&format!("{L}?level=loud")).await;
    assert_eq!(bad.problem(), (400, "invalid-request"));
    let absent = node.get("/admin/v1/apps/none/logs").await;
    assert_eq!(absent.problem(), (404, "not-found"));
}

#[tokio::test]
async fn following_gives_kept_lines_and_then_new_ones() {
    let node = node().await;
    say(&node, "echo", Level::Info, "kept");
    let response = node.open(&format!("{L}?follow=true")).await;
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut body = response.into_body();
    let mut next = async || {
        let frame = body.frame().await.unwrap().unwrap();
        String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
    };
    let first = next().await;
    assert!(
        first.contains("event: log") && first.contains("id: 1"),
        "{first}"
    );
    assert!(first.contains("\"message\":\"kept\""), "{first}");
    say(&node, "echo", Level::Info, "new");
    assert!(next().await.contains("\"message\":\"new\""));
}

#[tokio::test]
async fn following_goes_on_after_the_last_line_seen_and_ends_with_the_app() {
    let node = node().await;
    for message in ["a", "b"] {
        say(&node, "echo", Level::Info, message);
    }
    let response = node.open(&format!("{L}?follow=true&function=hello")).await;
    node.call(http::Method::DELETE, "/admin/v1/apps/default")
        .await;
    let collected = response.into_body().collect().await.unwrap();
    assert!(collected.to_bytes().is_empty());
}
