//! Deploying workflows without a `weft.toml`: a file, the folder of a `workflow.json`, or a Standard
//! project with a folder for each of its workflows.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use reqwest::Method;
use serde_json::{Value, json};
use weft_app::assemble;

use crate::client::{Client, segment};
use crate::commands::workflows::workflow_name;
use crate::context::{Target, Usage};
use crate::output::{self, bytes};
use crate::progress::Progress;
use crate::project::Disk;

const WORKFLOW: &str = "workflow.json";

/// The workflows at a path, which is a file or a folder without a `weft.toml`; none where it has
/// none.
pub(crate) fn found_at(what: &Path) -> Vec<PathBuf> {
    if what.is_file() || what.join(WORKFLOW).is_file() {
        return vec![what.to_owned()];
    }
    let Ok(entries) = std::fs::read_dir(what) else {
        return Vec::new();
    };
    let folders = entries.flatten().map(|entry| entry.path());
    let mut folders: Vec<_> = folders
        .filter(|folder| folder.join(WORKFLOW).is_file())
        .collect();
    folders.sort();
    folders
}

/// Sends each as a revision of its own; the answer lists them.
pub(super) async fn deploy(
    client: &Client,
    target: &Target,
    paths: &[PathBuf],
    name: Option<&str>,
) -> Result<Value> {
    if let (Some(_), [_, _, ..]) = (name, paths) {
        let message = "--name is for one workflow, and there are several";
        return Err(Usage(message.to_owned()).into());
    }
    let mut answers = Vec::new();
    for path in paths {
        answers.push(deploy_one(client, target, path, name).await?);
    }
    Ok(json!({"workflows": answers}))
}

async fn deploy_one(
    client: &Client,
    target: &Target,
    path: &Path,
    name: Option<&str>,
) -> Result<Value> {
    let name = match name {
        Some(name) => workflow_name(name)?,
        None => name_of(path)?,
    };
    let (folder, file) = match (path.parent(), path.file_name()) {
        (Some(folder), Some(file)) => (folder, file.to_string_lossy()),
        _ => (path, ".".into()),
    };
    let document =
        assemble(&Disk(folder), &file).map_err(|faults| anyhow!("{}: {faults}", path.display()))?;
    let app = target.app.as_deref().unwrap_or("default");
    let place = format!(
        "{}/workflows/{}",
        target.path_of_app(app)?,
        segment(name.as_str())
    );
    let size = bytes(document.len() as u64);
    let progress = Progress::start(format!("Deploying the workflow {name} to {app}, {size}"));
    let request = client
        .request(Method::PUT, &place)
        .header("content-type", "application/json")
        .body(document);
    let answer = client.json(request).await?;
    progress.done(&format!("revision {}", answer["revision"]));
    Ok(answer)
}

/// The name of the file, or of the folder around a `workflow.json`, or the valid one next to it.
fn name_of(path: &Path) -> Result<weft_id::Function> {
    let full = std::path::absolute(path).context("the current folder")?;
    let named = match full.file_name() {
        Some(file) if file == WORKFLOW => full.parent().and_then(Path::file_name),
        Some(_) if full.is_file() => full.file_stem(),
        other => other,
    };
    let text = named.unwrap_or_default().to_string_lossy();
    let name = weft_id::Function::nearest(&text)
        .ok_or_else(|| Usage(format!("{text:?} gives no name; give one with --name")))?;
    if name.as_str() != text {
        output::note(format!("{text} is deployed as {name}"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workflows_are_found_and_named_after_their_places() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "{}").unwrap();
        };
        write("Order_Flow/workflow.json");
        write("second/workflow.json");
        write("lib/other.json");
        write("My File.json");
        let names = |path: &str| -> Vec<String> {
            let found = found_at(&dir.path().join(path));
            let names = found.iter().map(|path| name_of(path).unwrap().to_string());
            names.collect()
        };
        assert_eq!(names(""), ["order-flow", "second"]);
        assert_eq!(names("Order_Flow"), ["order-flow"]);
        assert_eq!(names("Order_Flow/workflow.json"), ["order-flow"]);
        assert_eq!(names("My File.json"), ["my-file"]);
        assert!(names("lib").is_empty());
    }
}
