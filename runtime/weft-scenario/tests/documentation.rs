//! The example of the documentation and the project of `weft new` pass.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use weft_scenario::{Bench, Case, find};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The code of a block that begins with "```json KIND".
fn block(text: &str, kind: &str) -> String {
    let start = format!("```json {kind}\n");
    let (_, rest) = text.split_once(&start).unwrap();
    rest.split_once("\n```").unwrap().0.to_owned()
}

#[test]
fn the_example_of_the_documentation() {
    let text = std::fs::read_to_string(root().join("docs/workflows-tests.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("price.json"), block(&text, "workflow")).unwrap();
    let scenario = folder.path().join("best-price.json");
    std::fs::write(&scenario, block(&text, "scenario")).unwrap();
    assert_eq!(find(folder.path()).unwrap().len(), 1);
    let outcome = Bench::default().run(&Case::load(&scenario).unwrap());
    assert_eq!(outcome.faults, Vec::<String>::new());
}

#[test]
fn the_project_of_the_template() {
    let project = root().join("runtime/weft-cli/templates/workflow");
    let scenarios = find(&project).unwrap();
    assert_eq!(scenarios.len(), 2);
    for path in scenarios {
        let outcome = Bench::default().run(&Case::load(&path).unwrap());
        assert_eq!(outcome.faults, Vec::<String>::new(), "{}", path.display());
    }
}

#[test]
fn a_scenario_that_does_not_hold_says_why() {
    let path = root().join("runtime/weft-cli/templates/workflow/tests/refused.json");
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("409", "200");
    let folder = tempfile::tempdir().unwrap();
    let project = root().join("runtime/weft-cli/templates/workflow/order");
    std::fs::create_dir(folder.path().join("order")).unwrap();
    let workflow = std::fs::read_to_string(project.join("workflow.json")).unwrap();
    std::fs::write(folder.path().join("order/workflow.json"), workflow).unwrap();
    let scenario = folder.path().join("wrong.json");
    std::fs::write(&scenario, text).unwrap();
    let outcome = Bench::default().run(&Case::load(&scenario).unwrap());
    assert_eq!(
        outcome.faults,
        ["response.status: 200 is expected and 409 is there"]
    );
}
