//! `weft keys`

mod create;
mod delete;
mod list;
mod rotate;

use anyhow::Result;

use crate::context::Target;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Make a key; it is shown this once
    Create(create::Args),
    /// List keys without their secrets
    List,
    /// Make a key in place of another one; it is shown this once
    Rotate(rotate::Args),
    /// Delete a key; it stops working at once
    Delete(delete::Args),
}

pub(crate) async fn run(command: Command, target: &Target) -> Result<()> {
    match command {
        Command::Create(args) => create::run(&args, target).await,
        Command::List => list::run(target).await,
        Command::Rotate(args) => rotate::run(&args, target).await,
        Command::Delete(args) => delete::run(&args, target).await,
    }
}
