//! `weft instances list`

use anyhow::Result;
use reqwest::Method;

use super::Filter;
use crate::commands::Page;
use crate::context::Target;
use crate::output::{self, Table, cell, shorten};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    page: Page,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let client = target.client()?;
    let path = format!("{}/instances", target.app_path()?);
    let mut query = args.filter.query();
    query.extend(args.page.query());
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
    Page::tell_next(&answer);
    Ok(())
}
