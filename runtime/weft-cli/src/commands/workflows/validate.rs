//! `weft workflows validate`

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::{Value, json};
use weft_app::{Fault, Workflow, WorkflowFaults, assemble};

use crate::commands::deploy::workflows_at;
use crate::context::Target;
use crate::output;
use crate::project::Disk;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A definition (bare, workflow.json, deployment body or ARM template), the folder of a
    /// workflow.json, or a Standard project
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

/// Needs no node.
pub(super) fn run(args: &Args, target: &Target) -> Result<()> {
    let (mut checked, mut errors) = (Vec::new(), 0);
    for what in &args.paths {
        let found = workflows_at(what);
        if found.is_empty() {
            bail!("there is no workflow at {}", what.display());
        }
        for path in found {
            let (document, faults) = examine(&path)?;
            errors += faults.errors.len();
            if !target.json {
                show(&path, &document, &faults);
            }
            checked.push(json!({
                "path": path.display().to_string(),
                "errors": faults.errors,
                "warnings": faults.warnings,
            }));
        }
    }
    if target.json {
        output::print_json(&json!({"workflows": checked}));
    }
    match errors {
        0 => Ok(()),
        1 => bail!("there is 1 error"),
        _ => bail!("there are {errors} errors"),
    }
}

/// The document that would be deployed.
fn examine(path: &Path) -> Result<(String, WorkflowFaults)> {
    let (folder, file) = match (path.parent(), path.file_name()) {
        (Some(folder), Some(file)) => (folder, file.to_string_lossy()),
        _ => (path, ".".into()),
    };
    let document = assemble(&Disk(folder), &file)
        .map_err(|faults| anyhow!("{faults}"))
        .with_context(|| path.display().to_string())?;
    let faults = Workflow::examine(&document);
    Ok((document, faults))
}

fn show(path: &Path, document: &str, faults: &WorkflowFaults) {
    if faults.errors.is_empty() && faults.warnings.is_empty() {
        output::print_text(&format!("{}: valid", path.display()));
        return;
    }
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let all = [("error", &faults.errors), ("warning", &faults.warnings)];
    for (severity, faults) in all {
        for fault in faults {
            let place = format!("{}#{}", path.display(), fault.pointer);
            output::print_text(&format!("{severity}: {place}\n  {}", fault.message));
            if let Some(pointed) = pointed(&document, fault) {
                output::print_text(&pointed);
            }
            if let Some(hint) = &fault.hint {
                output::print_text(&format!("  hint: {hint}"));
            }
        }
    }
}

/// The text at fault with a mark below the character.
fn pointed(document: &Value, fault: &Fault) -> Option<String> {
    let text = document.pointer(&fault.pointer)?.as_str()?;
    output::pointed(text, fault.offset?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_examined_where_it_lies() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("flow.json");
        std::fs::write(
            &path,
            r#"{"triggers": {"t": {"type": "Request"}}, "actions":
                {"A": {"type": "Compose", "inputs": "@conct('x')"}}}"#,
        )
        .unwrap();
        let (document, faults) = examine(&path).unwrap();
        assert_eq!(faults.errors.len(), 1);
        assert_eq!(faults.errors[0].pointer, "/actions/A/inputs");
        assert_eq!(
            faults.errors[0].hint.as_deref(),
            Some("Did you mean 'concat'?")
        );
        let document = serde_json::from_str(&document).unwrap();
        assert_eq!(
            pointed(&document, &faults.errors[0]).as_deref(),
            Some("  @conct('x')\n   ^")
        );
    }
}
