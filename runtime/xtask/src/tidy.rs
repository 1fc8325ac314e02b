//! The house rules that no other tool checks.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, bail};
use serde_json::Value;

use crate::process;

/// Which crates of ours a crate may depend on. Development tools may use anything.
const EDGES: [(&str, &[&str]); 12] = [
    ("weft-id", &[]),
    ("weft-orchestration", &["id"]),
    ("weft-app", &["orchestration", "id"]),
    ("weft-store", &["app", "orchestration", "id"]),
    (
        "weft-store-sqlite",
        &["store", "app", "orchestration", "id"],
    ),
    ("weft-sandbox", &["store", "app", "orchestration", "id"]),
    ("weft-worker", &["store", "app", "orchestration", "id"]),
    ("weft-trigger", &["sandbox", "store", "app", "id"]),
    ("weft-api", &["store", "app", "orchestration", "id"]),
    ("weft-telemetry", &[]),
    (
        "weft-server",
        &[
            "id",
            "orchestration",
            "app",
            "store",
            "store-sqlite",
            "sandbox",
            "worker",
            "trigger",
            "api",
            "telemetry",
        ],
    ),
    ("weft-cli", &["server", "api", "app", "id", "telemetry"]),
];

/// Only tests and tools: these may depend on any crate, and only they may depend on them.
const TOOLS: [&str; 6] = [
    "weft-testkit",
    "weft-e2e",
    "weft-sim",
    "weft-load",
    "weft-crash",
    "xtask",
];

const FILE_LINES_MAX: usize = 700;

pub(crate) fn run() -> anyhow::Result<()> {
    let metadata =
        process::output(process::cargo("").args(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let mut faults = forbidden_edges(&metadata)?;
    let root = process::root();
    for folder in ["runtime", "guest-sdk", "samples", "tests"] {
        check_folder(&root, &root.join(folder), &mut faults)?;
    }
    for fault in &faults {
        eprintln!("tidy: {fault}");
    }
    if !faults.is_empty() {
        bail!("{} house rules are broken", faults.len());
    }
    eprintln!("tidy: nothing to mend");
    Ok(())
}

fn forbidden_edges(metadata: &Value) -> anyhow::Result<Vec<String>> {
    let allowed: BTreeMap<&str, &[&str]> = EDGES.into_iter().collect();
    let mut faults = Vec::new();
    let packages = metadata["packages"].as_array().context("no packages")?;
    for package in packages {
        let name = package["name"].as_str().context("a package has no name")?;
        if TOOLS.contains(&name) {
            continue;
        }
        let Some(allowed) = allowed.get(name) else {
            faults.push(format!("{name} has no row in the table of allowed edges"));
            continue;
        };
        let dependencies = package["dependencies"].as_array().into_iter().flatten();
        for dependency in dependencies.filter(|d| d["kind"] != "dev") {
            let to = dependency["name"].as_str().unwrap_or_default();
            let ours = to.strip_prefix("weft-");
            if ours.is_some_and(|short| !allowed.contains(&short)) {
                faults.push(format!("{name} may not depend on {to}"));
            }
        }
    }
    Ok(faults)
}

fn check_folder(root: &Path, folder: &Path, faults: &mut Vec<String>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if path.is_symlink() || name == "target" {
            continue;
        }
        if path.is_dir() {
            check_folder(root, &path, faults)?;
        } else if name.ends_with(".rs") {
            let text = std::fs::read_to_string(&path)?;
            let shown = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .display()
                .to_string();
            faults.extend(
                faults_of(&text)
                    .into_iter()
                    .map(|fault| format!("{shown}: {fault}")),
            );
        }
    }
    Ok(())
}

/// What is wrong with one source file.
fn faults_of(text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX {
        faults.push(format!(
            "{lines} lines, at most {FILE_LINES_MAX} are allowed"
        ));
    }
    if !text.starts_with("//!") && !text.starts_with("#![doc = include_str!") {
        faults.push("does not open with `//!`: what it owns and what it refuses".to_owned());
    }
    for (number, line) in text.lines().enumerate() {
        let comment = line.split_once("//").map_or("", |(_, comment)| comment);
        // Put together, so that this file passes its own check.
        for promise in [
            concat!("TO", "DO"),
            concat!("FIX", "ME"),
            concat!("XX", "X "),
        ] {
            if comment.contains(promise) {
                faults.push(format!("line {}: a promise in a comment", number + 1));
            }
        }
        if line.trim() == concat!("#[ig", "nore]") {
            faults.push(format!(
                "line {}: a test that is ignored without a reason",
                number + 1
            ));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_forbidden_edge_is_found() {
        let package = |name: &str, to: &str, kind: Option<&str>| json!({ "name": name, "dependencies": [{ "name": to, "kind": kind }] });
        let metadata = json!({ "packages": [
            package("weft-api", "weft-sandbox", None),
            package("weft-api", "weft-store", None),
            package("weft-api", "weft-sandbox", Some("dev")),
            package("weft-common", "serde", None),
        ]});
        assert_eq!(
            forbidden_edges(&metadata).unwrap(),
            [
                "weft-api may not depend on weft-sandbox",
                "weft-common has no row in the table of allowed edges",
            ]
        );
    }

    #[test]
    fn files_without_a_header_too_long_or_with_promises_are_found() {
        assert!(faults_of("//! Fine.\nfn f() {}\n").is_empty());
        assert_eq!(faults_of("fn f() {}\n").len(), 1);
        let promise = concat!("//! Fine.\n// TO", "DO: later\n");
        assert_eq!(faults_of(promise).len(), 1);
        let long = format!("//! Fine.\n{}", "\n".repeat(FILE_LINES_MAX));
        assert_eq!(faults_of(&long).len(), 1);
    }
}
