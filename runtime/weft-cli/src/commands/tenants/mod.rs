//! `weft tenants`

mod create;
mod list;

use anyhow::Result;

use crate::context::Target;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Add a tenant
    Create(create::Args),
    /// List tenants
    List,
}

pub(crate) async fn run(command: Command, target: &Target) -> Result<()> {
    match command {
        Command::Create(args) => create::run(&args, target).await,
        Command::List => list::run(target).await,
    }
}
