//! Proving that nothing is lost: builds a node as it is released, and runs the crash tests on it.

use crate::proofs;

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Arguments of the crash tests: `cargo xtask crash --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    proofs::run("weft-crash", "weft-rigged", args.args)
}
