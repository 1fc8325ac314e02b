//! `weft instances wait`, and the wait of `weft start --wait`.

use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

use super::path;
use crate::client::Client;
use crate::context::Target;
use crate::output::{self, cell};
use crate::progress::Progress;

/// One request waits this long; a longer wait is several requests.
const STEP: Duration = Duration::from_secs(20);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The instance's id
    id: String,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let path = path(target, &args.id)?;
    let title = format!("Waiting for {}", args.id);
    until_ended(&target.client()?, &path, title, target).await
}

/// Waits until the instance at a path has ended, however long that takes, and prints its result.
///
/// # Errors
/// When it ends in any way but Completed.
pub(crate) async fn until_ended(
    client: &Client,
    path: &str,
    title: String,
    target: &Target,
) -> Result<()> {
    let progress = Progress::start(title);
    let ended = ended(client, path).await?;
    let status = cell(&ended, "runtime_status");
    progress.done(&status);
    if target.json {
        output::print_json(&ended);
    } else if status == "Completed" {
        output::print_json(&ended["output"]);
    }
    let id = cell(&ended, "id");
    match status.as_str() {
        "Completed" => Ok(()),
        "Failed" => {
            let why = cell(&ended["failure"], "message");
            bail!("{id} failed: {why}; see how with: weft instances history {id}")
        }
        _ => bail!("{id} was terminated: {}", cell(&ended, "reason")),
    }
}

async fn ended(client: &Client, path: &str) -> Result<Value> {
    loop {
        let instance = client
            .get(&format!("{path}?wait={}", STEP.as_secs()))
            .await?;
        let status = instance["runtime_status"].as_str().unwrap_or_default();
        if matches!(status, "Completed" | "Failed" | "Terminated") {
            return Ok(instance);
        }
    }
}
