//! `weft entities show`

use anyhow::Result;

use super::path;
use crate::context::Target;
use crate::output::{self, cell};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The entity's id, @name@key
    pub(super) id: String,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let entity = target.client()?.get(&path(target, &args.id)?).await?;
    if target.json {
        output::print_json(&entity);
        return Ok(());
    }
    for member in ["id", "state", "locked_by", "queued", "updated_at"] {
        if !entity[member].is_null() {
            output::print_text(&format!("{member:<13} {}", cell(&entity, member)));
        }
    }
    Ok(())
}
