//! Workflows: deploying, showing, listing, removing, bundles.

use axum::body::{Body, to_bytes};
use http::{Method, Request};
use serde_json::json;
use tower::ServiceExt as _;
use weft_api::admin_router;
use weft_store::Role;

use crate::harness::Node;

const W: &str = "/admin/v1/apps/shop/workflows";
/// Keys in no order, blanks where nobody would put them.
const TEXT: &str = "{ \"kind\":\"Stateless\",\n\n\"definition\": {\"triggers\": {\"z\": {\"type\": \"Request\"}},\n  \
    \"actions\": {\"b\":  {\"type\":\"Compose\",\"inputs\":1.50}, \"a\": {\"type\":\"Compose\",\"inputs\":1,\"runAfter\":{\"b\":[\"Succeeded\"]}}}}}";

async fn text(node: &Node, path: &str) -> String {
    let request = Request::builder()
        .uri(path)
        .header("authorization", format!("Bearer {}", node.operator))
        .body(Body::empty())
        .unwrap();
    let response = admin_router(node.api.clone()).oneshot(request).await;
    let bytes = to_bytes(response.unwrap().into_body(), 1 << 20).await;
    String::from_utf8(bytes.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_workflow_is_deployed_and_comes_back_as_it_was_written() {
    let node = Node::new().await;
    let path = format!("{W}/approval");
    let put = |body: &'static str| node.body(Method::PUT, &path, "application/json", body);
    let made = put(TEXT).await;
    assert_eq!(made.status, 201);
    let made = made.ok();
    assert_eq!(made["revision"], 1);
    assert_eq!(made["kind"], "Stateless");
    assert_eq!(made["actions"], 2);
    assert_eq!(made["triggers"], json!([{"name": "z", "type": "Request"}]));
    assert_eq!(text(&node, &path).await, TEXT);
    let again = put(TEXT).await;
    assert_eq!(
        (again.status.as_u16(), &again.body["revision"]),
        (200, &json!(1))
    );
    let other = put(r#"{"triggers":{"m":{"type":"Request"}},"actions":{}}"#).await;
    assert_eq!(
        (other.status.as_u16(), &other.body["revision"]),
        (200, &json!(2))
    );
    let list = node.get(W).await.ok();
    assert_eq!(list["workflows"][0]["name"], "approval");
    assert_eq!(list["workflows"][0]["kind"], "Stateful");
    let app = node.get("/admin/v1/apps/shop").await.ok();
    assert_eq!(app["workflows"][0]["name"], "approval");
    let revisions = node.get("/admin/v1/apps/shop/revisions").await.ok();
    assert_eq!(revisions["revisions"][0]["workflows"], json!(["approval"]));
    let gone = node.call(Method::DELETE, &path).await;
    assert_eq!(gone.status, 204);
    assert_eq!(node.get(&path).await.problem(), (404, "not-found"));
    let gone = node.call(Method::DELETE, &path).await;
    assert_eq!(gone.problem(), (404, "not-found"));
}

#[tokio::test]
async fn what_is_wrong_with_a_workflow_is_told_with_its_places() {
    let node = Node::new().await;
    let path = format!("{W}/approval");
    let body = r#"{"definition": {"triggers": {}, "actions": {}}, "kind": 1, "connections": []}"#;
    let refused = node
        .body(Method::PUT, &path, "application/json", body)
        .await;
    assert_eq!(refused.problem(), (400, "invalid-workflow"));
    let pointers: Vec<_> = refused.body["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap())
        .collect();
    assert_eq!(pointers, ["/kind", "/connections"]);
    let bytes = b"{\"definition\": \"\xff\"}".to_vec();
    let refused = node
        .body(Method::PUT, &path, "application/json", bytes)
        .await;
    assert_eq!(refused.problem(), (400, "malformed-json"));
    let refused = node.body(Method::PUT, &path, "text/plain", TEXT).await;
    assert_eq!(refused.problem(), (415, "unsupported-media-type"));
    let path = format!("{W}/My_Order%20Flow");
    let refused = node
        .body(Method::PUT, &path, "application/json", TEXT)
        .await;
    assert_eq!(refused.problem(), (400, "invalid-request"));
    assert_eq!(refused.body["hint"], "my-order-flow");
    assert_eq!(node.get("/admin/v1/apps/shop").await.status, 404);
}

#[tokio::test]
async fn functions_and_workflows_share_their_names_and_readers_see_outlines_only() {
    let node = Node::new().await.with_app("/admin/v1/apps/shop").await;
    let path = format!("{W}/echo");
    let refused = node
        .body(Method::PUT, &path, "application/json", TEXT)
        .await;
    assert_eq!(refused.problem(), (422, "name-conflict"));
    let path = format!("{W}/flow");
    let made = node
        .body(Method::PUT, &path, "application/json", TEXT)
        .await;
    assert_eq!(made.status, 201);
    let key = node.key(Some("default"), Role::Reader).await;
    let list = node.call_as(&key, Method::GET, W).await.ok();
    assert_eq!(list["workflows"][0]["name"], "flow");
    let refused = node.call_as(&key, Method::GET, &path).await;
    assert_eq!(refused.problem(), (403, "forbidden"));
}

/// Deployable, and odd in two places.
const ODD: &str = r#"{"definition": {"triggers": {"m": {"type": "Request"}}, "output": {},
    "actions": {"A": {"type": "Compose", "inputs": 1, "inputs": 2}}}}"#;

#[tokio::test]
async fn what_may_surprise_an_author_comes_with_the_answer() {
    let node = Node::new().await;
    let path = format!("{W}/odd");
    let put = |body: &'static str| node.body(Method::PUT, &path, "application/json", body);
    let made = put(ODD).await;
    assert_eq!(made.status, 201);
    let twice = "The property stands twice in its object; the later one counts.";
    let unknown = "Could not find member 'output' on object of type 'FlowTemplate'.";
    let warnings = json!([
        {"pointer": "/definition/output", "message": unknown, "hint": "Did you mean 'outputs'?"},
        {"pointer": "/definition/actions/A/inputs", "message": twice},
    ]);
    assert_eq!(made.body["warnings"], warnings);
    // Also where nothing changes.
    let again = put(ODD).await;
    assert_eq!(
        (again.status.as_u16(), &again.body["warnings"]),
        (200, &warnings)
    );
    assert_eq!(put(TEXT).await.ok()["warnings"], json!([]));

    let manifest = "name = \"other\"\n[workflows.odd]\npath = \"odd.json\"\n";
    let files = [("weft.toml", manifest), ("odd.json", ODD)];
    let (app, tar) = ("/admin/v1/apps/other", "application/x-tar");
    let made = node.body(Method::PUT, app, tar, bundle(&files)).await.ok();
    let pointers: Vec<_> = made["warnings"].as_array().unwrap().iter().collect();
    assert_eq!(pointers.len(), 2);
    assert_eq!(pointers[0]["pointer"], "/workflows/odd/definition/output");
    assert_eq!(pointers[0]["hint"], "Did you mean 'outputs'?");
    let path = format!("{app}/revisions/1/activate");
    let activated = node.call(Method::POST, &path).await.ok();
    assert_eq!(activated["warnings"], made["warnings"]);
}

fn bundle(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        archive
            .append_data(&mut header, path, text.as_bytes())
            .unwrap();
    }
    archive.into_inner().unwrap()
}

#[tokio::test]
async fn a_bundle_brings_its_workflows_along_or_none_of_it() {
    let node = Node::new().await;
    let manifest = "name = \"shop\"\n[workflows.one]\npath = \"flows/One\"\n\
        [workflows.two]\npath = \"two.json\"\n";
    let mut files = vec![
        ("weft.toml", manifest),
        ("flows/One/workflow.json", TEXT),
        ("flows/connections.json", r#"{"managedApiConnections": {}}"#),
        ("two.json", r#"{"triggers": {}, "actions": [}"#),
    ];
    let tar = "application/x-tar";
    let app = "/admin/v1/apps/shop";
    let refused = node.body(Method::PUT, app, tar, bundle(&files)).await;
    assert_eq!(refused.problem(), (400, "invalid-workflow"));
    assert_eq!(refused.body["errors"][0]["pointer"], "/workflows/two");
    assert_eq!(node.get(app).await.status, 404);
    files[3].1 = r#"{"triggers": {}, "actions": {}}"#;
    let made = node.body(Method::PUT, app, tar, bundle(&files)).await.ok();
    assert_eq!(made["workflows"][0]["name"], "one");
    assert_eq!(made["workflows"][1]["name"], "two");
    let one = text(&node, &format!("{W}/one")).await;
    assert!(one.contains("managedApiConnections"), "{one}");
    assert!(one.contains("\"inputs\":1.50"), "{one}");
}
