//! `weft inspect`

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use weft_app::{DescribedFunction, FunctionKind, Grants};

use crate::client::segment;
use crate::context::Target;
use crate::output::{self, Table, bytes, shorten};
use crate::progress::Progress;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The component
    #[arg(value_name = "FILE.wasm", required_unless_present = "function")]
    file: Option<PathBuf>,
    /// A deployed function in place of a file: what it may reach, and who says so
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    function: Option<String>,
}

/// What a function asks for, its tenant is granted within the operator's policy, and both have in
/// common.
async fn capabilities(name: &str, target: &Target) -> Result<()> {
    let path = format!(
        "{}/functions/{}/capabilities",
        target.app_path()?,
        segment(name)
    );
    let answer = target.client()?.get(&path).await?;
    if target.json {
        output::print_json(&answer);
        return Ok(());
    }
    let mut table = Table::new(&["may reach", "asked for", "granted", "effective"]);
    for kind in Grants::KEYS {
        let shown = |who: &str| match answer[who][kind].as_array() {
            None => "all".to_owned(),
            Some(names) if names.is_empty() => "nothing".to_owned(),
            Some(names) => {
                let names: Vec<_> = names.iter().filter_map(Value::as_str).collect();
                names.join(", ")
            }
        };
        table.row([
            kind.to_owned(),
            shown("asks"),
            shown("granted"),
            shown("effective"),
        ]);
    }
    table.print();
    Ok(())
}

pub(crate) fn run(args: &Args, target: &Target) -> Result<()> {
    let path = match (&args.file, &args.function) {
        (_, Some(name)) => return super::block_on(capabilities(name, target)),
        (Some(path), None) => path,
        (None, None) => unreachable!("the command line asks for one of them"),
    };
    let file = path.display();
    let wasm = std::fs::read(path).with_context(|| format!("read {file}"))?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
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
