//! `weft deploy`

mod workflow;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::Value;

use crate::client::{Client, segment};
use crate::commands::functions::functions_table;
use crate::commands::workflows::workflows_table;
use crate::context::{Target, Usage};
use crate::output::{self, bytes, cell};
use crate::progress::Progress;
use crate::project::Project;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A project's folder, one component, or a workflow: its file, or a folder with a workflow.json
    #[arg(value_name = "DIR|FILE.wasm|FILE.json", default_value = ".")]
    what: PathBuf,
    /// The name of the component or workflow, for one; its file's or folder's name if absent
    #[arg(long)]
    name: Option<String>,
}

pub(crate) use workflow::found_at as workflows_at;

pub(crate) async fn run(args: Args, target: &Target) -> Result<()> {
    let client = target.client()?;
    let workflows = match args.what.join("weft.toml").is_file() {
        true => Vec::new(),
        false => workflow::found_at(&args.what),
    };
    let is_json = args.what.extension().is_some_and(|ending| ending == "json");
    let answer = if !workflows.is_empty() && (args.what.is_dir() || is_json) {
        workflow::deploy(&client, target, &workflows, args.name.as_deref()).await?
    } else if args.what.is_dir() {
        let project = Project::open(&args.what)?;
        deploy_project(&client, target, &project).await?
    } else {
        deploy_file(&client, target, &args).await?
    };
    if target.json {
        output::print_json(&answer);
    } else {
        let (functions, workflows) = (functions_table(&answer), workflows_table(&answer));
        if !functions.is_empty() || workflows.is_empty() {
            functions.print();
        }
        if !workflows.is_empty() {
            workflows.print();
        }
        note_warnings(&answer);
    }
    Ok(())
}

/// Tells what may surprise the authors of workflows that were deployed: the whole app, or one by one.
pub(crate) fn note_warnings(answer: &Value) {
    for warning in warnings(answer) {
        output::note(warning);
    }
}

fn warnings(answer: &Value) -> Vec<String> {
    let all = |of: &Value| of["warnings"].as_array().cloned().unwrap_or_default();
    let mut found: Vec<_> = all(answer).iter().map(|own| warning("", own)).collect();
    for workflow in answer["workflows"].as_array().into_iter().flatten() {
        let place = format!("/workflows/{}", cell(workflow, "name"));
        found.extend(all(workflow).iter().map(|own| warning(&place, own)));
    }
    found
}

fn warning(place: &str, warning: &Value) -> String {
    let (pointer, message) = (cell(warning, "pointer"), cell(warning, "message"));
    let hint = match warning["hint"].as_str() {
        Some(hint) => format!("\n  hint: {hint}"),
        None => String::new(),
    };
    format!("warning: {place}{pointer}\n  {message}{hint}")
}

/// Sends the whole project as one revision.
pub(crate) async fn deploy_project(
    client: &Client,
    target: &Target,
    project: &Project,
) -> Result<Value> {
    let app = project.manifest.name.as_str();
    let app = target.app.as_deref().unwrap_or(app);
    let path = target.path_of_app(app)?;
    let bundle = project.bundle()?;
    let size = bytes(bundle.len() as u64);
    let progress = Progress::start(format!("Deploying {app}, {size}"));
    let request = client
        .request(Method::PUT, &path)
        .header("content-type", "application/x-tar")
        .body(bundle);
    let answer = client.json(request).await?;
    progress.done(&format!("revision {}", answer["revision"]));
    Ok(answer)
}

async fn deploy_file(client: &Client, target: &Target, args: &Args) -> Result<Value> {
    let file = &args.what;
    let wasm = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
    let name = args.name.clone().unwrap_or_else(|| component_name(file));
    let name: weft_id::Component = name.parse().map_err(|error| {
        Usage(format!(
            "{name:?} cannot be the component's name ({error}); give one with --name"
        ))
    })?;
    let app = target.app.as_deref().unwrap_or("default");
    let path = target.path_of_app(app)?;
    let size = bytes(wasm.len() as u64);
    let progress = Progress::start(format!("Uploading {name} to {app}, {size}"));
    let request = client
        .request(
            Method::PUT,
            &format!("{path}/components/{}", segment(name.as_str())),
        )
        .header("content-type", "application/wasm")
        .body(wasm);
    let answer = client.json(request).await?;
    let (revision, compiled) = (&answer["revision"], &answer["compile_ms"]);
    progress.done(&format!("revision {revision}, compiled in {compiled} ms"));
    Ok(answer)
}

/// `target/.../hello_http.wasm` gives `hello-http`.
fn component_name(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    stem.to_lowercase().replace(['_', '.', ' '], "-")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_names_its_component() {
        assert_eq!(component_name(Path::new("a/Hello_Http.wasm")), "hello-http");
    }

    #[test]
    fn warnings_are_told_with_the_place_in_the_app() {
        let one = json!({"pointer": "/kind", "message": "It is odd.", "hint": "Leave it out."});
        let told = "warning: /workflows/one/kind\n  It is odd.\n  hint: Leave it out.";
        let by_itself = json!({"workflows": [{"name": "one", "warnings": [one]}]});
        assert_eq!(warnings(&by_itself), [told]);
        let of_app = json!({"pointer": "/workflows/one/kind", "message": "It is odd."});
        let whole = json!({"warnings": [of_app], "workflows": [{"name": "one"}]});
        assert_eq!(
            warnings(&whole),
            ["warning: /workflows/one/kind\n  It is odd."]
        );
    }
}
