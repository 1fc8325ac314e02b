//! Keys for some apps, and keys that take the place of others.

use http::Method;
use serde_json::{Value, json};
use weft_store::Role;

use crate::harness::{Answer, Node};

/// A node whose tenant `acme` has the apps `a` and `b`, and a key for `a` alone.
async fn scoped(role: &str) -> (Node, String) {
    let node = Node::new().await;
    node.key(Some("acme"), Role::Owner).await;
    let node = node.with_app("/admin/v1/tenants/acme/apps/a").await;
    let node = node.with_app("/admin/v1/tenants/acme/apps/b").await;
    let body = json!({"role": role, "apps": ["a"], "label": "ci"});
    let keys = "/admin/v1/tenants/acme/keys";
    let made = node.json(Method::POST, keys, body).await.ok();
    assert_eq!(made["apps"], json!(["a"]));
    let key = made["key"].as_str().unwrap().to_owned();
    (node, key)
}

async fn get(node: &Node, key: &str, path: &str) -> Answer {
    node.call_as(key, Method::GET, path).await
}

#[tokio::test]
async fn a_key_for_some_apps_finds_no_others() {
    let (node, key) = scoped("owner").await;
    assert_eq!(get(&node, &key, "/admin/v1/apps/a").await.status, 200);
    let listed = get(&node, &key, "/admin/v1/apps").await.ok();
    assert_eq!(listed["apps"].as_array().unwrap().len(), 1);
    assert_eq!(listed["apps"][0]["name"], "a");
    // What exists answers as what does not.
    for path in [
        "",
        "/functions",
        "/instances",
        "/revisions",
        "/logs",
        "/secrets",
    ] {
        let there = get(&node, &key, &format!("/admin/v1/apps/b{path}")).await;
        assert_eq!(there.problem(), (404, "not-found"), "{path}");
        let nowhere = get(&node, &key, &format!("/admin/v1/apps/c{path}")).await;
        let shown = there.body.to_string().replace("app b", "app c");
        assert_eq!(shown, nowhere.body.to_string(), "{path}");
    }
    for (method, path) in [
        (Method::DELETE, "/admin/v1/apps/b"),
        (Method::PUT, "/admin/v1/apps/b/components/all"),
        (Method::PUT, "/admin/v1/apps/new/components/all"),
        (Method::POST, "/admin/v1/apps/b/functions/echo/invoke"),
        (
            Method::GET,
            "/@acme/b/runtime/webhooks/durabletask/instances/",
        ),
        (
            Method::POST,
            "/@acme/b/runtime/webhooks/durabletask/orchestrators/saga",
        ),
    ] {
        let answer = node.call_as(&key, method.clone(), path).await;
        assert_eq!(answer.problem(), (404, "not-found"), "{method} {path}");
    }
    let own = "/@acme/a/runtime/webhooks/durabletask/instances/";
    assert_eq!(get(&node, &key, own).await.status, 200);
}

#[tokio::test]
async fn a_key_for_some_apps_manages_no_keys() {
    let (node, key) = scoped("owner").await;
    let role = json!({"role": "owner"}).to_string();
    for (method, path) in [
        (Method::GET, "/admin/v1/keys"),
        (Method::POST, "/admin/v1/keys"),
        (Method::GET, "/admin/v1/audit"),
    ] {
        let request = node.request(method.clone(), path, &key);
        let request = request.header("content-type", "application/json");
        let answer = node.send(request.body(role.clone().into()).unwrap()).await;
        assert_eq!(answer.problem(), (403, "forbidden"), "{method} {path}");
    }
    // Of what is used it sees its own apps.
    let usage = get(&node, &key, "/admin/v1/usage").await.ok();
    let apps = usage["by_function"].as_array().unwrap();
    let apps: Vec<&Value> = apps.iter().map(|used| &used["app"]).collect();
    assert_eq!(apps, ["a"]);
}

#[tokio::test]
async fn names_of_apps_are_checked() {
    let node = Node::new().await;
    let keys = "/admin/v1/keys";
    for apps in [json!([]), json!(["No"]), json!(vec!["a"; 101])] {
        let body = json!({"role": "reader", "apps": apps});
        let answer = node.json(Method::POST, keys, body).await;
        assert_eq!(answer.problem(), (400, "invalid-request"));
        assert_eq!(answer.body["parameter"], "apps");
    }
}

#[tokio::test]
async fn a_rotated_key_does_what_the_old_one_did() {
    let (node, old) = scoped("deployer").await;
    let (id, _) = old.split_once('.').unwrap();
    let path = format!("/admin/v1/tenants/acme/keys/{id}");
    assert_eq!(node.get(&path).await.ok()["label"], "ci");
    let rotate = format!("{path}/rotate");
    // The old one stays for a while, since somebody has to put the new one into its place.
    let grace = json!({"grace_s": 3600});
    let made = node.json(Method::POST, &rotate, grace).await;
    assert_eq!(made.status, 201);
    let new = made.ok();
    let (role, apps, label) = (&new["role"], &new["apps"], &new["label"]);
    assert_eq!(
        (role, apps, label),
        (&json!("deployer"), &json!(["a"]), &json!("ci"))
    );
    let new = new["key"].as_str().unwrap();
    for key in [new, &old] {
        assert_eq!(get(&node, key, "/admin/v1/apps/a").await.status, 200);
        assert_eq!(get(&node, key, "/admin/v1/apps/b").await.status, 404);
    }
    assert!(node.get(&path).await.ok()["expires_at"].is_string());
    // Without such a while it is void at once.
    node.call(Method::POST, &rotate).await.ok();
    let answer = get(&node, &old, "/admin/v1/apps/a").await;
    assert_eq!(answer.problem(), (401, "unauthenticated"));
    assert_eq!(get(&node, new, "/admin/v1/apps/a").await.status, 200);
    let absent = "/admin/v1/tenants/acme/keys/none/rotate";
    let absent = node.call(Method::POST, absent).await;
    assert_eq!(absent.problem(), (404, "not-found"));
}
