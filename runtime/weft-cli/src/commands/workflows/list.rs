//! `weft workflows list`

use anyhow::Result;
use serde_json::Value;

use crate::context::Target;
use crate::output::{self, Table, cell};

pub(super) async fn run(target: &Target) -> Result<()> {
    let path = format!("{}/workflows", target.app_path()?);
    let answer = target.client()?.get(&path).await?;
    if target.json {
        output::print_json(&answer);
        return Ok(());
    }
    workflows_table(&answer).print();
    Ok(())
}

/// The workflows of an answer that lists some.
pub(crate) fn workflows_table(answer: &Value) -> Table {
    let mut table = Table::new(&["name", "kind", "state", "actions", "triggers"]);
    for workflow in answer["workflows"].as_array().into_iter().flatten() {
        table.row(row(workflow));
    }
    table
}

fn row(workflow: &Value) -> [String; 5] {
    let triggers = workflow["triggers"].as_array().into_iter().flatten();
    let triggers = triggers.map(|trigger| {
        let (name, kind) = (cell(trigger, "name"), cell(trigger, "type"));
        format!("{name} ({kind})")
    });
    [
        cell(workflow, "name"),
        cell(workflow, "kind"),
        cell(workflow, "state"),
        cell(workflow, "actions"),
        triggers.collect::<Vec<_>>().join(", "),
    ]
}
