//! `weft entities`

mod list;
mod show;
mod signal;

use anyhow::Result;

use crate::client::segment;
use crate::context::Target;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List entities in the order of their ids
    List(list::Args),
    /// Show an entity with its state
    Show(show::Args),
    /// Send an operation to an entity, which is created where it does not exist
    Signal(signal::Args),
    /// Delete the state of an entity
    Delete(show::Args),
}

pub(crate) async fn run(command: Command, target: &Target) -> Result<()> {
    match command {
        Command::List(args) => list::run(&args, target).await,
        Command::Show(args) => show::run(&args, target).await,
        Command::Signal(args) => signal::run(&args, target).await,
        Command::Delete(args) => signal::delete(&args, target).await,
    }
}

fn path(target: &Target, id: &str) -> Result<String> {
    Ok(format!("{}/entities/{}", target.app_path()?, segment(id)))
}
