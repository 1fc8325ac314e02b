//! `weft workflows`

mod delete;
mod list;
mod show;
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
