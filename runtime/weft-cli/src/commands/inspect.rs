//! `weft inspect`

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use weft_app::{DescribedFunction, FunctionKind};

use crate::context::Target;
use crate::output::{self, Table, bytes, shorten};
use crate::progress::Progress;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The component
    #[arg(value_name = "FILE.wasm")]
    file: PathBuf,
}

pub(crate) fn run(args: &Args, target: &Target) -> Result<()> {
    let file = args.file.display();
    let wasm = std::fs::read(&args.file).with_context(|| format!("read {file}"))?;
    let stem = args.file.file_stem().unwrap_or_default().to_string_lossy();
    let name = stem.to_lowercase().replace('_', "-");
    let name = name
        .parse()
        .unwrap_or_else(|_| "component".parse().expect("this is a valid name"));
    let program = std::env::current_exe()?;
    let progress = Progress::start(format!("Checking {file}"));
    let found = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(weft_server::inspect(&name, wasm.into(), program))?;
    progress.done("it can be deployed");
    let functions: Vec<Value> = found.functions.iter().map(function).collect();
    if target.json {
        output::print_json(&json!({
            "digest": found.digest,
            "size": found.size,
            "native_size": found.native_size,
            "compile_ms": found.compile_ms,
            "functions": functions,
            "imports": found.imports,
            "exports": found.exports,
        }));
        return Ok(());
    }
    let (size, native) = (bytes(found.size), bytes(found.native_size));
    output::print_text(&format!("sha256   {}", found.digest));
    output::print_text(&format!("size     {size}, {native} of native code"));
    output::print_text(&format!("imports  {}", found.imports.join("\n         ")));
    output::print_text(&format!("exports  {}\n", found.exports.join("\n         ")));
    let mut table = Table::new(&["function", "kind", "route", "description"]);
    for function in &found.functions {
        let route = match (&function.route, function.kind) {
            (Some(route), _) => format!("/api/{route}"),
            (None, FunctionKind::Http) => format!("/api/{}", function.name),
            (None, FunctionKind::Activity | FunctionKind::Orchestrator | FunctionKind::Entity) => {
                "-".to_owned()
            }
        };
        table.row([
            function.name.to_string(),
            function.kind.as_str().to_owned(),
            route,
            shorten(function.description.as_deref().unwrap_or("-"), 60),
        ]);
    }
    table.print();
    Ok(())
}

fn function(found: &DescribedFunction) -> Value {
    json!({
        "name": found.name,
        "kind": found.kind,
        "description": found.description,
        "route": found.route,
        "methods": found.methods,
        "input_schema": found.input_schema,
        "output_schema": found.output_schema,
    })
}
