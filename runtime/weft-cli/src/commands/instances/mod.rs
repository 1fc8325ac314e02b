//! `weft instances`

mod history;
mod list;
mod message;
mod purge;
mod show;
pub(crate) mod wait;

use anyhow::Result;

use crate::client::segment;
use crate::commands::time;
use crate::context::Target;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List instances, newest first
    List(list::Args),
    /// Show an instance
    Show(show::Args),
    /// Wait until an instance has ended and print its result
    Wait(wait::Args),
    /// Print the timeline of an instance
    History(history::Args),
    /// Send an event to an instance
    RaiseEvent(message::EventArgs),
    /// End an instance
    Terminate(message::TerminateArgs),
    /// Hold an instance back until it is resumed
    Suspend(message::ReasonArgs),
    /// Let a suspended instance go on
    Resume(message::ReasonArgs),
    /// Take a failed instance back to before its failure
    Rewind(message::RewindArgs),
    /// Start the same orchestrator with the same input over again
    Restart(message::RestartArgs),
    /// Give an open instance the code of another revision
    Move(message::MoveArgs),
    /// Remove ended instances with their histories
    Purge(purge::Args),
}

pub(crate) async fn run(command: Command, target: &Target) -> Result<()> {
    match command {
        Command::List(args) => list::run(&args, target).await,
        Command::Show(args) => show::run(&args, target).await,
        Command::Wait(args) => wait::run(&args, target).await,
        Command::History(args) => history::run(&args, target).await,
        Command::RaiseEvent(args) => message::raise_event(&args, target).await,
        Command::Terminate(args) => message::terminate(&args, target).await,
        Command::Suspend(args) => message::hold(&args, "suspend", target).await,
        Command::Resume(args) => message::hold(&args, "resume", target).await,
        Command::Rewind(args) => message::rewind(&args, target).await,
        Command::Move(args) => message::move_to(&args, target).await,
        Command::Restart(args) => message::restart(&args, target).await,
        Command::Purge(args) => purge::run(&args, target).await,
    }
}

fn path(target: &Target, id: &str) -> Result<String> {
    Ok(format!("{}/instances/{}", target.app_path()?, segment(id)))
}

/// Which instances are meant.
#[derive(Debug, clap::Args)]
struct Filter {
    /// Only these statuses, separated by commas
    #[arg(long, value_name = "STATUSES")]
    status: Option<String>,
    /// Only ids that begin so
    #[arg(long)]
    prefix: Option<String>,
    /// Only of this orchestrator
    #[arg(long)]
    orchestrator: Option<String>,
    /// Only with this tag, TAG=VALUE; may be given several times
    #[arg(long = "tag", value_name = "TAG=VALUE")]
    tags: Vec<String>,
    /// Only created at this time (RFC 3339) or later
    #[arg(long, value_name = "TIME", value_parser = time)]
    created_from: Option<String>,
    /// Only created before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    created_to: Option<String>,
    /// Only changed, or ended, at this time or later
    #[arg(long, value_name = "TIME", value_parser = time)]
    updated_from: Option<String>,
    /// Only changed, or ended, before this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    updated_to: Option<String>,
}

impl Filter {
    fn query(&self) -> Vec<(&'static str, String)> {
        let tags = (!self.tags.is_empty()).then(|| self.tags.join(","));
        [
            ("tags", &tags),
            ("created_from", &self.created_from),
            ("created_to", &self.created_to),
            ("updated_from", &self.updated_from),
            ("updated_to", &self.updated_to),
            ("runtime_status", &self.status),
            ("id_prefix", &self.prefix),
            ("orchestrator", &self.orchestrator),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value.clone()?)))
        .collect()
    }
}
