//! `weft tenants`

mod apply;
mod create;
mod delete;
mod grants;
mod list;
mod quota;

use anyhow::Result;

use crate::context::Target;

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Add a tenant
    Create(create::Args),
    /// List tenants
    List,
    /// Remove a tenant with its keys, apps and data
    Delete(delete::Args),
    /// Show a tenant's quota, and change it
    Quota(quota::Args),
    /// Show what a tenant may reach, and change it
    Grants(grants::Args),
    /// Add tenants and set their terms, as a file says
    Apply(apply::Args),
}

pub(crate) async fn run(command: Command, target: &Target) -> Result<()> {
    match command {
        Command::Create(args) => create::run(&args, target).await,
        Command::List => list::run(target).await,
        Command::Delete(args) => delete::run(&args, target).await,
        Command::Quota(args) => quota::run(&args, target).await,
        Command::Grants(args) => grants::run(&args, target).await,
        Command::Apply(args) => apply::run(&args, target).await,
    }
}
