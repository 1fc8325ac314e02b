//! One app in five languages, over a kill.

use std::process::Command;

use serde_json::json;
use weft_e2e::{Session, in_repository};
use weft_testkit::node::{Node, weft_binary};

const APP: &str = "polyglot";

#[tokio::test]
async fn orchestrators_and_activities_of_five_languages_work_together() {
    let mut session = Session::new(Node::start(&[]));
    let folder = in_repository("samples/polyglot");
    for verb in ["build", "deploy"] {
        let mut weft = Command::new(weft_binary());
        weft.arg(verb).current_dir(&folder);
        weft.env("WEFT_ADMIN", session.node.admin());
        let done = weft.env("WEFT_KEY", session.key()).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{said}");
    }
    session.start(APP, "tours", "all", &json!(4)).await;
    let begun = |instance: &serde_json::Value| instance["turns"] != 0;
    session.until(APP, "all", begun).await;
    session.node.kill();
    session.node.restart();
    let ended = session.until_status(APP, "all", "Completed").await;
    let stamps = ["sent", "python", "typescript", "go", "c", "rust"];
    for (id, parcel) in ended["output"].as_array().unwrap().iter().enumerate() {
        assert_eq!(*parcel, json!({"id": id, "stamps": stamps}));
    }
    session.replays_alike(APP).await;
}
