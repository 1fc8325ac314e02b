//! `weft instances show`

use anyhow::Result;

use super::path;
use crate::context::Target;
use crate::output::{self, cell};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The instance's id
    id: String,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let instance = target.client()?.get(&path(target, &args.id)?).await?;
    if target.json {
        output::print_json(&instance);
        return Ok(());
    }
    let members = [
        ("id", "id"),
        ("orchestrator", "orchestrator"),
        ("status", "runtime_status"),
        ("custom", "custom_status"),
        ("tags", "tags"),
        ("version", "version"),
        ("begins", "scheduled_at"),
        ("waiting for", "waiting_for"),
        ("revision", "revision"),
        ("created", "created_at"),
        ("updated", "updated_at"),
        ("turns", "turns"),
        ("parent", "parent_id"),
        ("input", "input"),
        ("output", "output"),
        ("failure", "failure"),
        ("reason", "reason"),
    ];
    for (label, member) in members {
        if !instance[member].is_null() {
            output::print_text(&format!("{label:<13} {}", cell(&instance, member)));
        }
    }
    Ok(())
}
