//! Is the time of a Foreach linear in its items, and what does a run of it hold?
//!
//! `cargo run --release -p weft-workflow --example foreach`: for each kind of loop and each number of
//! items the microseconds of an item, live and replayed from the whole history, and the memory that
//! is resident beyond what was before. The last column would grow with the items if anything in the
//! run looked at all of them for each.
#![expect(
    clippy::unwrap_used,
    reason = "a measurement ends where it cannot go on"
)]

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use weft_id::ExecutionId;
use weft_orchestration::{After, Event, Limits, Message, Payload, Replay, Start, Timestamp};
use weft_workflow::program::Program;
use weft_workflow::run::{Callee, Run, RunStart, Settings};
use weft_workflow::value::Value;

const ITEMS: [u64; 4] = [1_250, 2_500, 5_000, 10_000];
const EXECUTION: ExecutionId = ExecutionId::from_u128(7);

const HTTP: &str =
    r#"{"type":"Http","inputs":{"method":"POST","uri":"http://x/","body":"@item()"}}"#;
const NESTED: &str =
    r#"{"type":"Workflow","inputs":{"host":{"workflow":{"id":"other"}},"body":"@item()"}}"#;

fn main() {
    println!("| loop | items | us an item, live | us an item, replayed | KiB held |");
    println!("|---|---|---|---|---|");
    let kinds = [
        ("20 requests at once", 20, HTTP),
        ("one request at a time", 1, HTTP),
        ("all requests at once", 10_000, HTTP),
        ("20 nested workflows at once", 20, NESTED),
    ];
    for (kind, concurrency, action) in kinds {
        for items in ITEMS {
            measure(kind, concurrency, action, items);
        }
    }
}

fn measure(kind: &str, concurrency: u64, action: &str, items: u64) {
    let text = format!(
        r#"{{"triggers":{{"t":{{"type":"Request"}}}},"actions":{{"All":{{"type":"Foreach",
            "foreach":"@range(0, {items})","actions":{{"One":{action}}},
            "runtimeConfiguration":{{"concurrency":{{"repetitions":{concurrency}}}}}}}}}}}"#
    );
    let definition: Value = serde_json::from_str(&text).unwrap();
    let program = Arc::new(Program::compile(&definition).unwrap());
    let settings = Arc::new(Settings {
        callees: [("other".to_owned(), Callee::Workflow { responds: true })].into(),
        ..Settings::default()
    });
    let made = |history: Vec<Event>| {
        let replay = Replay::new("run".parse().unwrap(), history, Limits::default());
        Run::new(Arc::clone(&program), Arc::clone(&settings), replay)
    };
    let before = resident_kib();
    let mut run = made(Vec::new());
    let input = Payload::from(RunStart::default().to_value().to_string());
    let start = Message::Start(Start::new(EXECUTION, "flow", input));
    let mut inbox = VecDeque::from([start]);
    let mut history = Vec::new();
    let (mut live, mut ended) = (Duration::ZERO, false);
    while let Some(message) = inbox.pop_front() {
        let began = Instant::now();
        let turn = run.turn(vec![message], Timestamp::from_millis(1));
        live += began.elapsed();
        ended = matches!(turn.after, After::Ended(_));
        history.extend(turn.events);
        inbox.extend(turn.tasks.into_iter().map(|task| Message::TaskDone {
            execution: EXECUTION,
            task: task.id,
            result: Ok(Payload::from(r#"{"statusCode":200,"body":1}"#)),
        }));
        let started = turn
            .messages
            .into_iter()
            .filter_map(|sent| match sent.message {
                Message::Start(start) => start.input.text().map(RunStart::read),
                _ => None,
            });
        inbox.extend(started.map(|start| Message::Event {
            name: start.unwrap().respond_to.unwrap().1,
            payload: Payload::from(r#"{"statusCode":200,"body":1}"#),
        }));
    }
    assert!(ended, "the run has not ended");
    let held = resident_kib().saturating_sub(before);
    let began = Instant::now();
    history.pop();
    let mut again = made(history);
    again.turn(Vec::new(), Timestamp::from_millis(1));
    let replayed = began.elapsed();
    println!(
        "| {kind} | {items} | {:.1} | {:.1} | {held} |",
        live.as_secs_f64() * 1e6 / items as f64,
        replayed.as_secs_f64() * 1e6 / items as f64,
    );
}

/// What Linux says, and nothing elsewhere.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse().ok())
        .unwrap_or_default()
}
