//! `weft keys rotate`

use anyhow::Result;
use serde_json::json;

use crate::client::segment;
use crate::context::Target;
use crate::output::{self, cell};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The part of the old key before its dot
    id: String,
    /// Seconds for which the old key works on
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    grace: u32,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let path = format!(
        "{}/keys/{}/rotate",
        target.tenant_path()?,
        segment(&args.id)
    );
    let body = json!({"grace_s": args.grace});
    let made = target.client()?.post(&path, &body).await?;
    if target.json {
        output::print_json(&made);
        return Ok(());
    }
    output::print_text(&cell(&made, "key"));
    let old = match args.grace {
        0 => "the old one is void".to_owned(),
        seconds => format!("the old one works for {seconds} s more"),
    };
    output::note(format!("keep it now: it cannot be shown again; {old}"));
    Ok(())
}
