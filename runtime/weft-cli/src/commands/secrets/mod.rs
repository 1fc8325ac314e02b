//! `weft secrets`

mod delete;
mod list;
mod set;

use anyhow::Result;

use crate::client::segment;
use crate::context::Target;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the names of an app's secrets; their values are never shown
    List,
    /// Keep a secret, which workflows read with appsetting('NAME')
    Set(set::Args),
    /// Remove a secret
    Delete(delete::Args),
}

pub(crate) async fn run(command: Command, target: &Target) -> Result<()> {
    match command {
        Command::List => list::run(target).await,
        Command::Set(args) => set::run(&args, target).await,
        Command::Delete(args) => delete::run(&args, target).await,
    }
}

fn path(target: &Target, name: &str) -> Result<String> {
    Ok(format!("{}/secrets/{}", target.app_path()?, segment(name)))
}
