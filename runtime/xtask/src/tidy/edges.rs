//! Which crate may depend on which.

use std::collections::BTreeMap;

use anyhow::Context;
use serde_json::Value;

/// Which crates of ours a crate may depend on. Development tools may use anything.
const EDGES: [(&str, &[&str]); 16] = [
    ("weft-id", &[]),
    ("weft-orchestration", &["id"]),
    ("weft-workflow", &["orchestration", "id"]),
    ("weft-scenario", &["workflow", "orchestration", "id"]),
    ("weft-app", &["orchestration", "workflow", "id"]),
    ("weft-store", &["app", "orchestration", "id"]),
    (
        "weft-store-sqlite",
        &["store", "app", "orchestration", "id"],
    ),
    ("weft-sandbox", &["store", "app", "orchestration", "id"]),
    ("weft-worker", &["store", "app", "orchestration", "id"]),
    ("weft-connector", &["sandbox", "workflow", "app", "id"]),
    ("weft-trigger", &["sandbox", "store", "app", "id"]),
    (
        "weft-api",
        &["store", "workflow", "app", "orchestration", "id"],
    ),
    ("weft-durabletask", &["store", "app", "orchestration", "id"]),
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
            "workflow",
            "connector",
            "trigger",
            "api",
            "durabletask",
            "telemetry",
        ],
    ),
    (
        "weft-cli",
        &["server", "api", "scenario", "app", "id", "telemetry"],
    ),
];

/// Only tests and tools: these may depend on any crate, and only they may depend on them.
const TOOLS: [&str; 7] = [
    "weft-testkit",
    "weft-e2e",
    "weft-sim",
    "weft-load",
    "weft-crash",
    "weft-hostile",
    "xtask",
];

/// What `cargo metadata` shows that the table does not allow.
pub(super) fn forbidden(metadata: &Value) -> anyhow::Result<Vec<String>> {
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
            forbidden(&metadata).unwrap(),
            [
                "weft-api may not depend on weft-sandbox",
                "weft-common has no row in the table of allowed edges",
            ]
        );
    }
}
