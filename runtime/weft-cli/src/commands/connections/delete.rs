//! `weft connections delete`

use anyhow::Result;
use serde_json::json;

use super::{Args, path};
use crate::context::Target;
use crate::output;

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    target.client()?.delete(&path(target, &args.name)?).await?;
    if target.json {
        output::print_json(&json!({"connection": args.name}));
    } else {
        output::note(format!("removed {}", args.name));
    }
    Ok(())
}
