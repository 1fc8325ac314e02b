//! `weft entities list`

use anyhow::Result;
use reqwest::Method;

use crate::commands::Page;
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
    #[command(flatten)]
    page: Page,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let client = target.client()?;
    let path = format!("{}/entities", target.app_path()?);
    let mut query = args.page.query();
    query.push(("transient", args.transient.to_string()));
    query.extend(args.name.iter().map(|name| ("name", name.clone())));
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
    Page::tell_next(&answer);
    Ok(())
}
