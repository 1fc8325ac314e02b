//! `weft keys delete`

use anyhow::Result;
use serde_json::json;

use crate::client::segment;
use crate::context::Target;
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The part of the key before its dot
    id: String,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let path = format!("{}/keys/{}", target.tenant_path()?, segment(&args.id));
    target.client()?.delete(&path).await?;
    if target.json {
        output::print_json(&json!({"deleted": args.id}));
    } else {
        output::note(format!("deleted {}", args.id));
    }
    Ok(())
}
