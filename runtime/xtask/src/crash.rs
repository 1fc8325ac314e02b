//! Proving that nothing is lost: builds a node as it is released, and runs the crash tests on it.

use std::process::Stdio;

use anyhow::bail;

use crate::guests::ensure_target;
use crate::process;

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Arguments of the crash tests: `cargo xtask crash --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    ensure_target()?;
    let given = args.args.iter().any(|arg| arg.starts_with("--weft"));
    // A program that was given needs no building; the tests themselves need no optimisation, but
    // they look for the node beside themselves.
    let profile: &[&str] = if given { &[] } else { &["--release"] };
    let mut tool = process::cargo("");
    tool.arg("run").args(profile);
    tool.args([
        "--quiet",
        "--package",
        "weft-crash",
        "--bin",
        "weft-crash",
        "--",
    ]);
    let ended = tool.args(args.args).stdin(Stdio::null()).status()?;
    if !ended.success() {
        bail!("the crash tests ended with {ended}");
    }
    Ok(())
}
