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
    // Where a node is given, the tests themselves need no optimisation.
    let given = args.args.iter().any(|arg| arg.starts_with("--weft"));
    let profile = if given {
        &[][..]
    } else {
        &["--release", "--package", "weft-cli"]
    };
    // Both programs of the tests: the one that is run looks for the other beside itself.
    let mut build = process::cargo("");
    build.args(["build", "--package", "weft-crash"]);
    process::run(build.args(profile))?;
    let mut tool = process::cargo("");
    tool.args(["run", "--quiet", "--package", "weft-crash"]);
    tool.args(&profile[..profile.len().min(1)]);
    tool.args(["--bin", "weft-crash", "--"]).args(args.args);
    let ended = tool.stdin(Stdio::null()).status()?;
    if !ended.success() {
        bail!("the crash tests ended with {ended}");
    }
    Ok(())
}
