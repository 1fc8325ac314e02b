//! Backups: taken beside a node that works, and brought to life elsewhere.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use weft_e2e::{Session, in_repository};
use weft_testkit::guests::component;
use weft_testkit::node::{Node, weft_binary};

fn weft(args: &[&str], data: &Path) -> Output {
    let mut weft = Command::new(weft_binary());
    weft.args(args).arg("--data").arg(data).arg("--json");
    weft.output().unwrap()
}

fn done(args: &[&str], data: &Path) -> Value {
    let output = weft(args, data);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn refused(args: &[&str], data: &Path) -> String {
    let output = weft(args, data);
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn an_order_goes_on_where_its_backup_is_restored() {
    let session = Session::new(Node::start(&[]));
    let wasm = component("samples/rust/order-fulfilment", "order_fulfilment");
    session.upload("orders", "fulfilment", wasm).await;
    let order = in_repository("samples/rust/order-fulfilment/orders/large.json");
    let order: Value = serde_json::from_slice(&std::fs::read(order).unwrap()).unwrap();
    session.start("orders", "fulfil", "large", &order).await;
    let waiting = |instance: &Value| instance["custom_status"]["stage"] == "awaiting-approval";
    session.until("orders", "large", waiting).await;
    // Objects of another app come along.
    let wasm = component("samples/rust/patterns", "patterns");
    session.upload("patterns", "patterns", wasm).await;
    let archive = async |session: &Session| {
        let text = json!("weft");
        let answer = session.invoke("patterns", "archive", &text).await;
        answer.expect(200).json()
    };
    assert_eq!(archive(&session).await["before"], json!(null));

    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy");
    let copy_path = copy.to_str().unwrap();
    let data = session.node.data();
    let copied = done(&["backup", copy_path], &data);
    assert_eq!(
        (&copied["instances"], &copied["components"]),
        (&json!(1), &json!(2))
    );
    assert!(refused(&["backup", copy_path], &data).contains("not empty"));
    assert!(refused(&["restore", copy_path], &data).contains("not empty"));
    drop(session);

    let elsewhere = dir.path().join("elsewhere");
    assert_eq!(done(&["restore", copy_path], &elsewhere), copied);
    let session = Session::new(Node::over(&elsewhere, &[]));
    let approval = json!({"approved": true, "by": "Ann"});
    let told = session.tell("orders", "large", "raise-event/approval", &approval);
    told.await.expect(202);
    let ended = session.until_status("orders", "large", "Completed").await;
    assert_eq!(ended["output"]["status"], "fulfilled", "{ended}");
    assert_eq!(archive(&session).await["before"], "weft");
}

#[test]
fn what_is_no_backup_is_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let (empty, target) = (dir.path().join("empty"), dir.path().join("target"));
    std::fs::create_dir(&empty).unwrap();
    let path = empty.to_str().unwrap();
    assert!(refused(&["restore", path], &target).contains("weft.db is not there"));
    std::fs::write(empty.join("weft.db"), vec![b'x'; 8192]).unwrap();
    let said = refused(&["restore", path], &target);
    assert!(said.contains("not a database"), "{said}");
    assert!(!target.exists());
}
