//! Measuring: builds what is measured as it is released, and runs the load tool.

use std::process::{Command, Stdio};

use anyhow::bail;

use crate::guests::ensure_target;
use crate::process;

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// A question, or arguments of the load tool: `cargo xtask bench --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    ensure_target()?;
    // In one build, so that what both are made of is built once.
    let programs = ["--workspace", "--bin", "weft", "--bin", "weft-load"];
    let mut build = process::cargo("");
    process::run(build.args(["build", "--release"]).args(programs))?;
    let mut arguments = args.args;
    // A question by its name alone.
    if arguments
        .first()
        .is_some_and(|first| !first.starts_with('-'))
    {
        arguments.insert(0, "--only".to_owned());
    }
    let tool = Command::new(process::built("release", "weft-load")?)
        .env("WEFT_BINARY", process::built("release", "weft")?)
        .args(arguments)
        .stdin(Stdio::null())
        .status()?;
    if !tool.success() {
        bail!("the load tool ended with {tool}");
    }
    Ok(())
}
