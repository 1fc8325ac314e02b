//! `weft start`

use anyhow::Result;
use serde_json::json;

use crate::client::segment;
use crate::commands::instances::wait;
use crate::commands::{json_argument, time};
use crate::context::{Target, Usage};
use crate::output::{self, cell};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Which orchestrator or workflow; `weft functions list` and `weft workflows list` show those
    /// there are
    orchestrator: String,
    /// JSON; `@FILE` and `-` read it from a file and from stdin
    #[arg(long, short, default_value = "null")]
    input: String,
    /// The instance's id; a random one if absent
    #[arg(long)]
    id: Option<String>,
    /// A tag to find it by, TAG=VALUE; may be given several times
    #[arg(long = "tag", value_name = "TAG=VALUE")]
    tags: Vec<String>,
    /// Which version of the orchestrator is meant; the code can read it
    #[arg(long, value_name = "VERSION")]
    orchestrator_version: Option<String>,
    /// Not to begin before this time (RFC 3339)
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<String>,
    /// In which statuses an instance of the same id makes way, separated by commas; those of ended
    /// ones if absent
    #[arg(long, value_name = "STATUSES")]
    reuse: Option<String>,
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
    for tag in &args.tags {
        let Some((tag, value)) = tag.split_once('=') else {
            let message = format!("a tag is given as TAG=VALUE, not as {tag}");
            return Err(Usage(message).into());
        };
        order["tags"][tag] = value.into();
    }
    if let Some(version) = args.orchestrator_version {
        order["version"] = version.into();
    }
    if let Some(at) = args.at {
        order["scheduled_at"] = at.into();
    }
    if let Some(reuse) = &args.reuse {
        order["reuse"] = reuse.split(',').map(str::trim).collect();
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
