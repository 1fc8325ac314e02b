//! `weft start`

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::client::{Client, segment};
use crate::commands::json_argument;
use crate::context::Target;
use crate::output::{self, cell};
use crate::progress::Progress;

/// One request waits this long; a longer wait is several requests.
const WAIT_STEP: Duration = Duration::from_secs(20);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
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
    let progress = Progress::start(format!("Running {} {id}", args.orchestrator));
    let ended = wait_for(&client, &format!("{path}/{}", segment(&id))).await?;
    let status = cell(&ended, "runtime_status");
    progress.done(&status);
    if target.json {
        output::print_json(&ended);
    } else if status == "Completed" {
        output::print_json(&ended["output"]);
    }
    match status.as_str() {
        "Completed" => Ok(()),
        "Failed" => bail!("{id} failed: {}", cell(&ended["failure"], "message")),
        _ => bail!("{id} was terminated: {}", cell(&ended, "reason")),
    }
}

/// The instance once it has ended, however long that takes.
async fn wait_for(client: &Client, path: &str) -> Result<Value> {
    loop {
        let asked = format!("{path}?wait={}", WAIT_STEP.as_secs());
        let instance = client.get(&asked).await?;
        let status = instance["runtime_status"].as_str().unwrap_or_default();
        if matches!(status, "Completed" | "Failed" | "Terminated") {
            return Ok(instance);
        }
    }
}
