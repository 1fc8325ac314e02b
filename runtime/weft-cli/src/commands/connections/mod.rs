//! `weft connections`

mod delete;
mod list;
mod set;
mod show;

use anyhow::Result;

use crate::client::segment;
use crate::context::Target;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the connections of an app
    List,
    /// Show a connection without what is secret in it
    Show(Args),
    /// Say where actions go that name a connection: a URL, or an activity of the app
    Set(set::Args),
    /// Remove a connection
    Delete(Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The connection's name
    name: String,
}

pub(crate) async fn run(command: Command, target: &Target) -> Result<()> {
    match command {
        Command::List => list::run(target).await,
        Command::Show(args) => show::run(&args, target).await,
        Command::Set(args) => set::run(&args, target).await,
        Command::Delete(args) => delete::run(&args, target).await,
    }
}

fn path(target: &Target, name: &str) -> Result<String> {
    Ok(format!(
        "{}/connections/{}",
        target.app_path()?,
        segment(name)
    ))
}
