//! The node's own log, on stderr: stdout belongs to data.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::Uptime;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// A filter that cannot be read, for instance an unknown level.
#[derive(Debug, thiserror::Error)]
#[error("the log filter is not valid; an example is info,weft_worker=debug")]
pub struct InvalidFilter(#[from] tracing_subscriber::filter::ParseError);

/// Starts logging, once a process; a second call has no effect. The filter comes from `WEFT_LOG`,
/// then `RUST_LOG`, then `default`.
///
/// # Errors
/// [`InvalidFilter`].
pub fn init(format: Format, default: &str) -> Result<(), InvalidFilter> {
    let set = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    let filter = set("WEFT_LOG").or_else(|| set("RUST_LOG"));
    let filter = EnvFilter::try_new(filter.as_deref().unwrap_or(default))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    // A subscriber that is there already was set by whoever embeds the node.
    let _already_set = match format {
        Format::Text => subscriber
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .with_timer(Uptime::default())
            .try_init(),
        Format::Json => subscriber.json().flatten_event(true).try_init(),
    };
    Ok(())
}
