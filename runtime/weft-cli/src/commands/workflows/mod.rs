//! `weft workflows`

mod delete;
mod list;
mod regenerate_key;
mod show;
mod state;
mod validate;

use anyhow::Result;

pub(crate) use list::workflows_table;

use crate::client::segment;
use crate::context::{Target, Usage};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the workflows of an app
    List,
    /// Print what was deployed of a workflow, as its author wrote it
    Show(Args),
    /// Check definitions on this machine and tell every fault
    Validate(validate::Args),
    /// Let the triggers of a workflow fire again
    Enable(Args),
    /// Let no trigger of a workflow fire; its runs go on to their end
    Disable(Args),
    /// Sign the URLs of a workflow with another key; those that were handed out are refused then
    RegenerateKey(Args),
    /// Remove a workflow; its runs go on to their end
    Delete(Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The workflow's name
    name: String,
}

pub(crate) async fn run(command: Command, target: &Target) -> Result<()> {
    match command {
        Command::List => list::run(target).await,
        Command::Show(args) => show::run(&args, target).await,
        Command::Validate(args) => validate::run(&args, target),
        Command::Enable(args) => state::run(&args, "enable", target).await,
        Command::Disable(args) => state::run(&args, "disable", target).await,
        Command::RegenerateKey(args) => regenerate_key::run(&args, target).await,
        Command::Delete(args) => delete::run(&args, target).await,
    }
}

fn path(target: &Target, workflow: &str) -> Result<String> {
    let name = workflow_name(workflow)?;
    let path = target.app_path()?;
    Ok(format!("{path}/workflows/{}", segment(name.as_str())))
}

/// # Errors
/// [`Usage`] for what is no name, with the one that would do.
pub(crate) fn workflow_name(text: &str) -> Result<weft_id::Function> {
    text.parse().map_err(|error: weft_id::Error| {
        let instead = match weft_id::Function::nearest(text) {
            Some(nearest) => format!("; {nearest} would do"),
            None => String::new(),
        };
        Usage(format!(
            "{text:?} cannot be a workflow's name ({error}){instead}"
        ))
        .into()
    })
}
