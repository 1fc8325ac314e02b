//! `weft instances history`: the timeline of a run.

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::path;
use crate::context::Target;
use crate::output::{self, Table, cell, shorten};

const DETAIL_WIDTH: usize = 90;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The instance's id
    id: String,
}

pub(super) async fn run(args: &Args, target: &Target) -> Result<()> {
    let client = target.client()?;
    let path = format!("{}/history", path(target, &args.id)?);
    let mut events: Vec<Value> = Vec::new();
    let mut from = 0;
    loop {
        let page = client.get(&format!("{path}?from_turn={from}")).await?;
        events.extend(page["events"].as_array().into_iter().flatten().cloned());
        match page["next_turn"].as_u64() {
            Some(next) => from = next,
            None => break,
        }
    }
    if target.json {
        output::print_json(&json!({"events": events}));
        return Ok(());
    }
    timeline(&events)?.print();
    Ok(())
}

/// One row an event, with the time since the first one. Beginnings of turns are left out: they
/// say when the code ran, not what happened.
fn timeline(events: &[Value]) -> Result<Table> {
    let mut table = Table::new(&["after", "what", "", "detail"]);
    let mut start = None;
    for event in events {
        let at = event["at"].as_str().context("an event has no time")?;
        let at: Timestamp = at.parse()?;
        let start = *start.get_or_insert(at);
        if event["type"] == "orchestrator_started" {
            continue;
        }
        let elapsed = at.as_millisecond() - start.as_millisecond();
        let (subject, detail) = describe(event, events);
        table.row([
            offset(elapsed),
            cell(event, "type").replace('_', " "),
            subject,
            shorten(&detail, DETAIL_WIDTH),
        ]);
    }
    Ok(table)
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

/// Who an event is about, and what it says.
fn describe(event: &Value, events: &[Value]) -> (String, String) {
    let text = |member: &str| match &event[member] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let first = |members: &[&str]| {
        let mut texts = members.iter().map(|member| text(member));
        texts.find(|text| !text.is_empty()).unwrap_or_default()
    };
    let scheduled = |number: &Value| {
        let is_it = |other: &&Value| other["id"] == *number && !number.is_null();
        events.iter().find(is_it).map(|other| cell(other, "name"))
    };
    let number = first(&["id", "task", "timer"]);
    let name = first(&["name"]);
    let name = if name.is_empty() {
        scheduled(&event["task"]).unwrap_or_default()
    } else {
        name
    };
    let subject = match (name.as_str(), number.as_str()) {
        ("" | "-", "") => String::new(),
        ("" | "-", number) => format!("#{number}"),
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

#[cfg(test)]
mod tests {
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
        let (subject, detail) = describe(&events[1], &events);
        assert_eq!(
            (subject.as_str(), detail.as_str()),
            ("charge #0", r#"{"cents":5}"#)
        );
        let (subject, detail) = describe(&events[2], &events);
        assert_eq!(
            (subject.as_str(), detail.as_str()),
            ("charge #0", "declined: no money")
        );
        assert!(!timeline(&events).unwrap().is_empty());
    }
}
