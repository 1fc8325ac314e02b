//! `weft functions list`

use anyhow::Result;
use serde_json::Value;

use crate::context::Target;
use crate::output::{self, Table, cell, shorten};

pub(super) async fn run(target: &Target) -> Result<()> {
    let path = format!("{}/functions", target.app_path()?);
    let answer = target.client()?.get(&path).await?;
    if target.json {
        output::print_json(&answer);
        return Ok(());
    }
    functions_table(&answer).print();
    Ok(())
}

/// The functions of an answer that lists some.
pub(crate) fn functions_table(answer: &Value) -> Table {
    let mut table = Table::new(&["name", "kind", "route", "auth", "description"]);
    for function in answer["functions"].as_array().into_iter().flatten() {
        let trigger = &function["trigger"];
        let (route, auth) = match trigger["route"].as_str() {
            Some(route) => (format!("/api/{route}"), cell(function, "auth")),
            None => ("-".to_owned(), "-".to_owned()),
        };
        table.row([
            cell(function, "name"),
            cell(function, "kind"),
            route,
            auth,
            shorten(&cell(function, "description"), 60),
        ]);
    }
    table
}
