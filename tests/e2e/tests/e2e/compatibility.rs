//! Components that were built against earlier versions of the interfaces go on working.

use serde_json::json;
use weft_e2e::{Session, in_repository};
use weft_testkit::node::Node;

const APP: &str = "old";

#[tokio::test]
async fn a_component_of_every_version_runs() {
    let folder = in_repository("tests/e2e/fixtures");
    let mut versions = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|ending| ending != "wasm") {
            continue;
        }
        versions += 1;
        let session = Session::new(Node::in_memory());
        let wasm = std::fs::read(&path).unwrap();
        session.upload(APP, "patterns", wasm).await;
        for (id, orchestrator, input, expected) in [
            ("fan", "fan-out", 20, json!(380)),
            ("late", "approval", 1, json!("escalated")),
            ("count", "aggregate", 5, json!(5)),
            ("nested", "parent", 3, json!([0, 0, 2])),
            ("again", "eternal", 2, json!("done")),
        ] {
            session.start(APP, orchestrator, id, &json!(input)).await;
            let ended = session.until_status(APP, id, "Completed").await;
            assert_eq!(ended["output"], expected, "{id} of {}", path.display());
        }
        session.replays_alike(APP).await;
    }
    assert!(versions > 0);
}
