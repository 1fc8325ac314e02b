//! One file a verb.

pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod build;
pub(crate) mod completions;
pub(crate) mod connections;
pub(crate) mod deploy;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod entities;
pub(crate) mod expr;
pub(crate) mod functions;
pub(crate) mod inspect;
pub(crate) mod instances;
pub(crate) mod keys;
pub(crate) mod logs;
pub(crate) mod new;
pub(crate) mod revisions;
pub(crate) mod secrets;
pub(crate) mod start;
pub(crate) mod tenants;
pub(crate) mod test;
pub(crate) mod up;
pub(crate) mod usage;
pub(crate) mod workflows;

use anyhow::Result;
use serde_json::Value;

use crate::context::Usage;
use crate::output;

/// Verbs that only ask a node need no more than one thread.
pub(crate) fn block_on(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?
        .block_on(work)
}

/// Which part of a listing is wanted.
#[derive(Debug, clap::Args)]
struct Page {
    /// At most this many
    #[arg(long, default_value_t = 50)]
    limit: u32,
    /// Where to go on: `next` of the page before
    #[arg(long)]
    after: Option<String>,
}

impl Page {
    fn query(&self) -> Vec<(&'static str, String)> {
        let after = self.after.iter().map(|after| ("after", after.clone()));
        let limit = ("limit", self.limit.to_string());
        std::iter::once(limit).chain(after).collect()
    }

    /// Says how to go on after the page that `answer` is.
    fn tell_next(answer: &Value) {
        if let Some(next) = answer["next"].as_str() {
            output::note(format!("more with --after {next}"));
        }
    }
}

/// A time from the command line, so that what is wrong with it is told with the option's name.
fn time(text: &str) -> Result<String, String> {
    // The node takes one without an offset for UTC.
    let right =
        text.parse::<jiff::Timestamp>().is_ok() || text.parse::<jiff::civil::DateTime>().is_ok();
    right
        .then(|| text.to_owned())
        .ok_or_else(|| "expects a time as 2030-01-31T08:00:00Z (RFC 3339)".to_owned())
}

/// JSON from the command line: the text itself, `@FILE`, or `-` for stdin.
///
/// # Errors
/// [`Usage`] where it is no JSON.
fn json_argument(text: &str) -> Result<Value> {
    let read = match text.strip_prefix('@') {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| Usage(format!("cannot read {path}: {error}")))?,
        None if text == "-" => std::io::read_to_string(std::io::stdin())?,
        None => text.to_owned(),
    };
    serde_json::from_str(&read).map_err(|error| {
        let hint = r#"a text needs its quotes: '"text"'"#;
        Usage(format!("the input is not JSON: {error}; {hint}")).into()
    })
}
