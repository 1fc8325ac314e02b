//! `weft functions show`

use anyhow::Result;
use serde_json::Value;

use super::path;
use crate::context::Target;
use crate::output::{self, cell};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The function's name
    name: String,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let function = target.client()?.get(&path(target, &args.name)?).await?;
    if target.json {
        output::print_json(&function);
        return Ok(());
    }
    let limits = &function["limits"];
    let mut lines = vec![
        ("name", cell(&function, "name")),
        ("kind", cell(&function, "kind")),
        ("component", cell(&function, "component")),
        ("description", cell(&function, "description")),
        ("memory", format!("{} MiB", limits["memory_mib"])),
        ("time", format!("{} ms", limits["timeout_ms"])),
        ("at one time", limits["concurrency"].to_string()),
    ];
    if limits["requests_per_instance"].as_u64().unwrap_or(1) > 1 {
        let requests = limits["requests_per_instance"].to_string();
        lines.push(("requests of one instance", requests));
    }
    if let Some(route) = function["trigger"]["route"].as_str() {
        let methods = list(&function["trigger"]["methods"]);
        let methods = if methods.is_empty() {
            "every method".to_owned()
        } else {
            methods
        };
        lines.push(("route", format!("/api/{route} ({methods})")));
        lines.push(("auth", cell(&function, "auth")));
    }
    let hosts = list(&function["allowed_outbound_hosts"]);
    lines.push((
        "may reach",
        if hosts.is_empty() {
            "nothing".to_owned()
        } else {
            hosts
        },
    ));
    for (label, member) in [("input", "input_schema"), ("output", "output_schema")] {
        if !function[member].is_null() {
            lines.push((label, function[member].to_string()));
        }
    }
    for (label, text) in lines {
        output::print_text(&format!("{label:<12} {text}"));
    }
    Ok(())
}

fn list(value: &Value) -> String {
    let texts = value.as_array().into_iter().flatten();
    let texts: Vec<_> = texts.filter_map(Value::as_str).collect();
    texts.join(", ")
}
