//! Proving that hostile tenants get nowhere: builds a node as it is released, and attacks it.

use crate::proofs;

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Args {
    /// Arguments of the attacks: `cargo xtask attack --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,
}

pub(crate) fn run(args: Args) -> anyhow::Result<()> {
    proofs::run("weft-hostile", "weft-disarmed", args.args)
}
