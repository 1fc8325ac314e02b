//! `weft keys`

mod create;
mod delete;
mod list;

use anyhow::Result;

use crate::context::Target;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a key; it is shown this once
    Create(create::Args),
    /// List keys without their secrets
    List,
    /// Delete a key; it stops working at once
    Delete(delete::Args),
}

pub(crate) async fn run(command: Command, target: &Target) -> Result<()> {
    match command {
        Command::Create(args) => create::run(&args, target).await,
        Command::List => list::run(target).await,
        Command::Delete(args) => delete::run(&args, target).await,
    }
}
