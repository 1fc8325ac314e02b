//! `weft revisions list`

use anyhow::Result;
use serde_json::Value;

use crate::context::Target;
use crate::output::{self, Table, cell, shorten};

pub(super) async fn run(target: &Target) -> Result<()> {
    let path = format!("{}/revisions", target.app_path()?);
    let answer = target.client()?.get(&path).await?;
    if target.json {
        output::print_json(&answer);
        return Ok(());
    }
    let mut table = Table::new(&["revision", "active", "created", "functions"]);
    for revision in answer["revisions"].as_array().into_iter().flatten() {
        let functions = revision["functions"].as_array().into_iter().flatten();
        let functions: Vec<_> = functions.filter_map(Value::as_str).collect();
        let active = if revision["active"] == true { "*" } else { "" };
        table.row([
            cell(revision, "revision"),
            active.to_owned(),
            cell(revision, "created_at"),
            shorten(&functions.join(", "), 80),
        ]);
    }
    table.print();
    Ok(())
}
