//! `weft revisions activate`

use anyhow::Result;
use serde_json::Value;

use crate::context::Target;
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Its number; `weft revisions list` shows those there are
    revision: u32,
    /// Only where its code follows the histories that there are (see weft revisions check)
    #[arg(long)]
    check: bool,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let check = if args.check { "?check=replay" } else { "" };
    let path = format!(
        "{}/revisions/{}/activate{check}",
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
