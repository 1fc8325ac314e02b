//! `weft logs`

use anyhow::Result;
use reqwest::{Method, Response};
use serde_json::Value;

use crate::client::Client;
use crate::context::Target;
use crate::output::{self, cell};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Wait for new lines
    #[arg(long, short)]
    follow: bool,
    /// Only this function
    #[arg(long)]
    function: Option<String>,
    /// Only this orchestration
    #[arg(long)]
    instance: Option<String>,
    /// Only lines at least as grave
    #[arg(long, value_parser = ["trace", "debug", "info", "warn", "error"])]
    level: Option<String>,
    /// At most this many of the lines kept
    #[arg(long, default_value_t = 200)]
    limit: u32,
}

pub(crate) async fn run(args: Args, target: &Target) -> Result<()> {
    let client = target.client()?;
    let path = format!("{}/logs", target.app_path()?);
    let limit = args.limit.to_string();
    let mut query = vec![("limit", limit.as_str())];
    let filters = [
        ("function", &args.function),
        ("instance", &args.instance),
        ("level", &args.level),
    ];
    query.extend(
        filters
            .iter()
            .filter_map(|(n, v)| Some((*n, v.as_deref()?))),
    );
    if args.follow {
        query.push(("follow", "true"));
        let request = client.request(Method::GET, &path).query(&query);
        return follow(client.send(request).await?, target.json).await;
    }
    let answer = client
        .json(client.request(Method::GET, &path).query(&query))
        .await?;
    if target.json {
        output::print_json(&answer);
        return Ok(());
    }
    let lines = answer["lines"].as_array();
    if lines.is_none_or(Vec::is_empty) {
        output::note("no lines; -f waits for new ones");
    }
    for line in lines.into_iter().flatten() {
        output::print_text(&format_line(line));
    }
    Ok(())
}

/// Prints what an app logs from now on, until the node ends the stream.
pub(crate) async fn follow_app(client: &Client, app_path: &str, json: bool) -> Result<()> {
    let path = format!("{app_path}/logs?follow=true&limit=0");
    let response = client.send(client.request(Method::GET, &path)).await?;
    follow(response, json).await
}

async fn follow(mut response: Response, json: bool) -> Result<()> {
    let mut events = Events::default();
    while let Some(chunk) = response.chunk().await? {
        for (event, data) in events.feed(&chunk) {
            if event == "dropped" {
                output::note(format!(
                    "{} lines were lost: reading is too slow",
                    data["count"]
                ));
            } else if json {
                output::print_json_line(&data);
            } else {
                output::print_text(&format_line(&data));
            }
        }
    }
    Ok(())
}

/// Server-sent events put together from pieces.
#[derive(Default)]
struct Events {
    rest: Vec<u8>,
    event: String,
    data: String,
}

impl Events {
    /// The events that are whole now: their names and data.
    fn feed(&mut self, bytes: &[u8]) -> Vec<(String, Value)> {
        self.rest.extend_from_slice(bytes);
        let mut whole = Vec::new();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                let data = std::mem::take(&mut self.data);
                whole.extend(serde_json::from_str(&data).ok().map(|data| (event, data)));
            } else if let Some(name) = line.strip_prefix("event:") {
                name.trim_start().clone_into(&mut self.event);
            } else if let Some(data) = line.strip_prefix("data:") {
                self.data.push_str(data.strip_prefix(' ').unwrap_or(data));
            }
        }
        whole
    }
}

fn format_line(line: &Value) -> String {
    let function = cell(line, "function");
    let instance = match line["instance_id"].as_str() {
        Some(id) => format!(" [{id}]"),
        None => String::new(),
    };
    format!(
        "{} {:5} {function}{instance}: {}",
        cell(line, "at"),
        cell(line, "level"),
        cell(line, "message")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_may_arrive_in_pieces() {
        let mut events = Events::default();
        assert!(events.feed(b": alive\n\nevent: log\ndata: {\"a").is_empty());
        let whole = events.feed(b"\":1}\n\nevent: dropped\ndata: {\"count\":2}\n\n");
        let names: Vec<_> = whole.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["log", "dropped"]);
        assert_eq!(whole[0].1["a"], 1);
    }
}
