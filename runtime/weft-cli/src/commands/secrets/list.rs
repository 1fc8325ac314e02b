//! `weft secrets list`

use anyhow::Result;

use crate::context::Target;
use crate::output::{self, Table, cell};

pub(super) async fn run(target: &Target) -> Result<()> {
    let path = format!("{}/secrets", target.app_path()?);
    let answer = target.client()?.get(&path).await?;
    if target.json {
        output::print_json(&answer);
        return Ok(());
    }
    let mut table = Table::new(&["name", "updated"]);
    for secret in answer["secrets"].as_array().into_iter().flatten() {
        table.row([cell(secret, "name"), cell(secret, "updated_at")]);
    }
    table.print();
    Ok(())
}
