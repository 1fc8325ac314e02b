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
    let mut table = Table::new(&["id", "role", "apps", "label", "created", "expires"]);
    for key in answer["keys"].as_array().into_iter().flatten() {
        let members = ["label", "created_at", "expires_at"];
        let apps = key["apps"].as_array().into_iter().flatten();
        let apps: Vec<_> = apps.filter_map(serde_json::Value::as_str).collect();
        let apps = match apps.is_empty() {
            true => "-".to_owned(),
            false => apps.join(","),
        };
        let first = [cell(key, "id"), cell(key, "role"), apps];
        table.row(
            first
                .into_iter()
                .chain(members.map(|member| cell(key, member))),
        );
    }
    if table.is_empty() {
        output::note("no keys");
    } else {
        table.print();
    }
    Ok(())
}
