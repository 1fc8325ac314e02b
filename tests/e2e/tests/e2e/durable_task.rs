//! The Durable Task SDK for Python against the real node: as a client, and as a worker whose code runs
//! in a process of its own.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use weft_e2e::{Session, in_repository};
use weft_testkit::guests::component;
use weft_testkit::node::{Node, weft_binary};

use crate::durable_clients::{node_folder, python, python_with};

fn script(mode: &str, node: &Node, arguments: &[&str]) -> Command {
    let mut command = Command::new(python());
    let grpc = node.ready()["grpc"].as_str().unwrap();
    command
        .arg(in_repository("tests/e2e/clients/durable_task.py"))
        .args([mode, grpc, &node.key()])
        .args(arguments);
    command
}

fn run(mode: &str, node: &Node, arguments: &[&str]) {
    succeeds(script(mode, node, arguments));
}

fn succeeds(mut command: Command) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

fn show(node: &Node, id: &str) -> serde_json::Value {
    let output = Command::new(weft_binary())
        .args(["instances", "show", id, "--json", "--app", "default"])
        .env("WEFT_ADMIN", node.admin())
        .env("WEFT_KEY", node.key())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A worker in a process, which ends with this value.
struct Served(Child);

impl Served {
    fn start(node: &Node) -> Self {
        let mut command = script("serve", node, &[]);
        let child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A node on disk whose service keeps its port over restarts.
fn node() -> Node {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    Node::start(&["--grpc", &address])
}

/// A file of scenarios against a node, by a Python with the SDK.
fn scenarios(python: PathBuf, file: &str, node: &Node, address: &str) {
    let mut command = Command::new(python);
    // A node in memory tells its key, and asks for none.
    let key = match node.ready()["key"].is_string() {
        true => String::new(),
        false => node.key(),
    };
    command
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(in_repository("tests/e2e/clients").join(file))
        .args([address, &key]);
    succeeds(command);
}

fn grpc(node: &Node) -> &str {
    node.ready()["grpc"].as_str().unwrap()
}

#[test]
fn every_feature_of_the_python_sdk_works() {
    run("features", &node(), &[]);
}

#[test]
fn orchestrations_are_managed_as_clients_expect() {
    let node = node();
    scenarios(python(), "durable_task_manage.py", &node, grpc(&node));
}

#[test]
fn workers_serve_what_they_take() {
    let node = node();
    scenarios(python(), "durable_task_workers.py", &node, grpc(&node));
}

#[test]
fn schedules_and_exports_of_the_python_sdk_work() {
    let node = node();
    scenarios(python(), "durable_task_jobs.py", &node, grpc(&node));
}

#[test]
fn the_example_of_the_documentation_runs() {
    let node = node();
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".weft")).unwrap();
    std::fs::write(folder.path().join(".weft/operator.key"), node.key()).unwrap();
    let text = std::fs::read_to_string(in_repository("docs/durable-task.md")).unwrap();
    let (_, example) = text.split_once("```python\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let grpc = node.ready()["grpc"].as_str().unwrap();
    assert!(example.contains("127.0.0.1:4001"));
    let output = Command::new(python())
        .args(["-c", &example.replace("127.0.0.1:4001", grpc)])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed.trim(), r#"["Hello, Ada!", "Hello, Alan!"]"#);
}

#[test]
fn an_earlier_python_sdk_works() {
    let node = node();
    let mut command = Command::new(python_with("requirements-1.9.txt"));
    let address = grpc(&node);
    command
        .arg(in_repository("tests/e2e/clients/durable_task.py"))
        .args(["features", address, &node.key()]);
    succeeds(command);
    for file in ["durable_task_manage.py", "durable_task_workers.py"] {
        let node = Node::in_memory();
        let python = python_with("requirements-1.9.txt");
        scenarios(python, file, &node, grpc(&node));
    }
}

#[test]
fn the_managed_flavour_of_the_python_sdk_works() {
    let node = Node::in_memory();
    let mut command = Command::new(python());
    let address = grpc(&node);
    command
        .arg(in_repository("tests/e2e/clients/durable_task_managed.py"))
        .arg(format!("http://{address}"));
    succeeds(command);
    for file in [
        "durable_task_manage.py",
        "durable_task_workers.py",
        "durable_task_jobs.py",
    ] {
        let node = Node::in_memory();
        let address = format!("http://{}", grpc(&node));
        scenarios(python(), file, &node, &address);
    }
}

#[test]
fn the_javascript_sdk_works() {
    for file in ["durable_task.js", "durable_task_more.js"] {
        let node = node();
        let mut command = Command::new("node");
        command
            .arg(node_folder().join(file))
            .args([grpc(&node), &node.key()]);
        succeeds(command);
    }
}

#[test]
fn a_node_in_memory_asks_for_no_key() {
    let node = Node::in_memory();
    let mut command = Command::new(python());
    let output = command
        .arg(in_repository("tests/e2e/clients/durable_task.py"))
        .args(["features", node.ready()["grpc"].as_str().unwrap(), ""])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn a_key_is_asked_for_where_data_is_kept() {
    let node = node();
    let mut command = Command::new(python());
    let output = command
        .arg(in_repository("tests/e2e/clients/durable_task.py"))
        .args(["start", node.ready()["grpc"].as_str().unwrap(), "", "a"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        !output.status.success() && said.contains("UNAUTHENTICATED"),
        "{said}"
    );
}

#[test]
fn nothing_is_lost_when_workers_and_the_node_are_killed() {
    let mut node = node();
    let ids = ["a", "b", "c", "d"];
    // Nobody serves them yet.
    run("start", &node, &ids);
    let shown = show(&node, "a");
    assert_eq!(shown["waiting_for"][0], "orchestrator long", "{shown}");
    let served = Served::start(&node);
    std::thread::sleep(Duration::from_millis(1500));
    drop(served);
    let _served = [Served::start(&node), Served::start(&node)];
    std::thread::sleep(Duration::from_millis(1200));
    node.kill();
    node.restart();
    run("wait", &node, &ids);
    assert!(show(&node, "a").get("waiting_for").is_none());
}

#[test]
fn a_node_with_connected_workers_and_waiting_clients_ends() {
    let mut node = node();
    run("start", &node, &["a"]);
    let _served = Served::start(&node);
    let mut waiting = script("wait", &node, &["a"]);
    let mut waiting = waiting.stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(700));
    node.signal_to_end();
    let ended = node.ended_within(Duration::from_secs(10));
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}");
    let _ = waiting.kill();
    let _ = waiting.wait();
}

#[tokio::test]
async fn components_and_workers_call_each_other() {
    let session = Session::new(Node::in_memory());
    let wasm = component("samples/rust/patterns", "patterns");
    session.upload("patterns", "patterns", wasm).await;
    let ran = tokio::task::spawn_blocking(move || {
        run("worlds", &session.node, &["patterns"]);
    });
    ran.await.unwrap();
}
