//! Orchestrations whose code is in a worker, started without its SDK.

use std::time::Instant;

use reqwest::Method;
use serde_json::json;
use weft_e2e::{DEADLINE, Session};
use weft_testkit::guests::guest;
use weft_testkit::node::Node;

use crate::durable_worker::Worker;

#[tokio::test]
async fn what_a_connected_worker_takes_is_started_over_rest_and_http() {
    let session = Session::new(Node::in_memory());
    let order = json!({"orchestrator": "steps", "input": 2});
    let instances = "/apps/default/instances";
    let started = session.admin(Method::POST, instances).json(&order);
    // Nobody has ever served the app.
    let refused = session.send(started).await;
    refused.expect_problem(404, "not-found");

    let mut worker = Worker::connect(&session.node).await;
    let started = session.admin(Method::POST, instances).json(&order);
    let started = session.send(started).await.expect(201).json();
    let state = worker.finish(started["id"].as_str().unwrap()).await;
    assert_eq!(state.output.as_deref(), Some("2"), "{state:?}");

    let path = "/@default/default/runtime/webhooks/durabletask/orchestrators";
    let started = session.data(Method::POST, &format!("{path}/steps"));
    let started = started.bearer_auth(session.key()).json(&1);
    let started = session.send(started).await.expect(202).json();
    let state = worker.finish(started["id"].as_str().unwrap()).await;
    assert_eq!(state.output.as_deref(), Some("1"), "{state:?}");

    // With the worker goes what it takes, and the app stays.
    drop(worker);
    let deadline = Instant::now() + DEADLINE;
    loop {
        let order = json!({"orchestrator": "steps", "input": 0, "id": "late", "reuse": ["Pending", "Running"]});
        let started = session.admin(Method::POST, instances).json(&order);
        let answer = session.send(started).await;
        if answer.status == 404 {
            break;
        }
        assert!(Instant::now() < deadline, "{answer:?}");
    }
}

#[tokio::test]
async fn functions_start_what_is_in_a_worker_and_workflows() {
    let session = Session::new(Node::in_memory());
    session
        .upload("default", "start", guest("guest_activity"))
        .await;
    // It answers with the id that it got, or why it got none.
    let started = async || {
        let answer = session.invoke("default", "start", &json!(1)).await;
        answer.expect(200).text().to_owned()
    };
    let refused = started().await;
    assert!(refused.contains("no orchestrator child"), "{refused}");

    let mut worker = Worker::connect(&session.node).await;
    let state = worker.finish(&started().await).await;
    assert_eq!(state.output.as_deref(), Some("1"), "{state:?}");
    drop(worker);

    let compose = json!({"type": "Compose", "inputs": "made", "runAfter": {}});
    let definition = json!({"triggers": {}, "actions": {"Make": compose}, "outputs": {}});
    let path = "/apps/default/workflows/child";
    let deployed = session.admin(Method::PUT, path);
    let deployed = deployed.json(&json!({"definition": definition}));
    assert!(session.send(deployed).await.status.is_success());
    session
        .until_status("default", &started().await, "Completed")
        .await;
}

#[tokio::test]
async fn what_manages_instances_over_grpc_is_written_down() {
    let session = Session::new(Node::in_memory());
    let mut worker = Worker::connect(&session.node).await;
    let instance = crate::durable_worker::start(&mut worker.client, "steps", "3").await;
    let terminate = weft_durabletask::proto::TerminateRequest {
        instance_id: instance,
        ..Default::default()
    };
    worker.client.terminate_instance(terminate).await.unwrap();
    let audit = session.send(session.admin(Method::GET, "/audit")).await;
    let audit = audit.expect(200).json();
    let entry = &audit["entries"][0];
    let shown = (&entry["action"], &entry["target"], &entry["status"]);
    let expected = (
        json!("terminate instance"),
        json!("apps/default/instances"),
        json!(200),
    );
    assert_eq!(shown, (&expected.0, &expected.1, &expected.2), "{audit}");
    assert_eq!(audit["entries"].as_array().unwrap().len(), 1, "{audit}");
}
