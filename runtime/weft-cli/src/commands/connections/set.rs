//! `weft connections set`

use anyhow::Result;
use reqwest::Method;
use serde_json::{Map, Value, json};

use super::path;
use crate::commands::json_argument;
use crate::context::{Target, Usage};
use crate::output;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The connection's name, as workflows refer to it
    name: String,
    /// What the paths of actions are put behind
    #[arg(long, value_name = "URL", required_unless_present = "component")]
    url: Option<String>,
    /// An activity of the app that takes the actions
    #[arg(long, value_name = "FUNCTION", conflicts_with = "url")]
    component: Option<String>,
    /// As the authentication of an HTTP action, in JSON; `@FILE` and `-` read it. Name secrets in it
    /// as "@appsetting('NAME')"
    #[arg(long, value_name = "JSON")]
    authentication: Option<String>,
    /// A header that is sent with every request, as NAME=VALUE
    #[arg(long, value_name = "NAME=VALUE")]
    header: Vec<String>,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let authentication = args
        .authentication
        .as_deref()
        .map(json_argument)
        .transpose()?;
    let mut headers = Map::new();
    for header in &args.header {
        let (name, value) = header
            .split_once('=')
            .ok_or_else(|| Usage(format!("{header:?} is no NAME=VALUE")))?;
        headers.insert(name.to_owned(), value.into());
    }
    let headers = (!headers.is_empty()).then_some(Value::Object(headers));
    let body = json!({
        "url": args.url, "component": args.component,
        "authentication": authentication, "headers": headers,
    });
    let client = target.client()?;
    let request = client.request(Method::PUT, &path(target, &args.name)?);
    let answer = client.json(request.json(&body)).await?;
    if target.json {
        output::print_json(&answer);
    } else {
        output::note(format!("kept {}", args.name));
    }
    Ok(())
}
