//! `weft connections list`

use anyhow::Result;

use crate::context::Target;
use crate::output::{self, Table, cell};

pub(super) async fn run(target: &Target) -> Result<()> {
    let path = format!("{}/connections", target.app_path()?);
    let answer = target.client()?.get(&path).await?;
    if target.json {
        output::print_json(&answer);
        return Ok(());
    }
    let mut table = Table::new(&["name", "leads to", "authentication"]);
    for connection in answer["connections"].as_array().into_iter().flatten() {
        let place = match connection["component"].as_str() {
            Some(component) => format!("the activity {component}"),
            None => cell(connection, "url"),
        };
        let kind = cell(&connection["authentication"], "type");
        table.row([cell(connection, "name"), place, kind]);
    }
    table.print();
    Ok(())
}
