//! `weft instances list`

use anyhow::Result;
use reqwest::Method;

use super::Filter;
use crate::context::Target;
use crate::output::{self, Table, cell, shorten};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    filter: Filter,
    /// At most this many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Where to go on: `next` of the page before
    #[arg(long)]
    after: Option<String>,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let client = target.client()?;
    let path = format!("{}/instances", target.app_path()?);
    let limit = args.limit.to_string();
    let mut query = args.filter.query();
    query.push(("limit", limit));
    if let Some(after) = &args.after {
        query.push(("after", after.clone()));
    }
    let answer = client
        .json(client.request(Method::GET, &path).query(&query))
        .await?;
    if target.json {
        output::print_json(&answer);
        return Ok(());
    }
    let mut table = Table::new(&["id", "orchestrator", "status", "turns", "updated", "custom"]);
    for instance in answer["instances"].as_array().into_iter().flatten() {
        table.row([
            cell(instance, "id"),
            cell(instance, "orchestrator"),
            cell(instance, "runtime_status"),
            cell(instance, "turns"),
            cell(instance, "updated_at"),
            shorten(&cell(instance, "custom_status"), 40),
        ]);
    }
    if table.is_empty() {
        output::note("no instances");
        return Ok(());
    }
    table.print();
    if let Some(next) = answer["next"].as_str() {
        output::note(format!("more with --after {next}"));
    }
    Ok(())
}
