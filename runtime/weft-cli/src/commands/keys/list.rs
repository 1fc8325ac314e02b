//! `weft keys list`

use anyhow::Result;

use crate::context::Target;
use crate::output::{self, Table, cell};

pub(super) async fn run(target: &Target) -> Result<()> {
    let path = format!("{}/keys", target.tenant_path()?);
    let answer = target.client()?.get(&path).await?;
    if target.json {
        output::print_json(&answer);
        return Ok(());
    }
    let mut table = Table::new(&["id", "role", "label", "created", "expires"]);
    for key in answer["keys"].as_array().into_iter().flatten() {
        let members = ["id", "role", "label", "created_at", "expires_at"];
        table.row(members.map(|member| cell(key, member)));
    }
    if table.is_empty() {
        output::note("no keys");
    } else {
        table.print();
    }
    Ok(())
}
