//! `weft revisions`

mod activate;
mod check;
mod list;

use anyhow::Result;

use crate::context::Target;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List what was deployed, newest first
    List,
    /// Go back (or forward) to a revision
    Activate(activate::Args),
    /// Run a revision's code over the histories that there are, without effect
    Check(check::Args),
}

pub(crate) async fn run(command: Command, target: &Target) -> Result<()> {
    match command {
        Command::List => list::run(target).await,
        Command::Activate(args) => activate::run(&args, target).await,
        Command::Check(args) => check::run(&args, target).await,
    }
}
