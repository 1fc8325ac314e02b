//! `workflow/http`

use std::time::Duration;

use serde_json::json;

use crate::server::{Server, connector, http, nothing, response};

#[tokio::test]
async fn a_request_arrives_as_the_action_wrote_it() {
    let server = Server::answering(200, &[], b"").await;
    let answer = http(json!({
        "action": "Call", "method": "put", "uri": format!("{}/q?x=1", server.url),
        "queries": {"api-version": "2020-01-01", "q": "a b&c"},
        "headers": {"X-Id": 9}, "cookie": "k=v",
        "body": {"v": 9},
        "authentication": {"type": "Basic", "username": "user", "password": "pass"},
        "run": "run-1", "workflow": "flow", "trackingId": "order-4711",
    }));
    assert_eq!(answer.await.unwrap()["statusCode"], 200);
    let seen = &server.seen()[0];
    assert_eq!(seen.method, "PUT");
    assert_eq!(seen.path, "/q?x=1&api-version=2020-01-01&q=a%20b%26c");
    assert_eq!(seen.text(), r#"{"v":9}"#);
    for (name, value) in [
        ("x-id", "9"),
        ("cookie", "k=v"),
        ("authorization", "Basic dXNlcjpwYXNz"),
        ("content-type", "application/json; charset=utf-8"),
        ("content-length", "7"),
        ("host", server.url.strip_prefix("http://").unwrap()),
        ("x-ms-workflow-operation-name", "Call"),
        ("x-ms-workflow-run-id", "run-1"),
        ("x-ms-client-tracking-id", "order-4711"),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn every_answer_is_an_answer_and_keeps_its_digits() {
    let json: &[_] = &[
        ("content-type", "application/json; charset=utf-8"),
        ("x-one", "1"),
    ];
    let body = b"{\"Height\":120.0,\"big\":12345678901234567890.123450}";
    for status in [200, 202, 302, 404, 429, 500] {
        let server = Server::answering(status, json, body).await;
        let connector = connector(&["127.0.0.0/8"]);
        let input = json!({"method": "GET", "uri": server.url}).to_string();
        let output = connector
            .call("workflow/http", &input, &nothing())
            .await
            .unwrap();
        let start = format!("{{\"statusCode\":{status},\"headers\":{{");
        assert!(output.starts_with(&start), "{output}");
        let end = format!("\"body\":{}}}", std::str::from_utf8(body).unwrap());
        assert!(output.ends_with(&end), "{output}");
        assert!(output.contains(r#""x-one":"1""#), "{output}");
        assert_eq!(
            server.seen().len(),
            1,
            "redirects and retries are the caller's"
        );
    }
}

#[tokio::test]
async fn bodies_are_texts_envelopes_or_absent() {
    for (kind, body, expected) in [
        ("text/plain; charset=utf-8", &b"abc"[..], json!("abc")),
        ("text/html", b"<p/>", json!("<p/>")),
        ("application/json", b"null", json!(null)),
        (
            "application/clue_info+xml",
            b"<a/>",
            json!({"$content-type": "application/clue_info+xml", "$content": "PGEvPg=="}),
        ),
    ] {
        let server =
            Server::start(move |_| async move { response(200, &[("content-type", kind)], body) })
                .await;
        let answer = http(json!({"uri": server.url})).await.unwrap();
        assert_eq!(answer["body"], expected, "{kind}");
        assert_eq!(answer["headers"]["Content-Type"], kind);
    }
    let server = Server::answering(204, &[], b"").await;
    let answer = http(json!({"uri": server.url})).await.unwrap();
    assert!(answer.get("body").is_none(), "{answer}");
}

#[tokio::test]
async fn no_answer_is_a_failure_that_says_which() {
    let silent = Server::start(|_| std::future::pending()).await;
    let slow = http(json!({"uri": silent.url, "timeoutMs": 50}))
        .await
        .unwrap_err();
    assert_eq!((slow.code, slow.retryable), ("ActionTimedOut", true));
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let refused = http(json!({"uri": format!("http://{address}/")}))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code, refused.retryable),
        ("HttpRequestFailed", true)
    );
    let large = Server::start(|_| async {
        response(
            200,
            &[("content-type", "text/plain")],
            vec![b'x'; (3 << 20) + 1],
        )
    })
    .await;
    let large = http(json!({"uri": large.url})).await.unwrap_err();
    assert_eq!(
        (large.code, large.retryable),
        ("HttpResponseTooLarge", false)
    );
    for uri in ["nowhere", "ftp://h/", "http://user:pass@127.0.0.1/"] {
        let invalid = http(json!({"uri": uri})).await.unwrap_err();
        assert_eq!(
            (invalid.code, invalid.retryable),
            ("BadRequest", false),
            "{uri}"
        );
    }
}

#[tokio::test]
async fn private_addresses_are_closed_unless_the_operator_opens_them() {
    let server = Server::answering(200, &[], b"").await;
    let port = server.url.rsplit_once(':').unwrap().1.to_owned();
    let closed = connector(&[]);
    let spellings = [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
    ];
    for host in spellings {
        let input = json!({"uri": format!("http://{host}:{port}/")}).to_string();
        let failed = closed
            .call("workflow/http", &input, &nothing())
            .await
            .unwrap_err();
        assert_eq!(failed.code, "BadRequest", "{host}: {failed}");
        assert!(
            failed.message.contains("--egress-allow"),
            "{host}: {failed}"
        );
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn an_answer_that_comes_bit_by_bit_is_bounded_as_a_whole() {
    let server = Server::start(|_| async {
        let parts = futures(Duration::from_millis(20));
        axum::response::Response::new(axum::body::Body::from_stream(parts))
    })
    .await;
    let failed = http(json!({"uri": server.url, "timeoutMs": 200}))
        .await
        .unwrap_err();
    assert_eq!(failed.code, "ActionTimedOut");
}

/// A byte now and then, for ever.
fn futures(pause: Duration) -> impl futures::Stream<Item = std::io::Result<&'static str>> + Send {
    futures::stream::unfold((), move |()| async move {
        tokio::time::sleep(pause).await;
        Some((Ok("x"), ()))
    })
}
