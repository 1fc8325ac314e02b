//! Quotas, usage, and what becomes of who passes them.

use std::sync::atomic::Ordering;

use http::Method;
use serde_json::json;
use weft_store::Role;

use crate::harness::Node;

#[tokio::test]
async fn the_operator_sets_a_quota_and_the_tenant_sees_it() {
    let node = Node::new().await;
    let reader = node.key(Some("acme"), Role::Reader).await;
    let owner = node.key(Some("acme"), Role::Owner).await;
    let path = "/admin/v1/tenants/acme/quota";
    assert_eq!(node.get(path).await.ok(), json!({}));
    let quota = json!({"functions": 3, "stored_bytes": 1_000_000});
    let set = node.json(Method::PUT, path, quota.clone()).await;
    assert_eq!(set.ok(), quota);
    for key in [&reader, &owner] {
        let own = node.call_as(key, Method::GET, "/admin/v1/quota").await;
        assert_eq!(own.ok(), quota);
        for method in [Method::PUT, Method::DELETE] {
            let answer = node.call_as(key, method, path).await;
            assert_eq!(answer.problem(), (403, "forbidden"));
        }
    }
    let faults = json!({"functions": -1, "cpu": 2});
    let faults = node.json(Method::PUT, path, faults).await;
    assert_eq!(faults.problem(), (422, "invalid-document"));
    assert_eq!(faults.body["errors"].as_array().unwrap().len(), 2);
    let other = node.get("/admin/v1/tenants/default/quota").await.ok();
    assert_eq!(other, json!({}));
    let deleted = node.call(Method::DELETE, path).await;
    assert_eq!(
        (deleted.status, node.get(path).await.ok()),
        (204.try_into().unwrap(), json!({}))
    );
    let absent = "/admin/v1/tenants/nobody/quota";
    let absent = node.json(Method::PUT, absent, quota).await;
    assert_eq!(absent.problem(), (404, "not-found"));
}

#[tokio::test]
async fn who_has_used_up_a_rate_is_told_when_to_come_back_and_the_operator_never_is() {
    let node = Node::new().await;
    let owner = node.key(Some("acme"), Role::Owner).await;
    node.host.limited.store(true, Ordering::Relaxed);
    for (method, path) in [
        (Method::GET, "/admin/v1/apps"),
        (Method::DELETE, "/admin/v1/apps/a"),
        (
            Method::GET,
            "/@acme/a/runtime/webhooks/durabletask/instances/",
        ),
    ] {
        let answer = node.call_as(&owner, method, path).await;
        assert_eq!(answer.problem(), (429, "rate-limited"), "{path}");
        assert_eq!(answer.header("retry-after"), Some("2"));
        assert_eq!(answer.body["quota"], "requests_per_second");
        assert_eq!(answer.body["limit"], 1);
    }
    node.get("/admin/v1/apps").await.ok();
    let audit = node.get("/admin/v1/audit?all=true").await.ok();
    assert_eq!(audit["entries"], json!([]), "a flood does not fill the log");
}

#[tokio::test]
async fn an_upload_without_room_is_refused_before_it_is_compiled() {
    let node = Node::new().await;
    node.host.full.store(true, Ordering::Relaxed);
    let answer = node.upload("/admin/v1/apps/a/components/c", "panic").await;
    assert_eq!(answer.problem(), (507, "quota-exceeded"));
    assert_eq!(
        (&answer.body["quota"], &answer.body["limit"]),
        (&json!("stored_bytes"), &json!(0))
    );
    node.get("/admin/v1/apps/a").await.problem();
}

#[tokio::test]
async fn usage_is_shown_to_readers() {
    let node = Node::new().await;
    let reader = node.key(Some("acme"), Role::Reader).await;
    let usage = node
        .call_as(&reader, Method::GET, "/admin/v1/usage")
        .await
        .ok();
    assert_eq!(
        (&usage["tenant"], &usage["requests"]),
        (&json!("acme"), &json!(2))
    );
    assert_eq!(usage["since"], "2027-01-15T08:00:00.000Z");
    assert_eq!(usage["by_function"].as_array().unwrap().len(), 2);
    assert_eq!(usage["stored_bytes"], 0);
    let invoker = node.key(Some("acme"), Role::Invoker).await;
    let refused = node.call_as(&invoker, Method::GET, "/admin/v1/usage").await;
    assert_eq!(refused.problem(), (403, "forbidden"));
}

#[tokio::test]
async fn a_deleted_tenant_is_gone_with_its_keys_and_apps() {
    let node = Node::new().await;
    let owner = node.key(Some("acme"), Role::Owner).await;
    let node = node.with_app("/admin/v1/tenants/acme/apps/a").await;
    let path = "/admin/v1/tenants/acme";
    let refused = node.call_as(&owner, Method::DELETE, path).await;
    assert_eq!(refused.problem(), (403, "forbidden"));
    let deployed = node.host.deployed.load(Ordering::Relaxed);
    assert_eq!(node.call(Method::DELETE, path).await.status, 204);
    assert_eq!(node.host.deployed.load(Ordering::Relaxed), deployed + 1);
    assert_eq!(node.call(Method::DELETE, path).await.problem().0, 404);
    let answer = node.call_as(&owner, Method::GET, "/admin/v1/apps").await;
    assert_eq!(answer.problem(), (401, "unauthenticated"));
    // Who takes the name later finds nothing.
    let next = node.key(Some("acme"), Role::Owner).await;
    let apps = node
        .call_as(&next, Method::GET, "/admin/v1/apps")
        .await
        .ok();
    assert_eq!(apps, json!({"apps": []}));
}
