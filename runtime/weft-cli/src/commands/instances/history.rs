//! `weft instances history`: the timeline of a run.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use reqwest::{Method, Response};
use serde_json::Value;

use super::path;
use crate::context::Target;
use crate::output::{self, Table, bytes, cell, shorten};

const DETAIL_WIDTH: usize = 90;
/// Rows that are aligned with each other and printed together.
const ROWS_AT_ONCE: usize = 200;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The instance's id
    id: String,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let client = target.client()?;
    let path = format!("{}/history", path(target, &args.id)?);
    // What is cut to a line needs no payloads of many lines.
    let path = match target.json {
        true => path,
        false => format!("{path}?long_payloads=false"),
    };
    let request = client.request(Method::GET, &path);
    let request = request.header("accept", "application/x-ndjson");
    let mut lines = Lines {
        response: client.send(request).await?,
        rest: Vec::new(),
    };
    let mut shown = match target.json {
        true => Shown::Json { first: true },
        false => Shown::Timeline(Timeline::new()),
    };
    while let Some(event) = lines.next().await? {
        if let Some(detail) = event["problem"]["detail"].as_str() {
            bail!("{detail}");
        }
        match &mut shown {
            Shown::Json { first } => {
                let before = if std::mem::take(first) {
                    "{\"events\": [\n"
                } else {
                    ",\n"
                };
                output::print_piece(&format!("{before}{event}"));
            }
            Shown::Timeline(timeline) => timeline.add(&event)?,
        }
    }
    match shown {
        Shown::Json { first: true } => output::print_text("{\"events\": []}"),
        Shown::Json { first: false } => output::print_text("\n]}"),
        Shown::Timeline(mut timeline) => timeline.table.flush(),
    }
    Ok(())
}

enum Shown {
    Json { first: bool },
    Timeline(Timeline),
}

/// An answer of one JSON document a line.
struct Lines {
    response: Response,
    rest: Vec<u8>,
}

impl Lines {
    async fn next(&mut self) -> Result<Option<Value>> {
        let mut searched = 0;
        loop {
            let end = self.rest[searched..].iter().position(|byte| *byte == b'\n');
            if let Some(end) = end {
                let line: Vec<u8> = self.rest.drain(..=searched + end).collect();
                let event = serde_json::from_slice(&line);
                return Ok(Some(event.context("the node's answer is not JSON")?));
            }
            searched = self.rest.len();
            match self.response.chunk().await? {
                Some(chunk) => self.rest.extend_from_slice(&chunk),
                None if self.rest.is_empty() => return Ok(None),
                None => bail!("the answer broke off"),
            }
        }
    }
}

/// One row an event, with the time since the first one. Beginnings of turns are left out: they
/// say when the code ran, not what happened.
struct Timeline {
    table: Table,
    start: Option<Timestamp>,
    /// Of decisions, by their numbers: completions are named after them.
    names: HashMap<u64, String>,
}

impl Timeline {
    fn new() -> Self {
        Self {
            table: Table::new(&["after", "what", "", "detail"]),
            start: None,
            names: HashMap::new(),
        }
    }

    fn add(&mut self, event: &Value) -> Result<()> {
        let at = event["at"].as_str().context("an event has no time")?;
        let at: Timestamp = at.parse()?;
        let start = *self.start.get_or_insert(at);
        if event["type"] == "orchestrator_started" {
            return Ok(());
        }
        let elapsed = at.as_millisecond() - start.as_millisecond();
        let (subject, detail) = self.describe(event);
        self.table.row([
            offset(elapsed),
            cell(event, "type").replace('_', " "),
            subject,
            shorten(&detail, DETAIL_WIDTH),
        ]);
        if self.table.len() >= ROWS_AT_ONCE {
            self.table.flush();
        }
        Ok(())
    }

    /// Who an event is about, and what it says.
    fn describe(&mut self, event: &Value) -> (String, String) {
        let first = |members: &[&str]| {
            let mut texts = members.iter().map(|member| text(&event[member]));
            texts.find(|text| !text.is_empty()).unwrap_or_default()
        };
        let mut name = first(&["name"]);
        if let Some(id) = event["id"].as_u64() {
            self.names.insert(id, name.clone());
        } else if let Some(scheduled) = event["task"].as_u64() {
            let scheduled = self.names.get(&scheduled).cloned();
            name = scheduled.unwrap_or(name);
        }
        let number = first(&["id", "task", "timer"]);
        let subject = match (name.as_str(), number.as_str()) {
            ("", "") => String::new(),
            ("", number) => format!("#{number}"),
            (name, "") => name.to_owned(),
            (name, number) => format!("{name} #{number}"),
        };
        let failure = event["failure"]["message"].as_str();
        let detail = match failure {
            Some(message) => format!("{}: {message}", cell(&event["failure"], "kind")),
            None => first(&["output", "fire_at", "input", "reason", "runtime_status"]),
        };
        (subject, detail)
    }
}

/// A value on one line; a payload that was left out by its length.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => match other["$payload"]["bytes"].as_u64() {
            Some(length) => format!("({})", bytes(length)),
            None => other.to_string(),
        },
    }
}

/// Milliseconds as `+0.012 s`, `+3 m 04 s` and so on.
fn offset(millis: i64) -> String {
    let seconds = millis / 1000;
    match seconds {
        ..60 => format!("+{seconds}.{:03} s", millis % 1000),
        60..3600 => format!("+{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("+{} h {:02} m", seconds / 3600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn offsets_grow_with_their_units() {
        assert_eq!(offset(12), "+0.012 s");
        assert_eq!(offset(184_000), "+3 m 04 s");
        assert_eq!(offset(3_720_000), "+1 h 02 m");
    }

    #[test]
    fn a_completion_is_named_after_what_it_completes() {
        let events = [
            json!({"at": "2026-01-01T00:00:00Z", "type": "orchestrator_started"}),
            json!({"at": "2026-01-01T00:00:00Z", "type": "task_scheduled", "id": 0,
                   "name": "charge", "input": {"cents": 5}}),
            json!({"at": "2026-01-01T00:00:00.250Z", "type": "task_failed", "task": 0,
                   "failure": {"kind": "declined", "message": "no money"}}),
        ];
        let mut timeline = Timeline::new();
        let (subject, detail) = timeline.describe(&events[1]);
        assert_eq!(
            (subject.as_str(), detail.as_str()),
            ("charge #0", r#"{"cents":5}"#)
        );
        let (subject, detail) = timeline.describe(&events[2]);
        assert_eq!(
            (subject.as_str(), detail.as_str()),
            ("charge #0", "declined: no money")
        );
        let long = json!({"task": 0, "output": {"$payload": {"bytes": 2 << 20, "sha256": ""}}});
        assert_eq!(timeline.describe(&long).1, "(2.0 MiB)");
        for event in &events {
            timeline.add(event).unwrap();
        }
        // The heading, and no row for the beginning of a turn.
        assert_eq!(timeline.table.len(), 3);
    }
}
