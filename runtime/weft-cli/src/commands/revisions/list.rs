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
    let names = |revision: &Value, of: &str| {
        let names = revision[of].as_array().into_iter().flatten();
        let names: Vec<_> = names.filter_map(Value::as_str).collect();
        shorten(&names.join(", "), 60)
    };
    let mut table = Table::new(&["revision", "active", "created", "functions", "workflows"]);
    for revision in answer["revisions"].as_array().into_iter().flatten() {
        let active = if revision["active"] == true { "*" } else { "" };
        table.row([
            cell(revision, "revision"),
            active.to_owned(),
            cell(revision, "created_at"),
            names(revision, "functions"),
            names(revision, "workflows"),
        ]);
    }
    table.print();
    Ok(())
}
