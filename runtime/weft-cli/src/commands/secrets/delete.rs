//! `weft secrets delete`

use anyhow::Result;
use serde_json::json;

use super::path;
use crate::context::Target;
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The secret's name
    name: String,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    target.client()?.delete(&path(target, &args.name)?).await?;
    if target.json {
        output::print_json(&json!({"secret": args.name}));
    } else {
        output::note(format!("removed {}", args.name));
    }
    Ok(())
}
