//! Go: its own compiler for WASI, and a component of what that gives.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use super::{Inputs, Job, Tool, component};
use crate::output;
use crate::progress::Progress;

pub(super) static TOOLS: [Tool; 1] = [Tool {
    name: "Go",
    probe: &["go", "version"],
    least: Some((1, 24)),
    advice: "install Go 1.24 or later from https://go.dev/dl",
}];

pub(super) fn build(job: &Job) -> Result<()> {
    let scratch = job.scratch()?;
    let mut inputs = Inputs::new(&scratch, &job.component, "go");
    inputs.add(&job.project)?;
    inputs.add(&job.source)?;
    inputs.add(&scratch.join("wit"))?;
    for module in replaced(job)? {
        inputs.add(&module)?;
    }
    let inputs = inputs.check();
    if inputs.fresh {
        return Ok(());
    }
    let module = scratch.join(job.name()).with_extension("core.wasm");
    let progress = Progress::start(format!("Making {} of Go", job.name()));
    let output = Command::new("go")
        .args(["build", "-buildmode=c-shared", "-trimpath"])
        // The SDK takes memory as the runtime itself does before that has started.
        .arg("-ldflags=-s -w -buildid= -checklinkname=0")
        .arg("-o")
        .arg(&module)
        .arg(".")
        .current_dir(&job.source)
        .env("GOOS", "wasip1")
        .env("GOARCH", "wasm")
        .stdin(Stdio::null())
        .output()
        .context("start go")?;
    if !output.status.success() {
        drop(progress);
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("the app cannot be built:\n{}", said.trim());
    }
    job.write(&component::of_module(&module, &scratch.join("wit"))?)?;
    let size = std::fs::metadata(&job.component)?.len();
    progress.done(&output::bytes(size));
    inputs.keep()
}

/// Modules that are used from a folder, as the SDK is.
fn replaced(job: &Job) -> Result<Vec<std::path::PathBuf>> {
    let text = std::fs::read_to_string(job.source.join("go.mod"))?;
    let folders = text.lines().filter_map(|line| line.split_once("=>"));
    let folders = folders.map(|(_, folder)| folder.trim());
    let folders = folders.filter(|folder| folder.starts_with('.') || folder.starts_with('/'));
    Ok(folders.map(|folder| job.source.join(folder)).collect())
}
