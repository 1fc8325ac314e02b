//! The audit log: everything that manages something, and never what is secret.

use http::Method;
use serde_json::{Value, json};
use weft_store::Role;

use crate::harness::Node;

const CANARY: &str = "canary-7f3a9b";

async fn entries(node: &Node, query: &str) -> Vec<Value> {
    let answer = node.get(&format!("/admin/v1/audit?{query}")).await.ok();
    answer["entries"].as_array().unwrap().clone()
}

fn short(entry: &Value) -> String {
    let text = |name: &str| entry[name].as_str().unwrap_or("-").to_owned();
    let (action, target) = (text("action"), text("target"));
    format!("{action} {target} {} {}", entry["status"], text("detail"))
}

#[tokio::test]
async fn actions_are_written_down_with_who_what_and_what_came_of_it() {
    let node = Node::new().await.with_app("/admin/v1/apps/shop").await;
    let secret = "/admin/v1/apps/shop/secrets/db";
    let value = json!({"value": CANARY});
    node.json(Method::PUT, secret, value).await.ok();
    let reader = node.key(Some("default"), Role::Reader).await;
    let refused = node.call_as(&reader, Method::DELETE, secret).await;
    assert_eq!(refused.problem().0, 403);
    node.call(Method::DELETE, "/admin/v1/apps/nowhere").await;
    let made = json!({"role": "reader", "label": "ci"});
    let made = node.json(Method::POST, "/admin/v1/keys", made).await.ok();
    let (id, key) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    // What reads and what calls is not managing.
    node.get("/admin/v1/apps/shop").await.ok();
    let invoke = "/admin/v1/apps/shop/functions/echo/invoke";
    node.json(Method::POST, invoke, json!(1)).await.ok();

    let all = entries(&node, "").await;
    let shorts: Vec<_> = all.iter().rev().map(short).collect();
    assert_eq!(
        shorts,
        [
            "put component apps/shop/components/all 201 revision 1".to_owned(),
            "put secret apps/shop/secrets/db 201 -".to_owned(),
            "delete secret apps/shop/secrets/db 403 forbidden".to_owned(),
            "delete app apps/nowhere 404 not-found".to_owned(),
            format!("create key keys 201 key {id}"),
        ]
    );
    let operator = node.operator.split('.').next().unwrap();
    let reader = reader.split('.').next().unwrap();
    let by = |index: usize| (&all[index]["key"], &all[index]["role"]);
    assert_eq!(by(2), (&json!(reader), &json!("reader")));
    assert_eq!(by(3), (&json!(operator), &json!("operator")));
    assert!(all.iter().all(|entry| entry["tenant"] == "default"));
    let text = serde_json::to_string(&all).unwrap();
    assert!(!text.contains(CANARY) && !text.contains(key), "{text}");
}

#[tokio::test]
async fn a_key_in_the_query_is_not_written_down() {
    let node = Node::new().await;
    let path = format!("/admin/v1/apps/nowhere?code={}", node.operator);
    let request = http::Request::delete(&path);
    let answer = node
        .send(request.body(axum::body::Body::empty()).unwrap())
        .await;
    assert_eq!(answer.problem().0, 404);
    let all = entries(&node, "").await;
    assert_eq!(all.len(), 1);
    let (_, secret) = node.operator.split_once('.').unwrap();
    assert!(!all[0].to_string().contains(secret));
}

#[tokio::test]
async fn strangers_leave_no_entries() {
    let node = Node::new().await;
    for key in ["", "x.y"] {
        let answer = node.call_as(key, Method::DELETE, "/admin/v1/apps/a").await;
        assert_eq!(answer.problem().0, 401);
    }
    assert!(entries(&node, "").await.is_empty());
}

#[tokio::test]
async fn tenants_see_their_own_and_the_operator_all_of_it_in_pages() {
    let node = Node::new().await;
    let owner = node.key(Some("acme"), Role::Owner).await;
    let other = node.key(Some("other"), Role::Owner).await;
    for number in 0..3 {
        let path = format!("/admin/v1/apps/a{number}");
        node.call_as(&owner, Method::DELETE, &path).await;
    }
    // One tries to reach another: that is the one's entry.
    let foreign = "/admin/v1/tenants/acme/apps/a0";
    let answer = node.call_as(&other, Method::DELETE, foreign).await;
    assert_eq!(answer.problem().0, 404);
    let targets = |answer: Value| -> Vec<String> {
        let entries = answer["entries"].as_array().unwrap().iter();
        entries
            .map(|entry| entry["target"].as_str().unwrap().to_owned())
            .collect()
    };
    let own = node
        .call_as(&owner, Method::GET, "/admin/v1/audit")
        .await
        .ok();
    assert_eq!(targets(own), ["apps/a2", "apps/a1", "apps/a0"]);
    let own = node
        .call_as(&other, Method::GET, "/admin/v1/audit")
        .await
        .ok();
    assert_eq!(targets(own), ["apps/a0"]);
    let all = node
        .call_as(&owner, Method::GET, "/admin/v1/audit?all=true")
        .await;
    assert_eq!(all.problem(), (403, "forbidden"));
    let all = node.get("/admin/v1/audit?all=true").await.ok();
    assert_eq!(targets(all).len(), 4);

    let path = "/admin/v1/tenants/acme/audit?limit=2";
    let first = node.get(path).await.ok();
    let next = first["next"].as_str().unwrap().to_owned();
    assert_eq!(targets(first), ["apps/a2", "apps/a1"]);
    let second = node.get(&format!("{path}&after={next}")).await.ok();
    assert_eq!(second["next"], Value::Null);
    assert_eq!(targets(second), ["apps/a0"]);
    let bad = node.get("/admin/v1/audit?after=x").await;
    assert_eq!(bad.problem(), (400, "invalid-request"));
}

#[tokio::test]
async fn the_durable_webhooks_write_down_what_manages_instances() {
    let node = Node::new().await.with_app("/admin/v1/apps/default").await;
    node.start("i").await;
    let instance = "/runtime/webhooks/durabletask/instances/i";
    let event = format!("{instance}/raiseEvent/e");
    node.json(Method::POST, &event, json!(1)).await;
    let ended = node
        .call(Method::POST, &format!("{instance}/terminate"))
        .await;
    assert_eq!(ended.status, 202);
    let absent = "/runtime/webhooks/durabletask/instances/none/terminate";
    assert_eq!(node.call(Method::POST, absent).await.problem().0, 404);
    let all = entries(&node, "").await;
    let shorts: Vec<_> = all.iter().rev().map(short).collect();
    assert_eq!(
        shorts[1..],
        [
            "terminate instance apps/default/instances/i 202 -",
            "terminate instance apps/default/instances/none 404 not-found",
        ]
    );
}
