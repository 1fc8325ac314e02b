//! Instances that go when their time has passed, and families that go together.

use std::time::Instant;

use reqwest::Method;
use serde_json::json;
use weft_e2e::{DEADLINE, Session};
use weft_testkit::guests::component;
use weft_testkit::node::Node;

const APP: &str = "patterns";

/// Deploys the sample as a bundle, with a manifest that ends so.
async fn deploy(session: &Session, manifest: &str) -> weft_e2e::Answer {
    let wasm = component("samples/rust/patterns", "patterns");
    let manifest =
        format!("name = \"{APP}\"\n[components.patterns]\npath = \"patterns.wasm\"\n{manifest}");
    let mut tar = tar::Builder::new(Vec::new());
    for (path, content) in [
        ("weft.toml", manifest.as_bytes()),
        ("components/patterns.wasm", &wasm),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, content).unwrap();
    }
    let request = session.admin(Method::PUT, &format!("/apps/{APP}"));
    let request = request.header("content-type", "application/x-tar");
    session.send(request.body(tar.into_inner().unwrap())).await
}

async fn is_there(session: &Session, id: &str) -> bool {
    let request = session.admin(Method::GET, &format!("/apps/{APP}/instances/{id}"));
    session.send(request).await.status == 200
}

#[tokio::test]
async fn ended_instances_go_when_their_time_has_passed() {
    let mut session = Session::new(Node::start(&[]));
    deploy(
        &session,
        "[retention]\ncompleted = \"1s\"\nfailed = \"30d\"",
    )
    .await
    .expect(201);
    session.start(APP, "chain", "done", &json!(1)).await;
    session.until_status(APP, "done", "Completed").await;
    session.start(APP, "approval", "open", &json!(60_000)).await;
    session
        .start(APP, "approval", "ended", &json!(60_000))
        .await;
    session
        .tell(APP, "ended", "terminate", &json!({}))
        .await
        .expect(202);
    session.until_status(APP, "ended", "Terminated").await;
    // The sweep that has nothing to do first looks again after a minute at most.
    session.node.kill();
    session.node.restart();
    let deadline = Instant::now() + DEADLINE;
    while is_there(&session, "done").await {
        assert!(Instant::now() < deadline, "it is still there");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(is_there(&session, "open").await && is_there(&session, "ended").await);

    let refused = deploy(
        &session,
        "[retention]\ncompleted = \"1 year\"\nsoon = \"1s\"",
    )
    .await;
    refused.expect_problem(422, "invalid-document");
    assert_eq!(refused.json()["errors"][0]["pointer"], "/retention/soon");
    assert_eq!(
        refused.json()["errors"][1]["pointer"],
        "/retention/completed"
    );
}

#[tokio::test]
async fn a_family_is_purged_with_its_head() {
    let session = Session::new(Node::in_memory());
    deploy(&session, "").await.expect(201);
    session.start(APP, "parent", "p", &json!("x")).await;
    session
        .until(APP, "p", |instance| {
            ["Completed", "Failed"].contains(&instance["runtime_status"].as_str().unwrap())
        })
        .await;
    session.start(APP, "chain", "other", &json!(1)).await;
    session.until_status(APP, "other", "Completed").await;
    let list = async || {
        let request = session.admin(Method::GET, &format!("/apps/{APP}/instances"));
        let listed = session.send(request).await.expect(200).json();
        listed["instances"].as_array().unwrap().len()
    };
    assert!(list().await > 3, "the children are listed");
    let deadline = Instant::now() + DEADLINE;
    while list().await > 1 {
        assert!(Instant::now() < deadline, "children are still there");
        let path = format!("/apps/{APP}/instances?id_prefix=p&recursive=true");
        let request = session.admin(Method::DELETE, &path);
        session.send(request).await.expect(200);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert!(is_there(&session, "other").await);
}
