//! Keys, roles, and what needs none.

use std::sync::atomic::Ordering;

use axum::body::Body;
use http::{Method, Request};
use serde_json::json;
use weft_api::auth::{NewKey, create};
use weft_orchestration::Timestamp;
use weft_store::Role;

use crate::harness::{NOW, Node};

#[tokio::test]
async fn a_key_is_taken_from_two_headers_and_the_query() {
    let node = Node::new().await;
    let key = &node.operator;
    let requests = [
        Request::get("/admin/v1/apps").header("authorization", format!("bearer {key}")),
        Request::get("/admin/v1/apps").header("x-functions-key", key),
        Request::get(format!("/admin/v1/apps?code={key}")),
    ];
    for request in requests {
        let answer = node.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 200);
    }
}

#[tokio::test]
async fn missing_wrong_and_expired_keys_get_401() {
    let node = Node::new().await;
    let (id, secret) = node.operator.split_once('.').unwrap();
    let other = node.key(None, Role::Operator).await;
    let (other_id, _) = other.split_once('.').unwrap();
    let expired = NewKey {
        tenant: None,
        role: Role::Operator,
        apps: None,
        label: String::new(),
        expires_at: Some(Timestamp::from_millis(NOW - 1)),
    };
    let now = Timestamp::from_millis(NOW - 10);
    let (_, expired) = create(&*node.store, expired, now).await.unwrap();
    for key in [
        String::new(),
        "x".into(),
        id.into(),
        format!("{id}."),
        format!("{id}.{}", "0".repeat(64)),
        format!("{other_id}.{secret}"),
        format!("{}x", node.operator),
        "a.".repeat(1000),
        expired,
    ] {
        let answer = node.call_as(&key, Method::GET, "/admin/v1/apps").await;
        assert_eq!(answer.problem(), (401, "unauthenticated"), "{key}");
        assert!(answer.header("www-authenticate").is_some());
    }
    let bare = Request::get("/admin/v1/apps").body(Body::empty()).unwrap();
    assert_eq!(node.send(bare).await.problem().0, 401);
}

#[tokio::test]
async fn keys_have_256_random_bits_and_only_their_hash_is_kept() {
    let node = Node::new().await;
    let new = json!({"role": "reader", "label": "dashboard"});
    let path = "/admin/v1/tenants/default/keys";
    let made = node.json(Method::POST, path, new).await;
    assert_eq!(made.status, 201);
    let key = made.body["key"].as_str().unwrap();
    let (id, secret) = key.split_once('.').unwrap();
    assert_eq!((made.body["id"].as_str(), secret.len()), (Some(id), 64));
    let listed = node.get(path).await.ok();
    assert!(!listed.to_string().contains(secret));
    assert_eq!(listed["keys"][0]["label"], "dashboard");
    assert_eq!(
        node.call_as(key, Method::GET, "/admin/v1/apps")
            .await
            .status,
        200
    );

    let gone = node.call(Method::DELETE, &format!("{path}/{id}")).await;
    assert_eq!(gone.status, 204);
    let answer = node.call_as(key, Method::GET, "/admin/v1/apps").await;
    assert_eq!(answer.problem().0, 401);
    let again = node.call(Method::DELETE, &format!("{path}/{id}")).await;
    assert_eq!(again.problem().0, 404);
}

#[tokio::test]
async fn keys_are_made_for_roles_within_a_tenant_only() {
    let node = Node::new().await;
    let path = "/admin/v1/keys";
    for (body, problem) in [
        (json!({"role": "operator"}), (422, "invalid-document")),
        (json!({"role": "reader", "x": 1}), (422, "invalid-document")),
        (
            json!({"role": "reader", "expires_at": "soon"}),
            (400, "invalid-request"),
        ),
        (
            json!({"role": "reader", "label": "a".repeat(201)}),
            (400, "invalid-request"),
        ),
    ] {
        let answer = node.json(Method::POST, path, body).await;
        assert_eq!(answer.problem(), problem);
    }
}

/// The least that each route needs, tried with every role.
#[tokio::test]
async fn every_route_asks_for_its_role() {
    const ROLES: [Role; 4] = [Role::Reader, Role::Invoker, Role::Deployer, Role::Owner];
    let node = Node::new().await.with_app("/admin/v1/apps/default").await;
    let mut keys = Vec::new();
    for role in ROLES {
        keys.push(node.key(Some("default"), role).await);
    }
    let read = [true, false, true, true];
    let see = [true, true, true, true];
    let invoke = [false, true, true, true];
    let deploy = [false, false, true, true];
    let own = [false, false, false, true];
    let operate = [false; 4];
    let app = "/apps/default";
    for (method, path, allowed) in [
        ("GET", "/apps".to_owned(), read),
        ("GET", app.into(), read),
        ("PUT", app.into(), deploy),
        ("DELETE", "/apps/none".into(), deploy),
        ("GET", format!("{app}/components"), read),
        ("GET", format!("{app}/components/all"), read),
        ("PUT", format!("{app}/components/all"), deploy),
        ("DELETE", format!("{app}/components/none"), deploy),
        ("GET", format!("{app}/functions"), read),
        ("GET", format!("{app}/functions/echo"), read),
        ("PUT", format!("{app}/functions/echo"), deploy),
        ("POST", format!("{app}/functions/echo/invoke"), invoke),
        ("GET", format!("{app}/revisions"), read),
        ("POST", format!("{app}/revisions/1/activate"), deploy),
        ("GET", format!("{app}/instances"), see),
        ("POST", format!("{app}/instances"), invoke),
        ("DELETE", format!("{app}/instances"), invoke),
        ("GET", format!("{app}/instances/i"), see),
        ("DELETE", format!("{app}/instances/i"), invoke),
        ("GET", format!("{app}/instances/i/history"), see),
        ("POST", format!("{app}/instances/i/raise-event/e"), invoke),
        ("POST", format!("{app}/instances/i/terminate"), invoke),
        ("POST", format!("{app}/instances/i/suspend"), invoke),
        ("POST", format!("{app}/instances/i/resume"), invoke),
        ("GET", format!("{app}/logs"), read),
        ("GET", "/keys".into(), own),
        ("POST", "/keys".into(), own),
        ("DELETE", "/keys/none".into(), own),
        ("GET", "/keys/none".into(), own),
        ("POST", "/keys/none/rotate".into(), own),
        ("GET", "/audit".into(), own),
        ("GET", "/usage".into(), read),
        ("GET", "/quota".into(), read),
        ("PUT", "/quota".into(), operate),
        ("DELETE", "/quota".into(), operate),
        ("DELETE", "/tenants/none".into(), operate),
        ("GET", "/tenants".into(), operate),
        ("GET", "/tenants/default".into(), operate),
        ("PUT", "/tenants/default".into(), operate),
    ] {
        for (index, role) in ROLES.into_iter().enumerate() {
            let method: Method = method.parse().unwrap();
            let path = format!("/admin/v1{path}");
            let answer = node.call_as(&keys[index], method.clone(), &path).await;
            let refused = answer.status == 403;
            assert_eq!(
                refused, !allowed[index],
                "{method} {path} as {role:?}: {answer:?}"
            );
            assert_ne!(answer.status, 500, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn health_needs_no_key_and_says_nothing_of_causes() {
    let node = Node::new().await;
    let get = |path: &str| Request::get(path).body(Body::empty()).unwrap();
    assert_eq!(node.send(get("/healthz")).await.status, 200);
    assert_eq!(node.send(get("/readyz")).await.status, 200);
    assert_eq!(node.send(get("/openapi.json")).await.status, 200);
    node.host.ready.store(false, Ordering::Relaxed);
    let answer = node.send(get("/readyz")).await;
    assert_eq!(answer.problem(), (503, "unavailable"));
    assert!(!answer.body.to_string().contains("secret"));
}

#[tokio::test]
async fn unknown_routes_and_methods_are_problems() {
    let node = Node::new().await;
    assert_eq!(node.get("/nowhere").await.problem(), (404, "not-found"));
    assert_eq!(node.get("/admin/v1/x").await.problem(), (404, "not-found"));
    let answer = node.call(Method::PATCH, "/admin/v1/apps").await;
    assert_eq!(answer.problem(), (405, "method-not-allowed"));
    assert_eq!(answer.header("allow"), Some("GET,HEAD"));
}
