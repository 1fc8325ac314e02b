//! `weft workflows regenerate-key`

use anyhow::Result;
use reqwest::Method;
use serde_json::json;

use super::{Args, path};
use crate::context::Target;
use crate::output;

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let client = target.client()?;
    let path = format!("{}/regenerate-access-key", path(target, &args.name)?);
    client.send(client.request(Method::POST, &path)).await?;
    if target.json {
        output::print_json(&json!({"workflow": args.name}));
    } else {
        output::note(format!("{} has another key", args.name));
    }
    Ok(())
}
