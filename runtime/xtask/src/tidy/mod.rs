//! The house rules that no other tool checks.
//!
//! Owns which rules there are and which files they are for; every rule is shown to find what breaks
//! it by a test beside it.

mod edges;
mod text;

use std::path::Path;

use anyhow::bail;
use serde_json::Value;

use crate::process;

/// What builds, nodes and version control write.
const FOREIGN_FOLDERS: [&str; 6] = ["target", ".git", ".weft", "out", "node_modules", ".venv"];

pub(crate) fn run() -> anyhow::Result<()> {
    let metadata =
        process::output(process::cargo("").args(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: Value = serde_json::from_str(&metadata)?;
    let mut faults = edges::forbidden(&metadata)?;
    let root = process::root();
    check_folder(&root, &root, &mut faults)?;
    for fault in &faults {
        eprintln!("tidy: {fault}");
    }
    if !faults.is_empty() {
        bail!("{} house rules are broken", faults.len());
    }
    eprintln!("tidy: nothing to mend");
    Ok(())
}

fn check_folder(root: &Path, folder: &Path, faults: &mut Vec<String>) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_symlink() || FOREIGN_FOLDERS.contains(&&*name) {
            continue;
        }
        if path.is_dir() {
            check_folder(root, &path, faults)?;
            continue;
        }
        // What is not text is a photograph or a component.
        let Ok(text) = String::from_utf8(std::fs::read(&path)?) else {
            continue;
        };
        let shown = path.strip_prefix(root).unwrap_or(&path).display();
        let found = text::faults_of(&name, &text);
        faults.extend(found.into_iter().map(|fault| format!("{shown}: {fault}")));
    }
    Ok(())
}
