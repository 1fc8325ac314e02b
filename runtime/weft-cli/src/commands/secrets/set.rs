//! `weft secrets set`

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::json;

use super::path;
use crate::context::Target;
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The secret's name
    name: String,
    /// A file that holds the value; stdin if absent. A line break at the end does not belong to it
    #[arg(long, value_name = "FILE")]
    file: Option<std::path::PathBuf>,
}

/// The value never stands on a command line, where others of the machine would see it.
pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let text = match &args.file {
        Some(file) => {
            std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?
        }
        None => {
            if std::io::IsTerminal::is_terminal(&std::io::stdin()) {
                output::note(format!("the value of {}, then Ctrl-D:", args.name));
            }
            std::io::read_to_string(std::io::stdin()).context("read stdin")?
        }
    };
    let value = text.strip_suffix('\n').unwrap_or(&text);
    let value = value.strip_suffix('\r').unwrap_or(value);
    let client = target.client()?;
    let request = client.request(Method::PUT, &path(target, &args.name)?);
    let answer = client.json(request.json(&json!({"value": value}))).await?;
    if target.json {
        output::print_json(&answer);
    } else {
        output::note(format!("kept {}", args.name));
    }
    Ok(())
}
