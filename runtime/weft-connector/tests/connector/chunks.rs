//! Contents in parts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::server::{Seen, Server, http, response};

const CONTENT: &str = "0123456789abcdefghij";

#[tokio::test]
async fn a_partial_answer_is_followed_to_its_end() {
    let server = Server::start(|seen: Seen| async move {
        let range = seen.header("range").unwrap_or("bytes=0-7");
        let (from, to) = range
            .strip_prefix("bytes=")
            .unwrap()
            .split_once('-')
            .unwrap();
        let (from, to): (usize, usize) = (from.parse().unwrap(), to.parse().unwrap());
        let content = format!("bytes {from}-{to}/{}", CONTENT.len());
        let headers = [
            ("content-range", content.as_str()),
            ("content-type", "text/plain"),
        ];
        response(206, &headers, CONTENT[from..=to].to_owned())
    })
    .await;
    let answer = http(json!({"method": "GET", "uri": server.url}))
        .await
        .unwrap();
    assert_eq!(answer["statusCode"], 200);
    assert_eq!(answer["body"], CONTENT);
    let ranges: Vec<_> = server.seen();
    let ranges: Vec<_> = ranges.iter().map(|seen| seen.header("range")).collect();
    assert_eq!(ranges, [None, Some("bytes=8-15"), Some("bytes=16-19")]);
    let asked = json!({"method": "GET", "uri": server.url, "headers": {"Range": "bytes=2-3"}});
    let answer = http(asked).await.unwrap();
    assert_eq!(
        (&answer["statusCode"], &answer["body"]),
        (&json!(206), &json!("23"))
    );
}

#[tokio::test]
async fn a_content_is_announced_and_sent_in_parts() {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let server = Server::start(move |seen: Seen| {
        let taken = Arc::clone(&count);
        async move {
            if seen.method == "POST" {
                return response(200, &[("location", "/up/1"), ("x-ms-chunk-size", "8")], "");
            }
            let all = taken.fetch_add(seen.body.len(), Ordering::Relaxed) + seen.body.len();
            let range = format!("bytes=0-{}", all - 1);
            let status = if all == CONTENT.len() { 201 } else { 200 };
            response(
                status,
                &[("range", &range), ("content-type", "text/plain")],
                "kept",
            )
        }
    })
    .await;
    let answer = http(json!({
        "method": "POST", "uri": format!("{}/files", server.url), "chunk": true, "body": CONTENT,
    }));
    let answer = answer.await.unwrap();
    assert_eq!(
        (&answer["statusCode"], &answer["body"]),
        (&json!(201), &json!("kept"))
    );
    let seen = server.seen();
    assert_eq!(seen[0].header("x-ms-transfer-mode"), Some("chunked"));
    assert_eq!(seen[0].header("x-ms-content-length"), Some("20"));
    assert!(seen[0].body.is_empty());
    let parts: Vec<_> = seen[1..]
        .iter()
        .map(|seen| {
            (
                seen.path.as_str(),
                seen.header("content-range").unwrap(),
                seen.text(),
            )
        })
        .collect();
    assert_eq!(
        parts,
        [
            ("/up/1", "bytes=0-7/20", "01234567"),
            ("/up/1", "bytes=8-15/20", "89abcdef"),
            ("/up/1", "bytes=16-19/20", "ghij"),
        ]
    );
    assert_eq!(seen[1].method, "PATCH");
    assert_eq!(
        seen[1].header("content-type"),
        Some("text/plain; charset=utf-8")
    );
}

#[tokio::test]
async fn parts_for_another_server_carry_no_credentials() {
    let storage = Server::start(|_| async { response(201, &[], "") }).await;
    let place = format!("{}/up", storage.url);
    let server = Server::start(move |seen: Seen| {
        let place = place.clone();
        async move {
            // The first part goes to itself, those after it elsewhere.
            let next = if seen.method == "POST" {
                "/here"
            } else {
                place.as_str()
            };
            response(200, &[("location", next), ("x-ms-chunk-size", "8")], "")
        }
    })
    .await;
    let answer = http(json!({
        "method": "POST", "uri": format!("{}/files", server.url), "chunk": true, "body": CONTENT,
        "authentication": {"type": "Raw", "value": "Bearer t"},
        "headers": {"x-api-key": "k", "x-plain": "p"},
    }));
    assert_eq!(answer.await.unwrap()["statusCode"], 201);
    let carried = |seen: &Seen| {
        let names = ["authorization", "x-api-key", "x-plain"];
        names.map(|name| seen.header(name).is_some())
    };
    let own: Vec<_> = server.seen().iter().map(carried).collect();
    assert_eq!(own, [[true; 3]; 2]);
    let elsewhere: Vec<_> = storage.seen().iter().map(carried).collect();
    assert_eq!(elsewhere, [[false, false, true]; 2]);
}
