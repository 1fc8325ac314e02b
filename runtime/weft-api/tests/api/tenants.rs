//! Tenants, and the wall between them.

use http::Method;
use serde_json::json;
use weft_store::Role;

use crate::harness::Node;

#[tokio::test]
async fn the_operator_adds_and_lists_tenants() {
    let node = Node::new().await;
    let path = "/admin/v1/tenants/acme";
    assert_eq!(node.get(path).await.problem().0, 404);
    assert_eq!(node.call(Method::PUT, path).await.status, 201);
    assert_eq!(node.call(Method::PUT, path).await.status, 201);
    assert_eq!(node.get(path).await.ok(), json!({"name": "acme"}));
    let list = node.get("/admin/v1/tenants").await.ok();
    assert_eq!(
        list,
        json!({"tenants": [{"name": "acme"}, {"name": "default"}]})
    );
    let bad = node.call(Method::PUT, "/admin/v1/tenants/No").await;
    assert_eq!(bad.problem(), (400, "invalid-request"));
}

#[tokio::test]
async fn the_tenant_of_a_path_without_one_comes_from_the_key() {
    let node = Node::new().await;
    let key = node.key(Some("acme"), Role::Owner).await;
    let request = node
        .request(Method::PUT, "/admin/v1/apps/a/components/c", &key)
        .header("content-type", "application/wasm");
    node.send(request.body("one".into()).unwrap()).await.ok();
    let own = node.call_as(&key, Method::GET, "/admin/v1/apps/a").await;
    assert_eq!(own.ok()["tenant"], "acme");
    let named = "/admin/v1/tenants/acme/apps/a";
    assert_eq!(node.call_as(&key, Method::GET, named).await.status, 200);
    assert_eq!(node.get(named).await.status, 200);
    assert_eq!(node.get("/admin/v1/apps/a").await.problem().0, 404);
}

/// Every operation on everything of one tenant, with every key of another: none succeeds, and
/// what exists answers as what does not.
#[tokio::test]
async fn nothing_of_another_tenant_can_be_reached_or_told_from_nothing() {
    let node = Node::new().await;
    node.key(Some("victim"), Role::Owner).await;
    let node = node.with_app("/admin/v1/tenants/victim/apps/a").await;
    let order = json!({"orchestrator": "saga", "id": "i"});
    let instances = "/admin/v1/tenants/victim/apps/a/instances";
    node.json(Method::POST, instances, order).await.ok();
    let role = json!({"role": "reader"});
    let keys = "/admin/v1/tenants/victim/keys";
    let victims_key = node.json(Method::POST, keys, role).await.ok();
    let victims_key = victims_key["id"].as_str().unwrap();
    let before = snapshot(&node).await;

    let operations = [
        ("GET", "/apps".to_owned()),
        ("GET", "/apps/a".into()),
        ("PUT", "/apps/a".into()),
        ("DELETE", "/apps/a".into()),
        ("GET", "/apps/a/components".into()),
        ("GET", "/apps/a/components/all".into()),
        ("PUT", "/apps/a/components/all".into()),
        ("DELETE", "/apps/a/components/all".into()),
        ("GET", "/apps/a/functions".into()),
        ("GET", "/apps/a/functions/echo".into()),
        ("PUT", "/apps/a/functions/echo".into()),
        ("POST", "/apps/a/functions/echo/invoke".into()),
        ("GET", "/apps/a/revisions".into()),
        ("POST", "/apps/a/revisions/1/activate".into()),
        ("GET", "/apps/a/instances".into()),
        ("POST", "/apps/a/instances".into()),
        ("DELETE", "/apps/a/instances".into()),
        ("GET", "/apps/a/instances/i".into()),
        ("DELETE", "/apps/a/instances/i".into()),
        ("GET", "/apps/a/instances/i/history".into()),
        ("POST", "/apps/a/instances/i/raise-event/e".into()),
        ("POST", "/apps/a/instances/i/terminate".into()),
        ("POST", "/apps/a/instances/i/suspend".into()),
        ("POST", "/apps/a/instances/i/resume".into()),
        ("GET", "/apps/a/logs".into()),
        ("PUT", "/apps/a/secrets/s".into()),
        ("DELETE", "/apps/a/secrets/s".into()),
        ("PUT", "/apps/a/connections/c".into()),
        ("GET", "/quota".into()),
        ("PUT", "/quota".into()),
        ("DELETE", "/quota".into()),
        ("GET", "/usage".into()),
        ("GET", "/audit".into()),
        ("GET", format!("/keys/{victims_key}")),
        ("POST", format!("/keys/{victims_key}/rotate")),
        ("GET", "/quarantine".into()),
        ("DELETE", format!("/quarantine/{}", "0".repeat(64))),
        ("GET", "/keys".into()),
        ("POST", "/keys".into()),
        ("DELETE", format!("/keys/{victims_key}")),
    ];
    for role in [Role::Reader, Role::Invoker, Role::Deployer, Role::Owner] {
        let thief = node.key(Some("thief"), role).await;
        for (method, path) in &operations {
            let method: Method = method.parse().unwrap();
            let there = format!("/admin/v1/tenants/victim{path}");
            let foreign = node.call_as(&thief, method.clone(), &there).await;
            assert_eq!(foreign.problem(), (404, "not-found"), "{method} {there}");
            let nowhere = format!("/admin/v1/tenants/nobody{path}");
            let absent = node.call_as(&thief, method.clone(), &nowhere).await;
            let shown = foreign.body.to_string().replace("victim", "nobody");
            assert_eq!(shown, absent.body.to_string(), "{method} {path}");
            // The same names in the thief's own tenant lead nowhere either.
            let own = format!("/admin/v1{path}");
            let own = node.call_as(&thief, method.clone(), &own).await;
            let by_id = path.starts_with("/apps/a");
            if by_id && method == Method::GET {
                assert!([403, 404].contains(&own.status.as_u16()), "{method} {path}");
            }
        }
        for (method, path) in [
            ("POST", "orchestrators/saga"),
            ("GET", "instances/i"),
            ("GET", "instances/"),
            ("DELETE", "instances/i"),
            ("POST", "instances/i/raiseEvent/e"),
            ("POST", "instances/i/terminate"),
            ("POST", "instances/i/suspend"),
            ("POST", "instances/i/resume"),
        ] {
            let path = format!("/@victim/a/runtime/webhooks/durabletask/{path}");
            let answer = node.call_as(&thief, method.parse().unwrap(), &path).await;
            assert_eq!(answer.problem(), (404, "not-found"), "{method} {path}");
        }
    }
    // Deleting the victim's key through the thief's own tenant must not work either.
    let thief = node.key(Some("thief"), Role::Owner).await;
    let path = format!("/admin/v1/keys/{victims_key}");
    let answer = node.call_as(&thief, Method::DELETE, &path).await;
    assert_eq!(answer.problem().0, 404);
    assert_eq!(snapshot(&node).await, before);
}

/// Everything that the victim has.
async fn snapshot(node: &Node) -> Vec<serde_json::Value> {
    let mut all = Vec::new();
    for path in ["/apps/a", "/apps/a/revisions", "/apps/a/instances", "/keys"] {
        let path = format!("/admin/v1/tenants/victim{path}");
        all.push(node.get(&path).await.ok());
    }
    all
}
