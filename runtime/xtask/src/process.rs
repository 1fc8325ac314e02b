//! Running other programs, with what they do told on stderr.

use std::env::consts::EXE_SUFFIX;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().nth(2).expect("two folders below the root");
    root.to_owned()
}

/// Cargo in a folder of the repository. Workspaces of guests keep their own target folders, since
/// the host finds their components there.
pub(crate) fn cargo(folder: &str) -> Command {
    let mut cargo = weft_testkit::cargo::cargo();
    cargo.current_dir(root().join(folder));
    if !folder.is_empty() {
        cargo.env_remove("CARGO_TARGET_DIR");
    }
    cargo
}

/// Where a program of the host's workspace lies, once it is built.
pub(crate) fn built(profile: &str, name: &str) -> anyhow::Result<PathBuf> {
    let metadata = output(cargo("").args(["metadata", "--format-version=1", "--no-deps"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let target = metadata["target_directory"].as_str();
    let folder = Path::new(target.context("no target folder")?).join(profile);
    Ok(folder.join(format!("{name}{EXE_SUFFIX}")))
}

/// Runs a program to its end.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    announce(command);
    let status = command.stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot run {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed with {status}");
    }
    Ok(())
}

/// Runs a program, shows its stdout line by line and hands each line to `see`. Returns whether it
/// succeeded.
pub(crate) fn watch(command: &mut Command, mut see: impl FnMut(&str)) -> anyhow::Result<bool> {
    announce(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {command:?}"))?;
    let stdout = child.stdout.take().expect("it was piped");
    for line in BufReader::new(stdout).lines() {
        let line = line?;
        println!("{line}");
        see(&line);
    }
    Ok(child.wait()?.success())
}

/// What a program writes to stdout.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output();
    let output = output.with_context(|| format!("cannot run {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?} failed with {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

fn announce(command: &Command) {
    let args: Vec<_> = command
        .get_args()
        .map(|arg| arg.to_string_lossy())
        .collect();
    let folder = command.get_current_dir().unwrap_or(Path::new("."));
    let folder = folder.strip_prefix(root()).unwrap_or(folder).display();
    let program = Path::new(command.get_program())
        .file_name()
        .unwrap_or_default();
    eprintln!(
        "==> {} {} [{folder}]",
        program.to_string_lossy(),
        args.join(" ")
    );
}
