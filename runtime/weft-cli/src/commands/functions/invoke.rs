//! `weft functions invoke`

use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};

use super::path;
use crate::commands::json_argument;
use crate::context::Target;
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The function's name
    name: String,
    /// JSON; `@FILE` and `-` read it from a file and from stdin
    #[arg(long, short, default_value = "null")]
    input: String,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let input = json_argument(&args.input)?;
    let client = target.client()?;
    let path = format!("{}/invoke", path(target, &args.name)?);
    let request = client.request(Method::POST, &path).json(&input);
    let response = client.send(request).await?;
    let figure =
        |name: &str| -> Option<u64> { response.headers().get(name)?.to_str().ok()?.parse().ok() };
    let duration_us = figure("x-weft-duration-us");
    let memory_bytes = figure("x-weft-memory-bytes");
    let output: Value = response.json().await?;
    if target.json {
        output::print_json(&json!({
            "output": output,
            "duration_us": duration_us,
            "memory_bytes": memory_bytes,
        }));
        return Ok(());
    }
    output::print_json(&output);
    if let (Some(duration_us), Some(memory_bytes)) = (duration_us, memory_bytes) {
        let memory = output::bytes(memory_bytes);
        output::note(format!("{duration_us} µs, {memory} of memory"));
    }
    Ok(())
}
