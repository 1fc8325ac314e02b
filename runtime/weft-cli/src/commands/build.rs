//! `weft build`

use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};

use crate::context::Target;
use crate::output;
use crate::project::Project;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder of the project
    #[arg(default_value = ".")]
    dir: PathBuf,
}

pub(crate) fn run(args: &Args, target: &Target) -> Result<()> {
    let project = Project::open(&args.dir)?;
    project.build()?;
    let mut built = Vec::new();
    for (name, component) in &project.manifest.components {
        let path = args.dir.join(&component.path);
        let size = std::fs::metadata(&path)?.len();
        built.push((name.to_string(), path.display().to_string(), size));
    }
    if target.json {
        let components: Vec<Value> = built
            .iter()
            .map(|(name, path, size)| json!({"name": name, "path": path, "size": size}))
            .collect();
        output::print_json(&json!({"components": components}));
        return Ok(());
    }
    let mut table = output::Table::new(&["component", "size", "path"]);
    for (name, path, size) in built {
        table.row([name, output::bytes(size), path]);
    }
    table.print();
    Ok(())
}
