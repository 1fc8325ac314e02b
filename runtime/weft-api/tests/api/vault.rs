//! Secrets and connections: written, listed, never read back.

use http::Method;
use serde_json::json;
use weft_store::{Role, SealedKind, Vault as _};

use crate::harness::Node;

const S: &str = "/admin/v1/apps/shop/secrets";
const C: &str = "/admin/v1/apps/shop/connections";

#[tokio::test]
async fn a_secret_is_written_and_never_answered() {
    let node = Node::new().await;
    let path = format!("{S}/Outlook-Key_1");
    let made = node
        .json(Method::PUT, &path, json!({"value": "canary-1"}))
        .await;
    assert_eq!(made.status, 201);
    let again = node
        .json(Method::PUT, &path, json!({"value": "canary-2"}))
        .await;
    assert_eq!(again.status, 200);
    let shown = node.get(&path).await.ok();
    let list = node.get(S).await.ok();
    assert_eq!(list["secrets"][0]["name"], "Outlook-Key_1");
    for answer in [&made.body, &again.body, &shown, &list] {
        assert!(!answer.to_string().contains("canary"), "{answer}");
    }
    let app = "default/shop".split_once('/').unwrap();
    let app = weft_id::AppId::new(app.0.parse().unwrap(), app.1.parse().unwrap());
    let kept = node.store.sealed(&app, SealedKind::Secret).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert!(!String::from_utf8_lossy(&kept[0].value).contains("canary"));
    assert_eq!(node.call(Method::DELETE, &path).await.status, 204);
    assert_eq!(
        node.call(Method::DELETE, &path).await.problem(),
        (404, "not-found")
    );
    assert_eq!(node.get(&path).await.problem(), (404, "not-found"));
    let bad = node
        .json(Method::PUT, &format!("{S}/a%2Fb"), json!({"value": ""}))
        .await;
    assert_eq!(bad.problem(), (400, "invalid-request"));
    let large = json!({"value": "x".repeat((64 << 10) + 1)});
    let large = node.json(Method::PUT, &path, large).await;
    assert_eq!(large.problem(), (400, "invalid-request"));
}

#[tokio::test]
async fn a_connection_is_shown_without_its_secrets() {
    let node = Node::new().await;
    let path = format!("{C}/office365");
    let body = json!({
        "url": "https://mail.example/api",
        "authentication": {"type": "Raw", "value": "canary-3"},
        "headers": {"x-key": "canary-4"},
    });
    let made = node.json(Method::PUT, &path, body).await;
    assert_eq!(made.status, 201);
    let shown = node.get(&path).await.ok();
    assert_eq!(shown["url"], "https://mail.example/api");
    assert_eq!(shown["authentication"]["type"], "Raw");
    let list = node.get(C).await.ok();
    assert_eq!(list["connections"][0]["name"], "office365");
    for answer in [&made.body, &shown, &list] {
        assert!(!answer.to_string().contains("canary"), "{answer}");
    }
    for bad in [
        json!({}),
        json!({"url": "https://a", "component": "b"}),
        json!({"url": "ftp://a"}),
        json!({"url": "https://a", "authentication": "Basic"}),
        json!({"component": "No Name"}),
    ] {
        let refused = node.json(Method::PUT, &path, bad).await;
        assert_eq!(refused.problem(), (400, "invalid-request"));
    }
    let unknown = node
        .json(Method::PUT, &path, json!({"uri": "https://a"}))
        .await;
    assert_eq!(unknown.problem(), (422, "invalid-document"));
    let reader = node.key(Some("default"), Role::Reader).await;
    assert!(
        node.call_as(&reader, Method::GET, &path)
            .await
            .status
            .is_success()
    );
    let refused = node.call_as(&reader, Method::DELETE, &path).await;
    assert_eq!(refused.problem(), (403, "forbidden"));
    let other = node.key(Some("other"), Role::Owner).await;
    let hidden = node.call_as(&other, Method::GET, &path).await;
    assert_eq!(hidden.problem(), (404, "not-found"));
    assert_eq!(node.call(Method::DELETE, &path).await.status, 204);
}
