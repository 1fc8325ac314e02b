//! Components, apps, bundles, revisions.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use http::Method;
use serde_json::{Value, json};
use weft_api::Config;

use crate::harness::Node;

const C: &str = "/admin/v1/apps/shop/components";

#[tokio::test]
async fn an_upload_makes_the_app_and_says_what_was_found() {
    let node = Node::new().await;
    let answer = node.upload(&format!("{C}/hello"), "one").await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.body["revision"], 1);
    assert_eq!(answer.body["size"], 3);
    assert_eq!(answer.body["compile_ms"], 7);
    assert_eq!(answer.body["digest"].as_str().unwrap().len(), 64);
    let found = &answer.body["functions"][0];
    assert_eq!(found["name"], "hello");
    assert_eq!(found["kind"], "http");
    assert_eq!(
        found["trigger"],
        json!({"type": "http", "route": "hello", "methods": []})
    );
    assert_eq!(found["input_schema"], json!({"type": "string"}));
    assert_eq!(node.host.deployed.load(Ordering::Relaxed), 1);

    let apps = node.get("/admin/v1/apps").await.ok();
    assert_eq!(apps["apps"][0]["name"], "shop");
    let app = node.get("/admin/v1/apps/shop").await.ok();
    assert_eq!(app["functions"][0]["auth"], "function");
    let list = node.get(C).await.ok();
    assert_eq!(list["components"][0]["name"], "hello");
    let one = node.get(&format!("{C}/hello")).await.ok();
    assert_eq!(one["digest"], answer.body["digest"]);
}

#[tokio::test]
async fn the_same_upload_twice_makes_one_revision() {
    let node = Node::new().await;
    node.upload(&format!("{C}/hello"), "one").await.ok();
    let again = node.upload(&format!("{C}/hello"), "one").await.ok();
    assert_eq!(again["revision"], 1);
}

/// On several threads: on one, each upload would run to its end before the next begins.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn uploads_at_the_same_time_all_arrive() {
    const UPLOADS: usize = 64;
    let config = Config {
        uploads_max: UPLOADS,
        ..Config::default()
    };
    let node = Arc::new(Node::with(config).await);
    let uploads = (0..UPLOADS).map(|n| {
        let node = Arc::clone(&node);
        tokio::spawn(async move { node.upload(&format!("{C}/c{n}"), "one").await.status })
    });
    for status in futures::future::join_all(uploads).await {
        assert_eq!(status.unwrap(), 201);
    }
    let app = node.get("/admin/v1/apps/shop").await.ok();
    assert_eq!(app["components"].as_array().unwrap().len(), UPLOADS);
    assert_eq!(app["revision"], UPLOADS);
}

#[tokio::test]
async fn each_refused_upload_has_its_problem_and_deploys_nothing() {
    let node = Node::new().await;
    for (wasm, problem) in [
        ("truncated", (422, "not-a-component")),
        ("strange", (422, "wrong-world")),
        ("bomb", (422, "component-limit")),
        ("busy", (429, "busy")),
        ("broken", (500, "internal")),
        ("panic", (500, "internal")),
    ] {
        let answer = node.upload(&format!("{C}/x"), wasm).await;
        assert_eq!(answer.problem(), problem);
        assert!(!answer.body.to_string().contains("secret"), "{answer:?}");
    }
    assert_eq!(node.get("/admin/v1/apps/shop").await.problem().0, 404);
    let text = node
        .body(Method::PUT, &format!("{C}/x"), "text/plain", "one")
        .await;
    assert_eq!(text.problem(), (415, "unsupported-media-type"));
    let bad_name = node.upload(&format!("{C}/No_Name"), "one").await;
    assert_eq!(bad_name.problem(), (400, "invalid-request"));
    let bad_app = node.upload("/admin/v1/apps/A/components/x", "one").await;
    assert_eq!(bad_app.problem(), (400, "invalid-request"));
}

#[tokio::test]
async fn an_upload_over_the_limit_is_refused_announced_or_not() {
    let config = Config {
        component_bytes_max: 10,
        ..Config::default()
    };
    let node = Node::with(config).await;
    let path = format!("{C}/x");
    let answer = node.upload(&path, "0123456789a").await;
    assert_eq!(answer.problem(), (413, "too-large"));
    assert_eq!(answer.body["limit_bytes"], 10);
    let chunks = ["01234", "56789", "a"].map(Ok::<_, std::io::Error>);
    let streamed = axum::body::Body::from_stream(futures::stream::iter(chunks));
    let answer = node.upload(&path, streamed).await;
    assert_eq!(answer.problem(), (413, "too-large"));
}

#[tokio::test]
async fn a_function_name_belongs_to_one_component() {
    let node = Node::new().await;
    let functions = json!([{"name": "f", "kind": "activity"}]).to_string();
    node.upload(&format!("{C}/a"), functions.clone()).await.ok();
    let answer = node.upload(&format!("{C}/b"), functions).await;
    assert_eq!(answer.problem(), (422, "name-conflict"));
    assert_eq!(answer.body["errors"][0]["pointer"], "/components/b");
}

#[tokio::test]
async fn components_and_apps_can_be_removed() {
    let node = Node::new().await;
    node.upload(&format!("{C}/a"), "one").await.ok();
    let path = format!("{C}/a");
    assert_eq!(node.call(Method::DELETE, &path).await.status, 204);
    assert_eq!(node.call(Method::DELETE, &path).await.problem().0, 404);
    assert_eq!(node.get(&path).await.problem().0, 404);
    let app = "/admin/v1/apps/shop";
    assert_eq!(node.call(Method::DELETE, app).await.status, 204);
    assert_eq!(node.call(Method::DELETE, app).await.problem().0, 404);
    let gone = format!("{C}/none");
    assert_eq!(node.call(Method::DELETE, &gone).await.problem().0, 404);
}

#[tokio::test]
async fn revisions_go_back_and_forward() {
    let node = Node::new().await;
    node.upload(&format!("{C}/a"), "one").await.ok();
    node.upload(&format!("{C}/b"), "one").await.ok();
    let revisions = "/admin/v1/apps/shop/revisions";
    let list = node.get(revisions).await.ok();
    assert_eq!(list["revisions"][0]["revision"], 2);
    assert_eq!(list["revisions"][0]["active"], true);
    assert_eq!(list["revisions"][1]["functions"], json!(["a"]));
    let path = format!("{revisions}/1/activate");
    let back = node.call(Method::POST, &path).await.ok();
    assert_eq!(back["revision"], 1);
    let app = node.get("/admin/v1/apps/shop").await.ok();
    assert_eq!(app["functions"].as_array().unwrap().len(), 1);
    for (revision, status) in [("9", 404), ("x", 400)] {
        let path = format!("{revisions}/{revision}/activate");
        let answer = node.call(Method::POST, &path).await;
        assert_eq!(answer.problem().0, status);
    }
    let absent = node.get("/admin/v1/apps/none/revisions").await;
    assert_eq!(absent.problem().0, 404);
}

fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        // Written by hand, since the library refuses paths that leave the archive.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_cksum();
        tar.append(&header, content.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap()
}

async fn deploy(node: &Node, files: &[(&str, &str)]) -> crate::harness::Answer {
    let path = "/admin/v1/apps/shop";
    node.body(Method::PUT, path, "application/x-tar", archive(files))
        .await
}

const MANIFEST: &str = r#"
    name = "shop"
    [components.hello]
    path = "../target/hello.wasm"
    [functions.hello]
    component = "hello"
    auth = "anonymous"
    route = "greet/{name}"
"#;

#[tokio::test]
async fn a_bundle_replaces_the_whole_app() {
    let node = Node::new().await;
    node.upload(&format!("{C}/old"), "one").await.ok();
    let answer = deploy(
        &node,
        &[("./weft.toml", MANIFEST), ("components/hello.wasm", "one")],
    )
    .await;
    assert_eq!(answer.status, 201);
    assert_eq!(answer.body["revision"], 2);
    let names: Vec<&Value> = answer.body["functions"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    assert_eq!(names.len(), 1);
    assert_eq!(names[0]["trigger"]["route"], "greet/{name}");
    assert_eq!(names[0]["auth"], "anonymous");
}

#[tokio::test]
async fn a_faulty_bundle_changes_nothing_and_lists_its_faults() {
    let node = Node::new().await;
    for (files, problem, detail) in [
        (&[][..], (422, "invalid-document"), "no weft.toml"),
        (
            &[("weft.toml", "nmae = 1")],
            (422, "invalid-document"),
            "nmae",
        ),
        (
            &[("weft.toml", MANIFEST)],
            (422, "invalid-document"),
            "components/hello.wasm",
        ),
        (
            &[
                ("weft.toml", MANIFEST),
                ("components/hello.wasm", "truncated"),
            ],
            (422, "not-a-component"),
            "unexpected end",
        ),
        (
            &[("weft.toml", MANIFEST), ("components/hello.wasm", "[]")],
            (422, "invalid-document"),
            "no component holds this function",
        ),
        (
            &[("../weft.toml", MANIFEST)],
            (400, "invalid-request"),
            "outside",
        ),
    ] {
        let answer = deploy(&node, files).await;
        assert_eq!(answer.problem(), problem);
        let text = answer.body.to_string();
        assert!(text.contains(detail), "{text}");
    }
    let path = "/admin/v1/apps/shop";
    let garbage = node
        .body(Method::PUT, path, "application/x-tar", vec![7; 2000])
        .await;
    assert_eq!(garbage.problem(), (400, "invalid-request"));
    let json = node.json(Method::PUT, path, json!({})).await;
    assert_eq!(json.problem(), (415, "unsupported-media-type"));
    assert_eq!(node.get(path).await.problem().0, 404);
}

fn never() -> axum::body::Body {
    axum::body::Body::from_stream(futures::stream::pending::<Result<&str, std::io::Error>>())
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up() {
    let node = Node::new().await;
    let answer = node.upload(&format!("{C}/x"), never()).await;
    assert_eq!(answer.problem(), (400, "invalid-request"));
}

#[tokio::test(start_paused = true)]
async fn only_so_many_uploads_are_held_at_one_time() {
    let config = Config {
        uploads_max: 1,
        ..Config::default()
    };
    let node = Node::with(config).await;
    let (x, y) = (format!("{C}/x"), format!("{C}/y"));
    let (stuck, second) = tokio::join!(node.upload(&x, never()), node.upload(&y, "one"));
    assert_eq!(stuck.problem().0, 400);
    assert_eq!(second.problem(), (429, "busy"));
    assert_eq!(node.upload(&y, "one").await.status, 201);
}
