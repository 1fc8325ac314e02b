//! `weft functions`

mod delete;
mod invoke;
mod list;
mod show;

use anyhow::Result;

pub(crate) use list::functions_table;

use crate::client::segment;
use crate::context::Target;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the functions of an app
    List,
    /// Show a function with its limits, grants and schemas
    Show(show::Args),
    /// Run an activity once, now
    Invoke(invoke::Args),
    /// Remove a function with the component that holds it
    Delete(delete::Args),
}

pub(crate) async fn run(command: Command, target: &Target) -> Result<()> {
    match command {
        Command::List => list::run(target).await,
        Command::Show(args) => show::run(&args, target).await,
        Command::Invoke(args) => invoke::run(&args, target).await,
        Command::Delete(args) => delete::run(&args, target).await,
    }
}

fn path(target: &Target, function: &str) -> Result<String> {
    Ok(format!(
        "{}/functions/{}",
        target.app_path()?,
        segment(function)
    ))
}
