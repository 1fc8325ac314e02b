//! `weft entities signal` and `delete`

use anyhow::Result;
use serde_json::json;

use super::{path, show};
use crate::commands::json_argument;
use crate::context::Target;
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The entity's id, @name@key
    id: String,
    /// The operation
    operation: String,
    /// JSON; `@FILE` and `-` read it from a file and from stdin
    #[arg(long, short, default_value = "null")]
    input: String,
    /// Not before this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let mut body = json!({"operation": args.operation, "input": json_argument(&args.input)?});
    if let Some(at) = &args.at {
        body["at"] = at.as_str().into();
    }
    let path = path(target, &args.id)?;
    target.client()?.post(&path, &body).await?;
    accepted(&args.id, target);
    Ok(())
}

pub(super) async fn delete(args: &show::Args, target: &Target) -> Result<()> {
    target.client()?.delete(&path(target, &args.id)?).await?;
    accepted(&args.id, target);
    Ok(())
}

fn accepted(id: &str, target: &Target) {
    if target.json {
        output::print_json(&json!({"id": id, "accepted": true}));
    } else {
        output::note(format!("accepted; see weft entities show {id}"));
    }
}
