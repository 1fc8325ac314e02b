//! Every definition of `data/definitions` is loaded, validated, and accepted.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use weft_workflow::definition::{Fault, Options, load_text};

/// Fixtures of a designer that never ran: what is wrong with them, of which each error is one.
const BROKEN: [(&str, &[&str]); 5] = [
    (
        "logicappsux/mocks___workflows_MultipleRunAftersBig.json",
        &["must be initialized before", "'name' is missing"],
    ),
    (
        "logicappsux/mocks___workflows_RunAfter.json",
        &[
            "'inputs' is missing",
            "initialised more than once",
            "are not defined in the template",
            "cannot reference action",
        ],
    ),
    (
        "logicappsux/mocks___workflows_StressTest300.json",
        &["must be initialized before", "'name' is missing"],
    ),
    (
        "logicappsux-history/libs_designer_src_lib_docs_storybookWorkflows_runAfterWorkflow.json",
        &["are not defined in the template"],
    ),
    (
        "logicappsux-history/mocks___workflows_LoopTest.json",
        &["run after each other"],
    ),
];

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "json" => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

fn shown(faults: &[Fault]) -> String {
    let mut text = String::new();
    for fault in faults {
        let _ = writeln!(text, "  {:?} {}: {fault}", fault.severity, fault.pointer);
    }
    text
}

#[test]
fn every_definition_is_accepted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/definitions");
    let files = files(&folder);
    let (mut loaded, mut accepted, mut warned, mut wrong) = (0, 0, 0, String::new());
    for path in &files {
        let name = path.strip_prefix(&folder).unwrap().display().to_string();
        let text = std::fs::read_to_string(path).unwrap();
        let document = match load_text(&text, &Options::default()) {
            Ok(document) => document,
            Err(faults) => {
                let _ = writeln!(wrong, "{name}\n{}", shown(&faults));
                continue;
            }
        };
        loaded += 1;
        let faults = document.single().unwrap().validate();
        let (errors, warnings): (Vec<_>, Vec<_>) = faults.into_iter().partition(Fault::is_error);
        warned += usize::from(!warnings.is_empty());
        let broken = BROKEN.iter().find(|(broken, _)| *broken == name);
        match (errors.as_slice(), broken) {
            ([], None) => accepted += 1,
            (errors, Some((_, messages)))
                if !errors.is_empty()
                    && errors.iter().all(|error| {
                        messages
                            .iter()
                            .any(|message| error.message.contains(message))
                    }) => {}
            (errors, _) => {
                let _ = writeln!(wrong, "{name}\n{}", shown(errors));
            }
        }
    }
    println!(
        "figure: {} definitions: {loaded} are loaded, {accepted} pass validation, {warned} with warnings",
        files.len()
    );
    assert!(wrong.is_empty(), "{wrong}");
    assert_eq!(accepted + BROKEN.len(), files.len());
}
