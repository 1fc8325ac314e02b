//! `weft revisions activate`

use anyhow::Result;
use serde_json::Value;

use crate::context::Target;
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Its number; `weft revisions list` shows those there are
    revision: u32,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let path = format!(
        "{}/revisions/{}/activate",
        target.app_path()?,
        args.revision
    );
    let answer = target.client()?.post(&path, &Value::Null).await?;
    if target.json {
        output::print_json(&answer);
    } else {
        output::note(format!("revision {} is active", args.revision));
    }
    Ok(())
}
