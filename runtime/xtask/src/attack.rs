//! Proving that hostile tenants get nowhere: builds a node as it is released, and attacks it.

use std::process::{Command, Stdio};

use anyhow::bail;

use crate::guests::ensure_target;
use crate::process;

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Arguments of the attacks: `cargo xtask attack --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    ensure_target()?;
    // Where a node is given, the attacks themselves need no optimisation.
    let given = args.args.iter().any(|arg| arg.starts_with("--weft"));
    // In one build, so that what all are made of is built once. The attacks look for the disarmed
    // node beside themselves.
    let mut build = process::cargo("");
    build.args(["build", "--workspace"]);
    build.args(["--bin", "weft-hostile", "--bin", "weft-disarmed"]);
    if !given {
        build.args(["--bin", "weft", "--release"]);
    }
    process::run(&mut build)?;
    let profile = if given { "debug" } else { "release" };
    let mut tool = Command::new(process::built(profile, "weft-hostile")?);
    tool.env("WEFT_BINARY", process::built(profile, "weft")?);
    tool.args(args.args);
    let ended = tool.stdin(Stdio::null()).status()?;
    if !ended.success() {
        bail!("the attacks ended with {ended}");
    }
    Ok(())
}
