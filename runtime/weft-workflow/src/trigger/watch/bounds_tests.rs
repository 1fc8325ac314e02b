//! What a trigger keeps has to fit into what the node takes.

use weft_id::{ExecutionId, InstanceId};
use weft_orchestration::{After, Limits, Outcome, Start};

use super::*;

const WEBHOOK: &str = r#"{"type": "HttpWebhook", "inputs": {}, "splitOn": "@triggerBody()"}"#;

struct Small {
    limits: Limits,
    program: (Arc<Program>, Arc<Settings>),
    live: Watch,
    starts: usize,
    executions: usize,
}

impl Small {
    fn new(trigger: &str, payload_bytes_max: usize) -> Self {
        let text = format!(r#"{{"triggers": {{"when": {trigger}}}, "actions": {{}}}}"#);
        let definition: Value = serde_json::from_str(&text).unwrap();
        let settings = Settings {
            workflow: "flow".into(),
            ..Settings::default()
        };
        let program = (
            Arc::new(Program::compile(&definition).unwrap()),
            Arc::new(settings),
        );
        let limits = Limits {
            payload_bytes_max,
            ..Limits::default()
        };
        let mut made = Self {
            live: open(&program, limits),
            limits,
            program,
            starts: 0,
            executions: 1,
        };
        let state = WatchState::new("flow", "when", 1, "http://host").to_text();
        let execution = ExecutionId::from_u128(7);
        let start = Start::new(execution, WATCH.to_owned(), Payload::from(state));
        made.deliver(Message::Start(start));
        made
    }

    /// Delivers a message and goes on until nothing is left to be done.
    fn deliver(&mut self, message: Message) -> Option<Outcome> {
        let mut messages = vec![message];
        loop {
            let turn = self.live.turn(messages, Timestamp::from_millis(1));
            self.starts += turn.messages.len();
            match turn.after {
                After::Waiting => return None,
                After::Ended(outcome) => return Some(outcome),
                After::ContinuedAsNew { start, carried } => {
                    assert!(start.input.len() <= self.limits.payload_bytes_max);
                    self.executions += 1;
                    self.live = open(&self.program, self.limits);
                    messages = vec![Message::Start(start)];
                    messages.extend(carried);
                }
                After::Suspended | After::Entity(_) => panic!("{:?}", turn.after),
            }
        }
    }

    fn tell(&mut self, body: Value) -> Option<Outcome> {
        let told = Told {
            outputs: [("body", body)].into_iter().collect(),
            ..Told::default()
        };
        self.deliver(Message::Event {
            name: FIRE_EVENT.to_owned(),
            payload: Payload::from(serde_json::to_string(&told).unwrap()),
        })
    }
}

fn open(program: &(Arc<Program>, Arc<Settings>), limits: Limits) -> Watch {
    let id: InstanceId = "trigger".parse().unwrap();
    let replay = Replay::new(id, Vec::new(), limits);
    Watch::new(Arc::clone(&program.0), Arc::clone(&program.1), replay)
}

#[test]
fn all_items_of_a_large_firing_are_started() {
    let mut world = Small::new(WEBHOOK, 64 << 20);
    let item = Value::from("x".repeat(4_100));
    assert_eq!(world.tell(Value::from(vec![item; 1_001])), None);
    assert_eq!(world.starts, 1_001);
    assert_eq!(world.live.state().pending.len(), 0);
}

#[test]
fn what_waits_fits_into_a_payload() {
    let trigger = r#"{"type": "HttpWebhook", "inputs": {},
        "runtimeConfiguration": {"concurrency": {"runs": 1}}}"#;
    let mut world = Small::new(trigger, 1 << 20);
    for _ in 0..200 {
        assert_eq!(world.tell(Value::from("x".repeat(100 << 10))), None);
    }
    assert!(world.executions > 1);
    let state = world.live.state();
    assert!(!state.pending.is_empty());
    assert!(state.to_text().len() <= 1 << 20);
    assert!(
        state.bytes() >= state.to_text().len(),
        "it is counted in full"
    );
    let last = state.entries.back().unwrap();
    assert_eq!(last.code, "MaximumWaitingRunsExceeded");
}

#[test]
fn batches_fit_into_a_payload() {
    let trigger = r#"{"type": "Batch", "inputs": {"configurations": {"things":
        {"releaseCriteria": {"messageCount": 8000}}}}}"#;
    let mut world = Small::new(trigger, 1 << 20);
    let message = |bytes: usize| -> Value {
        let content = Value::from("\n".repeat(bytes / 2));
        [("content", content)].into_iter().collect()
    };
    for _ in 0..200 {
        assert_eq!(world.tell(message(30 << 10)), None);
    }
    assert_eq!(world.tell(message(900 << 10)), None);
    assert!(world.executions > 1);
    let state = world.live.state();
    assert!(
        state.bytes() >= state.to_text().len(),
        "it is counted in full"
    );
    assert!(world.starts > 0);
}

#[test]
fn a_run_begins_with_no_more_than_the_node_takes() {
    let mut world = Small::new(r#"{"type": "HttpWebhook", "inputs": {}}"#, 1 << 20);
    assert_eq!(world.tell(Value::from("x".repeat((1 << 20) - 600))), None);
    let last = world.live.state().entries.back().unwrap();
    assert_eq!(last.code, "TriggerOutputsTooLarge");
}

#[test]
fn another_revision_is_taken_over_with_a_large_state() {
    let trigger = r#"{"type": "HttpWebhook", "inputs": {},
        "runtimeConfiguration": {"concurrency": {"runs": 1}}}"#;
    let mut world = Small::new(trigger, 64 << 20);
    for _ in 0..3 {
        world.tell(Value::from("x".repeat(3 << 20)));
    }
    let before = world.executions;
    let print = world.live.state().fingerprint.clone();
    world.live.look.found = Some(Found {
        revision: 2,
        base_url: "http://host".into(),
        access_key: String::new(),
        stateless: false,
        fingerprint: Some(print),
    });
    world.tell(Value::from("x"));
    assert_eq!(world.executions, before + 1);
    assert_eq!(world.live.state().revision, 2);
}

#[test]
fn the_history_is_cut_by_what_was_sent_also_with_a_large_state() {
    let trigger = r#"{"type": "HttpWebhook", "inputs": {},
        "runtimeConfiguration": {"concurrency": {"runs": 1, "maximumWaitingRuns": 2}}}"#;
    let mut world = Small::new(trigger, 64 << 20);
    for _ in 0..14 {
        world.tell(Value::from("x".repeat(3 << 20)));
    }
    let state = world.live.state();
    assert!(state.bytes() > STATE_BYTES_LARGE);
    assert_eq!(state.entries.back().unwrap().code, TOO_MANY_RUNS);
    assert_eq!(world.executions, 3);
}

#[test]
fn a_watch_that_nobody_asked_for_fails_at_once() {
    let replay = Replay::new("trigger".parse().unwrap(), Vec::new(), Limits::default());
    let mut watch = Watch::refused(replay, Failure::permanent("NotATrigger", "no"));
    let state = WatchState::new("flow", "when", 1, "https://x/@victim/shop").to_text();
    let execution = ExecutionId::from_u128(7);
    let start = Start::new(execution, WATCH.to_owned(), Payload::from(state));
    let turn = watch.turn(vec![Message::Start(start)], Timestamp::from_millis(1));
    assert!(matches!(turn.after, After::Ended(Outcome::Failed(_))));
    assert!(turn.tasks.is_empty());
}
