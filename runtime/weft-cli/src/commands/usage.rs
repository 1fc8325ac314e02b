//! `weft usage`

use anyhow::Result;
use serde_json::Value;

use crate::context::Target;
use crate::output::{self, Table, cell};

/// What is counted from the start of the node, with the quota that bounds it.
const FIGURES: [(&str, &str); 12] = [
    ("requests", "requests_per_second"),
    ("errors", ""),
    ("running", "concurrency"),
    ("cpu_us", "cpu_ms_per_second"),
    ("memory_bytes", "memory_mib"),
    ("memory_bytes_peak", ""),
    ("egress_bytes", "egress_bytes_per_second"),
    ("log_bytes", "log_bytes_per_second"),
    ("functions", "functions"),
    ("stored_bytes", "stored_bytes"),
    ("instances", "instances"),
    ("history_bytes", "history_bytes"),
];

pub(crate) async fn run(target: &Target) -> Result<()> {
    let path = format!("{}/usage", target.tenant_path()?);
    let usage = target.client()?.get(&path).await?;
    if target.json {
        output::print_json(&usage);
        return Ok(());
    }
    print(&usage);
    Ok(())
}

fn print(usage: &Value) {
    let (tenant, since) = (cell(usage, "tenant"), cell(usage, "since"));
    output::note(format!("tenant {tenant}, counted since {since}"));
    let mut table = Table::new(&["what", "used", "quota"]);
    for (figure, quota) in FIGURES {
        let bound = match cell(&usage["quota"], quota).as_str() {
            "-" => "-".to_owned(),
            bound => format!("{bound} {quota}"),
        };
        table.row([figure.to_owned(), cell(usage, figure), bound]);
    }
    table.print();
    let functions = usage["by_function"].as_array();
    let functions = functions.map(Vec::as_slice).unwrap_or_default();
    if functions.is_empty() {
        return;
    }
    let columns = [
        "app",
        "function",
        "requests",
        "errors",
        "cpu_us",
        "memory_bytes_peak",
        "egress_bytes",
        "log_bytes",
    ];
    output::print_text("");
    let mut table = Table::new(&columns);
    for function in functions {
        table.row(columns.map(|column| cell(function, column)));
    }
    table.print();
}
