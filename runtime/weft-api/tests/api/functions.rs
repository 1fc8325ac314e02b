//! Functions: showing, settings, direct calls.

use axum::body::Body;
use http::Method;
use serde_json::{Value, json};
use weft_api::Quarantined;
use weft_orchestration::Timestamp;
use weft_store::Role;

use crate::harness::{NOW, Node};

const F: &str = "/admin/v1/apps/default/functions";

async fn node() -> Node {
    let node = Node::new().await.with_app("/admin/v1/apps/default").await;
    let kinds = ["declines", "traps", "loops", "busy", "broken"]
        .map(|name| json!({"name": name, "kind": "activity"}));
    let odd = Value::from(kinds.to_vec()).to_string();
    node.upload("/admin/v1/apps/default/components/odd", odd)
        .await
        .ok();
    node
}

#[tokio::test]
async fn an_activity_is_called_directly() {
    let node = node().await;
    let path = format!("{F}/echo/invoke");
    let answer = node.json(Method::POST, &path, json!({"a": [1]})).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-weft-duration-us"), Some("12"));
    assert_eq!(answer.header("x-weft-cpu-us"), Some("3"));
    assert_eq!(answer.header("x-weft-memory-bytes"), Some("65536"));
    assert_eq!(answer.body, json!({"a": [1]}));
    let empty = node.call(Method::POST, &path).await;
    assert_eq!((empty.status.as_u16(), empty.body), (200, Value::Null));
}

#[tokio::test]
async fn each_way_a_call_fails_has_its_problem() {
    let node = node().await;
    for (name, problem) in [
        ("declines", (502, "function-failed")),
        ("traps", (502, "function-trapped")),
        ("loops", (504, "function-timeout")),
        ("busy", (429, "busy")),
        ("broken", (500, "internal")),
        ("hello", (422, "not-invocable")),
        ("saga", (422, "not-invocable")),
        ("nobody", (404, "not-found")),
        ("No!", (400, "invalid-request")),
    ] {
        let path = format!("{F}/{name}/invoke");
        let answer = node.json(Method::POST, &path, json!(1)).await;
        assert_eq!(answer.problem(), problem, "{name}");
        assert!(!answer.body.to_string().contains("secret"), "{answer:?}");
    }
    let declined = format!("{F}/declines/invoke");
    let declined = node.json(Method::POST, &declined, json!(1)).await;
    assert_eq!(
        declined.body["failure"],
        json!({
            "kind": "payment-declined",
            "message": "no money",
            "retryable": false,
            "details": {"code": 5},
        })
    );
    let busy = format!("{F}/busy/invoke");
    let busy = node.json(Method::POST, &busy, json!(1)).await;
    assert_eq!(busy.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn an_input_must_be_bounded_json() {
    let node = node().await;
    let path = format!("{F}/echo/invoke");
    let send =
        |content_type: &'static str, body: Body| node.body(Method::POST, &path, content_type, body);
    let json = "application/json";
    let answer = send(json, "{".into()).await;
    assert_eq!(answer.problem(), (400, "malformed-json"));
    let answer = send(json, "1 2".into()).await;
    assert_eq!(answer.problem(), (400, "malformed-json"));
    let answer = send("text/plain", "1".into()).await;
    assert_eq!(answer.problem(), (415, "unsupported-media-type"));
    let answer = send(json, vec![b' '; (4 << 20) + 1].into()).await;
    assert_eq!(answer.problem(), (413, "too-large"));
}

#[tokio::test]
async fn settings_replace_what_was_set() {
    let node = node().await;
    let path = format!("{F}/hello");
    let settings = json!({
        "auth": "anonymous",
        "route": "hi/{name}",
        "methods": ["get"],
        "limits": {"timeout_ms": 5},
        "allowed_outbound_hosts": ["https://a.example"],
        "env": {"A": "b"},
    });
    let set = node.json(Method::PUT, &path, settings).await.ok();
    assert_eq!(set["auth"], "anonymous");
    assert_eq!(
        set["trigger"],
        json!({"type": "http", "route": "hi/{name}", "methods": ["GET"]})
    );
    assert_eq!(
        set["limits"],
        json!({
            "memory_mib": 128,
            "timeout_ms": 5,
            "concurrency": 100,
            "requests_per_instance": 1,
        })
    );
    assert_eq!(set["env"], json!({"A": "b"}));
    assert_eq!(node.get(&path).await.ok(), set);
    let reset = node.json(Method::PUT, &path, json!({})).await.ok();
    assert_eq!(reset["auth"], "function");
    assert_eq!(reset["trigger"]["route"], "hello");
}

#[tokio::test]
async fn faulty_settings_are_refused_with_every_fault() {
    let node = node().await;
    let put = |name: &str, settings: Value| {
        let path = format!("{F}/{name}");
        let node = &node;
        async move { node.json(Method::PUT, &path, settings).await }
    };
    let faulty = put("hello", json!({"x": 1, "route": "/a", "limits": 3})).await;
    assert_eq!(faulty.problem(), (422, "invalid-document"));
    let pointers = faulty.body["errors"].as_array().unwrap().iter();
    let pointers: Vec<_> = pointers.map(|fault| &fault["pointer"]).collect();
    assert_eq!(pointers, ["/x", "/limits", "/route"]);
    let unfit = put("saga", json!({"route": "a"})).await;
    assert_eq!(unfit.problem(), (422, "invalid-document"));
    assert_eq!(unfit.body["errors"][0]["pointer"], "/route");
    let unknown = put("nobody", json!({})).await;
    assert_eq!(unknown.problem(), (404, "not-found"));
    let path = format!("{F}/hello");
    let malformed = node.body(Method::PUT, &path, "application/json", "{").await;
    assert_eq!(malformed.problem(), (400, "malformed-json"));
    let absent = "/admin/v1/apps/none/functions/hello";
    let absent = node.json(Method::PUT, absent, json!({})).await;
    assert_eq!(absent.problem(), (404, "not-found"));
}

#[tokio::test]
async fn functions_are_listed_by_name() {
    let node = node().await;
    let list = node.get(F).await.ok();
    let names: Vec<_> = list["functions"].as_array().unwrap().iter().collect();
    assert_eq!(names[0]["name"], "broken");
    assert_eq!(names.len(), 8);
    assert_eq!(node.get(&format!("{F}/nobody")).await.problem().0, 404);
}

#[tokio::test]
async fn a_quarantined_component_is_shown_and_released_by_the_operator_alone() {
    let node = node().await;
    let odd = "/admin/v1/apps/default/components/odd";
    let shown = node.get(odd).await.ok();
    assert!(shown.get("quarantine").is_none());
    let digest = shown["digest"].as_str().unwrap().to_owned();
    let quarantined = Quarantined {
        digest: digest.parse().unwrap(),
        cause: "host-panic",
        failures: 3,
        message: "boom".into(),
        since: Timestamp::from_millis(NOW),
    };
    let of = |name: &str| (name.parse().unwrap(), quarantined.clone());
    let both = [of("default"), of("other")];
    node.host.quarantined.lock().unwrap().extend(both);
    let said = json!({
        "digest": digest, "cause": "host-panic", "failures": 3, "message": "boom",
        "since": "2027-01-15T08:00:00.000Z",
    });
    assert_eq!(node.get(odd).await.ok()["quarantine"], said);
    let app = node.get("/admin/v1/apps/default").await.ok();
    let of_app = app["components"].as_array().unwrap().iter();
    let of_app = of_app.filter(|component| component["quarantine"] == said);
    assert_eq!(of_app.count(), 1);
    let list = node.get("/admin/v1/quarantine").await.ok();
    assert_eq!(list, json!({"quarantined": [said]}));
    let release = format!("/admin/v1/quarantine/{digest}");
    let owner = node.key(Some("default"), Role::Owner).await;
    let refused = node.call_as(&owner, Method::DELETE, &release).await;
    assert_eq!(refused.problem(), (403, "forbidden"));
    assert_eq!(node.call(Method::DELETE, &release).await.status, 204);
    assert_eq!(node.call(Method::DELETE, &release).await.problem().0, 404);
    assert!(node.get(odd).await.ok().get("quarantine").is_none());
    assert_eq!(node.host.quarantined.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn what_a_function_may_reach_is_what_it_asks_for_within_what_is_granted() {
    let node = Node::new().await.with_app("/admin/v1/apps/default").await;
    let function = "/admin/v1/apps/default/functions/echo";
    let settings = json!({
        "allowed_outbound_hosts": ["https://pay.example", "https://elsewhere.test"],
        "capabilities": {"key_value": ["carts-1", "users"], "secrets": ["KEY"]},
    });
    node.json(Method::PUT, function, settings).await.ok();
    let shown = node.get(&format!("{function}/capabilities")).await.ok();
    assert_eq!(
        shown["effective"],
        json!({
            "outbound_hosts": ["https://pay.example"],
            "key_value": ["carts-1"],
            "secrets": ["KEY"],
        })
    );
    assert_eq!(shown["granted"]["key_value"], json!(["carts*"]));
    let fault = json!({"capabilities": {"outbound_hosts": [], "key_value": ["a*b"]}});
    let fault = node.json(Method::PUT, function, fault).await;
    assert_eq!(fault.problem(), (422, "invalid-document"));
    let pointers: Vec<_> = fault.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["pointer"])
        .collect();
    assert_eq!(
        pointers,
        ["/capabilities/outbound_hosts", "/capabilities/key_value/0"]
    );
}

#[tokio::test]
async fn the_operator_grants_and_the_tenant_sees_it() {
    let node = Node::new().await;
    let owner = node.key(Some("acme"), weft_store::Role::Owner).await;
    let path = "/admin/v1/tenants/acme/grants";
    let grants = json!({"outbound_hosts": ["https://*.example"], "secrets": []});
    assert_eq!(
        node.json(Method::PUT, path, grants.clone()).await.ok(),
        grants
    );
    let own = node.call_as(&owner, Method::GET, "/admin/v1/grants").await;
    assert_eq!(own.ok(), grants);
    for method in [Method::PUT, Method::DELETE] {
        let refused = node.call_as(&owner, method, path).await;
        assert_eq!(refused.problem(), (403, "forbidden"));
    }
    let faults = node.json(Method::PUT, path, json!({"hosts": []})).await;
    assert_eq!(faults.problem(), (422, "invalid-document"));
    assert_eq!(node.call(Method::DELETE, path).await.status, 204);
    assert_eq!(node.get(path).await.ok(), json!({}));
}
