//! The programs that prove something of a node: built with it as it is released, and run on it.

use std::process::{Command, Stdio};

use anyhow::bail;

use crate::guests::ensure_target;
use crate::process;

/// Builds `tool` and, in the same build so that what all are made of is built once, the node without a
/// defence that it looks for beside itself; then runs it.
pub(crate) fn run(tool: &str, weakened: &str, args: Vec<String>) -> anyhow::Result<()> {
    ensure_target()?;
    // Where a node is given, the proofs themselves need no optimisation.
    let given = args.iter().any(|arg| arg.starts_with("--weft"));
    let mut build = process::cargo("");
    build.args(["build", "--workspace", "--bin", tool, "--bin", weakened]);
    if !given {
        build.args(["--bin", "weft", "--release"]);
    }
    process::run(&mut build)?;
    let profile = if given { "debug" } else { "release" };
    let mut program = Command::new(process::built(profile, tool)?);
    program.env("WEFT_BINARY", process::built(profile, "weft")?);
    let ended = program.args(args).stdin(Stdio::null()).status()?;
    if !ended.success() {
        bail!("{tool} ended with {ended}");
    }
    Ok(())
}
