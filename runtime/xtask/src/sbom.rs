//! What the `weft` program is made of: a CycloneDX document from what cargo has resolved and locked.
//!
//! The same sources give the same document, byte for byte. Crates that only tests and tools need are
//! left out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Context;
use serde_json::{Value, json};

use crate::process;

/// The package whose program is described.
const PROGRAM: &str = "weft-cli";
const FILE: &str = "out/weft.cdx.json";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Where the document is written
    #[arg(long, value_name = "FILE", default_value = FILE)]
    output: PathBuf,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let metadata = process::cargo("")
        .args(["metadata", "--format-version=1", "--locked"])
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::inherit())
        .output()?;
    anyhow::ensure!(metadata.status.success(), "cargo metadata fails");
    let metadata: Value = serde_json::from_slice(&metadata.stdout)?;
    let lock = std::fs::read_to_string(process::root().join("Cargo.lock"))?;
    let document = document(&metadata, &checksums(&lock)?)?;
    let path = process::root().join(&args.output);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(&path, serde_json::to_string_pretty(&document)? + "\n")?;
    let count = document["components"].as_array().map_or(0, Vec::len);
    println!("{}: {count} components", args.output.display());
    Ok(())
}

/// SHA-256 of each package's archive, by name and version.
fn checksums(lock: &str) -> anyhow::Result<BTreeMap<(String, String), String>> {
    let lock: toml::Table = lock.parse()?;
    let packages = lock["package"].as_array().context("no packages")?;
    let text = |package: &toml::Value, key: &str| {
        let value = package.get(key).and_then(toml::Value::as_str);
        value.map(str::to_owned)
    };
    let known = packages.iter().filter_map(|package| {
        let name = (text(package, "name")?, text(package, "version")?);
        Some((name, text(package, "checksum")?))
    });
    Ok(known.collect())
}

fn document(
    metadata: &Value,
    checksums: &BTreeMap<(String, String), String>,
) -> anyhow::Result<Value> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let by_id = |list: Vec<Value>| -> BTreeMap<String, Value> {
        let named = list.into_iter().map(|item| {
            let id = item["id"].as_str().unwrap_or_default().to_owned();
            (id, item)
        });
        named.collect()
    };
    let packages = by_id(list(&metadata["packages"]));
    let nodes = by_id(list(&metadata["resolve"]["nodes"]));
    let root = packages.values().find(|package| package["name"] == PROGRAM);
    let root = root.context("the program's package is missing")?;
    let root_id = root["id"].as_str().context("a package has an id")?;
    let mut reached = BTreeSet::from([root_id.to_owned()]);
    let mut next = vec![root_id.to_owned()];
    let mut dependencies = Vec::new();
    while let Some(id) = next.pop() {
        let of: Vec<String> = nodes.get(&id).map(shipped).unwrap_or_default();
        for dependency in &of {
            if reached.insert(dependency.clone()) {
                next.push(dependency.clone());
            }
        }
        let on: BTreeSet<_> = of
            .iter()
            .filter_map(|id| Some(purl(packages.get(id)?)))
            .collect();
        dependencies.push(json!({"ref": purl(&packages[&id]), "dependsOn": on}));
    }
    dependencies.sort_by_key(|dependency| dependency["ref"].to_string());
    let others = reached.iter().filter(|id| *id != root_id);
    let mut components: Vec<_> = others
        .map(|id| component(&packages[id], checksums))
        .collect();
    components.sort_by_key(|component| component["purl"].to_string());
    let mut program = component(root, checksums);
    program["type"] = "application".into();
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": program},
        "components": components,
        "dependencies": dependencies,
    }))
}

/// The packages that one is built from and with; not those of its tests.
fn shipped(node: &Value) -> Vec<String> {
    let dependencies = node["deps"].as_array().into_iter().flatten();
    let of_program = dependencies.filter(|dependency| {
        let kinds = dependency["dep_kinds"].as_array();
        kinds.is_none_or(|kinds| kinds.iter().any(|kind| kind["kind"] != "dev"))
    });
    let ids = of_program.filter_map(|dependency| dependency["pkg"].as_str());
    ids.map(str::to_owned).collect()
}

fn purl(package: &Value) -> String {
    let text = |key: &str| package[key].as_str().unwrap_or_default();
    format!("pkg:cargo/{}@{}", text("name"), text("version"))
}

fn component(package: &Value, checksums: &BTreeMap<(String, String), String>) -> Value {
    let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(package),
        "name": text("name"),
        "version": text("version"),
        "purl": purl(package),
    });
    if let Some(licence) = package["license"].as_str() {
        // An old way to write a choice.
        let expression = licence.replace('/', " OR ");
        component["licenses"] = json!([{"expression": expression}]);
    }
    if let Some(checksum) = checksums.get(&(text("name"), text("version"))) {
        component["hashes"] = json!([{"alg": "SHA-256", "content": checksum}]);
    }
    if let Some(repository) = package["repository"].as_str() {
        component["externalReferences"] = json!([{"type": "vcs", "url": repository}]);
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ships_is_listed_and_what_tests_need_is_not() {
        let package = |name: &str| json!({"id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0"});
        let on =
            |name: &str, kind: Option<&str>| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "packages": [package("weft-cli"), package("used"), package("tool"), package("builds")],
            "resolve": {"nodes": [
                {"id": "weft-cli", "deps": [on("used", None), on("tool", Some("dev"))]},
                {"id": "used", "deps": [on("builds", Some("build"))]},
                {"id": "tool", "deps": []},
                {"id": "builds", "deps": []},
            ]},
        });
        let lock = "[[package]]\nname = \"used\"\nversion = \"1.0.0\"\nchecksum = \"ab\"\n";
        let document = document(&metadata, &checksums(lock).unwrap()).unwrap();
        let names: Vec<_> = document["components"]
            .as_array()
            .unwrap()
            .iter()
            .map(|component| component["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["builds", "used"]);
        let used = &document["components"][1];
        assert_eq!(used["hashes"][0]["content"], "ab");
        assert_eq!(used["licenses"][0]["expression"], "MIT OR Apache-2.0");
        assert_eq!(document["metadata"]["component"]["type"], "application");
        assert_eq!(document["dependencies"][0]["ref"], "pkg:cargo/builds@1.0.0");
        assert_eq!(document["dependencies"].as_array().unwrap().len(), 3);
    }
}
