//! `weft tenants list`

use anyhow::Result;

use crate::context::Target;
use crate::output::{self, Table, cell};

pub(super) async fn run(target: &Target) -> Result<()> {
    let answer = target.client()?.get("/admin/v1/tenants").await?;
    if target.json {
        output::print_json(&answer);
        return Ok(());
    }
    let mut table = Table::new(&["name"]);
    for tenant in answer["tenants"].as_array().into_iter().flatten() {
        table.row([cell(tenant, "name")]);
    }
    table.print();
    Ok(())
}
