//! `weft start`

use anyhow::Result;
use serde_json::json;

use crate::client::segment;
use crate::commands::instances::wait;
use crate::commands::json_argument;
use crate::context::Target;
use crate::output::{self, cell};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which orchestrator; `weft functions list` shows those there are
    orchestrator: String,
    /// JSON; `@FILE` and `-` read it from a file and from stdin
    #[arg(long, short, default_value = "null")]
    input: String,
    /// The instance's id; a random one if absent
    #[arg(long)]
    id: Option<String>,
    /// Wait until it has ended and print its result
    #[arg(long, short)]
    wait: bool,
}

pub(crate) async fn run(args: Args, target: &Target) -> Result<()> {
    let client = target.client()?;
    let path = format!("{}/instances", target.app_path()?);
    let mut order = json!({
        "orchestrator": args.orchestrator,
        "input": json_argument(&args.input)?,
    });
    if let Some(id) = args.id {
        order["id"] = id.into();
    }
    let started = client.post(&path, &order).await?;
    let id = cell(&started, "id");
    if !args.wait {
        if target.json {
            output::print_json(&started);
        } else {
            output::print_text(&id);
            output::note(format!("see it with: weft instances show {id}"));
        }
        return Ok(());
    }
    let title = format!("Running {} {id}", args.orchestrator);
    wait::until_ended(&client, &format!("{path}/{}", segment(&id)), title, target).await
}
