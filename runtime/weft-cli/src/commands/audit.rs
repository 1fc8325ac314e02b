//! `weft audit`

use anyhow::Result;

use super::Page;
use crate::context::Target;
use crate::output::{self, Table, cell};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    page: Page,
    /// Of all tenants; with the operator's key
    #[arg(long)]
    all: bool,
    /// Nothing from before this time, as in 2027-01-31T00:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
}

pub(crate) async fn run(args: &Args, target: &Target) -> Result<()> {
    let client = target.client()?;
    let path = format!("{}/audit", target.tenant_path()?);
    let mut query = args.page.query();
    if args.all {
        query.push(("all", "true".to_owned()));
    }
    query.extend(args.from.iter().map(|from| ("from", from.clone())));
    let request = client.request(reqwest::Method::GET, &path).query(&query);
    let answer = client.json(request).await?;
    if target.json {
        output::print_json(&answer);
        return Ok(());
    }
    let mut table = Table::new(&[
        "time", "tenant", "key", "role", "action", "target", "status", "detail",
    ]);
    for entry in answer["entries"].as_array().into_iter().flatten() {
        let members = [
            "at", "tenant", "key", "role", "action", "target", "status", "detail",
        ];
        table.row(members.map(|member| cell(entry, member)));
    }
    if table.is_empty() {
        output::note("nothing was managed");
    } else {
        table.print();
    }
    Page::tell_next(&answer);
    Ok(())
}
