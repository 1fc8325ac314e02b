//! `weft entities list`

use anyhow::Result;
use reqwest::Method;

use crate::context::Target;
use crate::output::{self, Table, cell, shorten};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only of this name
    #[arg(long)]
    name: Option<String>,
    /// Also those without a state, which only have a lock or work to do
    #[arg(long)]
    transient: bool,
    /// At most this many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Where to go on: `next` of the page before
    #[arg(long)]
    after: Option<String>,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let client = target.client()?;
    let path = format!("{}/entities", target.app_path()?);
    let mut query = vec![
        ("limit", args.limit.to_string()),
        ("transient", args.transient.to_string()),
    ];
    query.extend(args.name.iter().map(|name| ("name", name.clone())));
    query.extend(args.after.iter().map(|after| ("after", after.clone())));
    let answer = client
        .json(client.request(Method::GET, &path).query(&query))
        .await?;
    if target.json {
        output::print_json(&answer);
        return Ok(());
    }
    let mut table = Table::new(&["id", "state", "queued", "locked by", "updated"]);
    for entity in answer["entities"].as_array().into_iter().flatten() {
        table.row([
            cell(entity, "id"),
            shorten(&cell(entity, "state"), 60),
            cell(entity, "queued"),
            cell(entity, "locked_by"),
            cell(entity, "updated_at"),
        ]);
    }
    if table.is_empty() {
        output::note("no entities");
        return Ok(());
    }
    table.print();
    if let Some(next) = answer["next"].as_str() {
        output::note(format!("more with --after {next}"));
    }
    Ok(())
}
