//! A world around one trigger, with crashes: what is committed stays, everything else is gone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use serde_json::json;
use weft_id::{ExecutionId, InstanceId};
use weft_orchestration::{After, Event, Limits, Outcome, Start};

use super::*;
use crate::run::RunStart;

mod limited;
mod locations;
mod redeployed;
mod requests;

/// A turn that has been run may be lost before it is committed, the process after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Crash {
    None,
    Before,
    After,
}

/// How an endpoint answers: status, headers.
type Answers = Box<dyn FnMut(&Value) -> serde_json::Value>;

struct World {
    programs: BTreeMap<u32, (Arc<Program>, Arc<Settings>)>,
    active: Option<u32>,
    access_key: String,
    /// Starts of runs in memory that fail before the next succeeds.
    starts_fail: usize,
    now: u64,
    history: Vec<Event>,
    inbox: VecDeque<Message>,
    /// Messages that continue-as-new has put before all others.
    timers: BTreeMap<(u64, u32), ExecutionId>,
    tasks: VecDeque<(ExecutionId, u32, String, Value)>,
    /// Started runs: when, their id and their trigger.
    runs: Vec<(u64, InstanceId, Value)>,
    parents: BTreeMap<InstanceId, (ExecutionId, u32)>,
    open: BTreeSet<InstanceId>,
    called: Vec<Value>,
    answers: Answers,
    live: Option<Watch>,
    decided: Vec<Entry>,
    ended: Option<Outcome>,
    executions: usize,
    longest_history: usize,
    turns: usize,
}

fn program(trigger: serde_json::Value) -> (Arc<Program>, Arc<Settings>) {
    let definition = Value::from(json!({"triggers": {"when": trigger}, "actions": {}}));
    let settings = Settings {
        workflow: "flow".into(),
        ..Settings::default()
    };
    (
        Arc::new(Program::compile(&definition).expect("compiles")),
        Arc::new(settings),
    )
}

const EPOCH: u64 = 1_772_352_000_000; // 2026-03-01T08:00:00Z

impl World {
    fn new(trigger: serde_json::Value) -> Self {
        let state = WatchState::new("flow", "when", 1, "http://host");
        let mut start = Start::new(
            ExecutionId::from_u128(7),
            WATCH.to_owned(),
            Payload::from(state.to_text()),
        );
        start.seed = None;
        Self {
            programs: [(1, program(trigger))].into(),
            active: Some(1),
            access_key: String::new(),
            starts_fail: 0,
            now: EPOCH,
            history: Vec::new(),
            inbox: [Message::Start(start)].into(),
            timers: BTreeMap::new(),
            tasks: VecDeque::new(),
            runs: Vec::new(),
            parents: BTreeMap::new(),
            open: BTreeSet::new(),
            called: Vec::new(),
            answers: Box::new(|_| json!({"statusCode": 202})),
            live: None,
            decided: Vec::new(),
            ended: None,
            executions: 1,
            longest_history: 0,
            turns: 0,
        }
    }

    fn answering(mut self, answers: impl FnMut(&Value) -> serde_json::Value + 'static) -> Self {
        self.answers = Box::new(answers);
        self
    }

    fn deploy(&mut self, revision: u32, trigger: serde_json::Value) {
        self.programs.insert(revision, program(trigger));
        self.active = Some(revision);
        self.tell_to_look();
    }

    fn tell_to_look(&mut self) {
        let name = LOOK_EVENT.to_owned();
        let payload = Payload::null();
        self.inbox.push_back(Message::Event { name, payload });
    }

    fn tell(&mut self, outputs: serde_json::Value) {
        self.tell_all(&Told::of(Value::from(outputs)));
    }

    fn end_run(&mut self, run: &InstanceId) {
        self.open.remove(run);
        if let Some((execution, task)) = self.parents.remove(run) {
            self.inbox.push_back(Message::ChildDone {
                execution,
                task,
                result: Ok(Payload::null()),
            });
        }
    }

    fn opened(&self) -> Watch {
        let start = self.history.iter().find_map(|event| match &event.kind {
            weft_orchestration::EventKind::ExecutionStarted(start) => Some(start.clone()),
            _ => None,
        });
        let start = start.or_else(|| {
            self.inbox.iter().find_map(|message| match message {
                Message::Start(start) => Some(start.clone()),
                _ => None,
            })
        });
        let input = start.expect("a start").input;
        let state = WatchState::read(input.text().unwrap()).expect("a state");
        let (program, settings) = self.programs[&state.revision].clone();
        let id = "trigger".parse().expect("an id");
        let replay = Replay::new(id, self.history.clone(), Limits::default());
        Watch::new(program, settings, replay)
    }

    /// Runs one turn where anything has arrived.
    fn turn(&mut self, crash: Crash) -> bool {
        if self.inbox.is_empty() || self.ended.is_some() {
            return false;
        }
        let messages: Vec<Message> = self.inbox.iter().cloned().collect();
        let now = Timestamp::from_millis(self.now);
        let opened = self.opened();
        let mut watch = self.live.take().unwrap_or(opened);
        let turn = watch.turn(messages.clone(), now);
        // Whoever replays the history comes to the same turn.
        let again = self.opened().turn(messages, now);
        assert_eq!(turn, again, "a replay decides otherwise");
        if crash == Crash::Before {
            return true;
        }
        self.turns += 1;
        self.decided.extend(watch.take_decided());
        self.history.extend(turn.events);
        self.inbox.clear();
        self.longest_history = self.longest_history.max(self.history.len());
        for timer in turn.timers {
            let at = timer.fire_at.as_millis();
            self.timers.insert((at, timer.id), timer.execution);
        }
        for task in turn.tasks {
            let input = serde_json::from_str(task.input.text().unwrap()).unwrap();
            let task = (task.execution, task.id, task.name, input);
            self.tasks.push_back(task);
        }
        for outgoing in turn.messages {
            let Message::Start(start) = outgoing.message else {
                continue;
            };
            let parent = start.parent.expect("a child");
            let begun = RunStart::read(start.input.text().unwrap()).unwrap();
            self.parents
                .insert(outgoing.to.clone(), (parent.execution, parent.task));
            self.open.insert(outgoing.to.clone());
            self.runs.push((self.now, outgoing.to, begun.trigger));
        }
        match turn.after {
            After::Waiting => self.live = (crash == Crash::None).then_some(watch),
            After::Ended(outcome) => self.ended = Some(outcome),
            After::ContinuedAsNew { start, carried } => {
                self.executions += 1;
                self.history.clear();
                self.timers.clear();
                self.inbox.push_back(Message::Start(start));
                self.inbox.extend(carried);
            }
            After::Suspended | After::Entity(_) => panic!("{:?}", turn.after),
        }
        true
    }

    fn act(&mut self) -> bool {
        let Some((execution, task, name, input)) = self.tasks.pop_front() else {
            return false;
        };
        let result = match name.as_str() {
            START if self.starts_fail > 0 => {
                self.starts_fail -= 1;
                let result = Err(Failure::transient("unavailable", "no room"));
                self.inbox.push_back(Message::TaskDone {
                    execution,
                    task,
                    result,
                });
                return true;
            }
            START => {
                let id: InstanceId = input.get("run").unwrap().to_text().parse().unwrap();
                let begun = RunStart::read(&input.get("input").unwrap().to_string()).unwrap();
                self.open.insert(id.clone());
                self.runs.push((self.now, id, begun.trigger));
                json!(null)
            }
            LOOK => {
                let print = self.active.and_then(|revision| {
                    let (program, settings) = &self.programs[&revision];
                    let url = CallbackUrl {
                        base: "http://host",
                        access_key: &self.access_key,
                    };
                    fingerprint(program, settings, "when", &url)
                });
                json!({"revision": self.active.unwrap_or(0), "baseUrl": "http://host",
                    "accessKey": self.access_key, "fingerprint": print})
            }
            OPEN_RUNS => {
                let runs = input.get("runs").and_then(Value::as_array).unwrap();
                let ended: Vec<String> = runs
                    .iter()
                    .map(Value::to_text)
                    .filter(|run| !self.open.contains(&run.parse::<InstanceId>().unwrap()))
                    .collect();
                json!({ "ended": ended })
            }
            _ => {
                let mut call = input.as_object().cloned().unwrap();
                call.insert("at", Value::Int(i64::try_from(self.now - EPOCH).unwrap()));
                self.called.push(Value::Object(call));
                (self.answers)(&input)
            }
        };
        self.inbox.push_back(Message::TaskDone {
            execution,
            task,
            result: Ok(Payload::from(result.to_string())),
        });
        true
    }

    /// Lets all happen that happens until a time; each turn meets the next crash.
    fn until(&mut self, end: u64, mut crashes: impl FnMut() -> Crash) {
        let end = EPOCH + end;
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < 200_000, "it goes on without end");
            if self.turn(crashes()) || self.act() {
                continue;
            }
            let Some((&(at, id), &execution)) = self.timers.iter().next() else {
                break;
            };
            if at > end {
                break;
            }
            self.timers.remove(&(at, id));
            self.now = self.now.max(at);
            self.inbox.push_back(Message::TimerFired {
                execution,
                timer: id,
            });
        }
        self.now = self.now.max(end);
    }

    fn fired_at(&self) -> Vec<u64> {
        self.runs.iter().map(|(at, _, _)| at - EPOCH).collect()
    }

    fn entries(&self) -> Vec<String> {
        let watch = match &self.live {
            Some(_) => None,
            None => Some(self.opened()),
        };
        let state = match (&self.live, watch) {
            (Some(live), _) => live.state().clone(),
            (None, Some(mut watch)) => {
                watch.turn(Vec::new(), Timestamp::from_millis(self.now));
                watch.state().clone()
            }
            (None, None) => unreachable!(),
        };
        let entries = state.entries.iter();
        entries
            .map(|e| format!("{} {} {}", e.status, e.code, e.runs))
            .collect()
    }
}

fn every(seconds: u64) -> serde_json::Value {
    json!({"type": "Recurrence", "recurrence": {"frequency": "Second", "interval": seconds}})
}

#[test]
fn a_recurrence_fires_at_once_and_at_every_interval() {
    let mut world = World::new(every(10));
    world.until(60_000, || Crash::None);
    assert_eq!(
        world.fired_at(),
        [0, 10_000, 20_000, 30_000, 40_000, 50_000, 60_000]
    );
    assert_eq!(world.entries(), ["Succeeded OK 1"; 7]);
}

#[test]
fn the_history_is_cut_and_the_trigger_goes_on() {
    let mut world = World::new(every(1));
    world.until(1_000_000, || Crash::None);
    assert_eq!(
        world.fired_at(),
        (0..=1_000).map(|n| n * 1_000).collect::<Vec<_>>()
    );
    assert!(world.executions > 10, "{}", world.executions);
    assert!(world.longest_history < 1_000, "{}", world.longest_history);
    assert_eq!(world.entries().len(), 100);
}

#[test]
fn what_is_missed_is_fired_for_once() {
    let mut world = World::new(every(10));
    world.until(25_000, || Crash::None);
    // Nobody is there for a while.
    world.now += 42_000;
    world.until(90_000, || Crash::None);
    assert_eq!(
        world.fired_at(),
        [0, 10_000, 20_000, 67_000, 70_000, 80_000, 90_000]
    );
    let entries = world.entries();
    assert_eq!(entries.len(), 8);
    assert_eq!(entries[4], "Skipped TriggerOccurrencesMissed 0");
    let state = world.live.as_ref().unwrap().state();
    let message = state.entries[4].message.as_ref().unwrap();
    assert_eq!(
        message,
        "3 occurrences after the one at 2026-03-01T08:00:30Z have passed while nobody watched, up to \
         2026-03-01T08:01:00Z."
    );
}

fn windows(start: &str) -> serde_json::Value {
    json!({"type": "SlidingWindow", "inputs": {"delay": "PT2S"},
        "recurrence": {"frequency": "Second", "interval": 10, "startTime": start}})
}

#[test]
fn every_window_is_fired_for_also_those_of_the_past() {
    let mut world = World::new(windows("2026-03-01T07:50:00Z"));
    world.until(21_000, || Crash::None);
    // Sixty of the past, the one that ends now waits for its delay, two more.
    assert_eq!(world.runs.len(), 62);
    let ends: Vec<_> = world
        .runs
        .iter()
        .map(|(_, _, trigger)| trigger.pointer("/outputs/windowEndTime").unwrap().to_text())
        .collect();
    assert_eq!(ends.first().unwrap(), "2026-03-01T07:50:00Z");
    assert_eq!(ends.last().unwrap(), "2026-03-01T08:00:10Z");
    let begins: Vec<_> = world
        .runs
        .iter()
        .map(|(_, _, trigger)| {
            trigger
                .pointer("/outputs/windowStartTime")
                .unwrap()
                .to_text()
        })
        .collect();
    assert_eq!(begins[1..], ends[..61], "they are contiguous");
    let last = world.fired_at();
    assert_eq!(last[60..], [2_000, 12_000]);
}

#[test]
fn a_new_revision_with_the_same_trigger_changes_nothing() {
    let mut world = World::new(every(10));
    world.until(5_000, || Crash::None);
    world.deploy(2, every(10));
    world.until(25_000, || Crash::None);
    assert_eq!(world.fired_at(), [0, 10_000, 20_000]);
    world.deploy(3, every(4));
    world.until(33_000, || Crash::None);
    assert_eq!(
        world.fired_at(),
        [0, 10_000, 20_000, 25_000, 29_000, 33_000]
    );
}

#[test]
fn a_trigger_that_is_no_more_ends() {
    let mut world = World::new(every(10));
    world.until(5_000, || Crash::None);
    world.deploy(2, json!({"type": "Request"}));
    world.until(60_000, || Crash::None);
    assert_eq!(world.fired_at(), [0]);
    assert_eq!(world.ended, Some(Outcome::Completed(Payload::null())));
}

fn poll() -> serde_json::Value {
    json!({"type": "Http", "inputs": {"method": "GET", "uri": "http://outside/things",
        "queries": {"since": "0"}, "retryPolicy": {"type": "none"}},
        "splitOn": "@triggerBody()?['value']",
        "recurrence": {"frequency": "Second", "interval": 30}})
}

#[test]
fn a_poll_fires_for_200_and_follows_location_and_retry_after() {
    let mut count = 0;
    let mut world = World::new(poll()).answering(move |_| {
        count += 1;
        match count {
            1 => json!({"statusCode": 202, "headers": {"Retry-After": "5"}}),
            2 => json!({"statusCode": 200, "headers": {"location": "/things?since=1"},
                "body": {"value": [1, 2]}}),
            3 => json!({"statusCode": 500}),
            4 => json!({"statusCode": 200, "body": {"value": 3}}),
            _ => json!({"statusCode": 202}),
        }
    });
    world.until(125_000, || Crash::None);
    let calls: Vec<_> = world
        .called
        .iter()
        .map(|call| {
            format!(
                "{} {}",
                call.get("at").unwrap(),
                call.get("uri").unwrap().to_text()
            )
        })
        .collect();
    assert_eq!(
        calls,
        [
            "0 http://outside/things",
            "5000 http://outside/things",
            "30000 http://outside/things?since=1",
            "60000 http://outside/things?since=1",
            "90000 http://outside/things?since=1",
            "120000 http://outside/things?since=1",
        ]
    );
    assert_eq!(world.fired_at(), [5_000, 5_000]);
    assert_eq!(
        world.entries(),
        [
            "Skipped Accepted 0",
            "Succeeded OK 2",
            "Failed InternalServerError 0",
            "Failed InvalidTemplate 0",
            "Skipped Accepted 0",
            "Skipped Accepted 0",
        ]
    );
}

fn webhook(path: &str) -> serde_json::Value {
    json!({"type": "HttpWebhook", "inputs": {
        "subscribe": {"method": "POST", "uri": format!("http://outside/{path}"),
            "body": {"url": "@{listCallbackUrl()}"}},
        "unsubscribe": {"method": "DELETE", "uri": format!("http://outside/{path}/mine")}
    }})
}

#[test]
fn a_webhook_subscribes_once_is_called_and_unsubscribes() {
    let mut world = World::new(webhook("a")).answering(|_| json!({"statusCode": 201}));
    world.until(1_000, || Crash::None);
    world.tell(json!({"body": {"n": 1}}));
    world.until(2_000, || Crash::None);
    world.deploy(2, webhook("a"));
    world.until(3_000, || Crash::None);
    world.deploy(3, webhook("b"));
    world.until(4_000, || Crash::None);
    world.active = None;
    world.tell_to_look();
    world.until(5_000, || Crash::None);
    let calls: Vec<_> = world
        .called
        .iter()
        .map(|call| {
            format!(
                "{} {}",
                call.get("method").unwrap(),
                call.get("uri").unwrap()
            )
        })
        .collect();
    assert_eq!(
        calls,
        [
            r#""POST" "http://outside/a""#,
            r#""DELETE" "http://outside/a/mine""#,
            r#""POST" "http://outside/b""#,
            r#""DELETE" "http://outside/b/mine""#,
        ]
    );
    let url = world.called[0].pointer("/body/url").unwrap().to_text();
    assert!(
        url.starts_with("http://host/api/flow/triggers/when/invoke?"),
        "{url}"
    );
    assert_eq!(world.runs.len(), 1);
    assert_eq!(
        world.runs[0].2.pointer("/outputs/body/n"),
        Some(&Value::Int(1))
    );
    assert!(world.ended.is_some());
}

#[test]
fn a_batch_is_released_by_count_and_by_the_clock() {
    let mut world = World::new(json!({"type": "Batch", "inputs": {"mode": "Inline",
        "configurations": {"things": {"releaseCriteria": {"messageCount": 3,
            "recurrence": {"frequency": "Minute", "interval": 1}}}}}}));
    world.until(1_000, || Crash::None);
    for n in 0..4 {
        world.tell(json!({"body": {"batchName": "things", "content": n}}));
    }
    world.tell(json!({"body": {"batchName": "others", "content": 0}}));
    world.until(130_000, || Crash::None);
    assert_eq!(world.fired_at(), [1_000, 60_000]);
    let contents: Vec<_> = world
        .runs
        .iter()
        .map(|(_, _, trigger)| {
            let items = trigger
                .pointer("/outputs/body/items")
                .and_then(Value::as_array);
            let items = items.unwrap().iter();
            items
                .map(|item| item.get("content").unwrap().to_text())
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(contents, [vec!["0", "1", "2"], vec!["3"]]);
    assert_eq!(world.entries()[1], "Failed BatchNameNotFound 0");
}

#[test]
fn many_items_are_started_in_portions() {
    let mut world = World::new(json!({"type": "HttpWebhook", "inputs": {},
        "splitOn": "@triggerBody()"}));
    world.until(1_000, || Crash::None);
    let items: Vec<u32> = (0..5_500).collect();
    world.tell(json!({ "body": items }));
    world.until(2_000, || Crash::None);
    let bodies: Vec<i64> = world
        .runs
        .iter()
        .map(|(_, _, trigger)| trigger.pointer("/outputs/body").unwrap().as_i64().unwrap())
        .collect();
    assert_eq!(bodies, (0..5_500).collect::<Vec<_>>());
    assert!(world.executions >= 6, "{}", world.executions);
    assert!(world.longest_history < 3_000, "{}", world.longest_history);
}

#[test]
fn a_trigger_that_cannot_be_understood_is_told_of_and_waits_for_another() {
    let mut world = World::new(
        json!({"type": "Recurrence", "recurrence": {"frequency": "Eon",
        "interval": 1}}),
    );
    world.until(5_000, || Crash::None);
    assert_eq!(world.entries(), ["Failed InvalidTemplate 0"]);
    world.deploy(2, every(10));
    world.until(5_500, || Crash::None);
    assert_eq!(world.fired_at(), [5_000]);
}

/// Crashes at the `n`th turn, before or after its commit.
fn crash_at(n: usize, crash: Crash) -> impl FnMut() -> Crash {
    let mut turn = 0;
    move || {
        turn += 1;
        if turn == n { crash } else { Crash::None }
    }
}

#[test]
fn a_crash_at_any_turn_neither_loses_nor_doubles_a_firing() {
    let runs = |trigger: &serde_json::Value, crash: &mut dyn FnMut() -> Crash| {
        let mut world = World::new(trigger.clone()).answering(|call| {
            match call.get("attempt").and_then(Value::as_i64) {
                Some(1) => json!({"statusCode": 200, "body": {"value": ["a", "b"]}}),
                other => panic!("{other:?}"),
            }
        });
        world.until(40_000, &mut *crash);
        world.deploy(2, trigger.clone());
        world.tell(json!({"body": {"batchName": "things", "value": ["c"]}}));
        world.until(140_000, &mut *crash);
        let ids: BTreeSet<_> = world.runs.iter().map(|(_, id, _)| id.clone()).collect();
        assert_eq!(ids.len(), world.runs.len(), "no run has the id of another");
        let what = world
            .runs
            .iter()
            .map(|(at, _, trigger)| (at - EPOCH, trigger.get("outputs").unwrap().to_string()));
        (what.collect::<Vec<_>>(), world.turns)
    };
    let batch = json!({"type": "Batch", "inputs": {"configurations": {"things":
        {"releaseCriteria": {"recurrence": {"frequency": "Minute", "interval": 1}}}}}});
    for trigger in [
        every(7),
        windows("2026-03-01T07:58:00Z"),
        poll(),
        webhook("a"),
        batch,
    ] {
        let (expected, turns) = runs(&trigger, &mut || Crash::None);
        assert!(!expected.is_empty(), "{trigger}");
        for n in 1..=turns {
            for crash in [Crash::Before, Crash::After] {
                let (found, _) = runs(&trigger, &mut crash_at(n, crash));
                assert_eq!(found, expected, "{crash:?} at turn {n} of {trigger}");
            }
        }
        let every_time = runs(&trigger, &mut || Crash::After);
        assert_eq!(every_time.0, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The node is away for any time at any moments: no window is lost or doubled, and a recurrence
    /// fires in order, never twice for the same moment.
    #[test]
    fn time_without_a_node_is_made_up_for(
        gaps in prop::collection::vec((1..60_000u64, 1..90_000u64), 1..8),
        crashes in prop::collection::vec(0..3u8, 64),
    ) {
        for trigger in [windows("2026-03-01T07:59:00Z"), every(7)] {
            let mut world = World::new(trigger);
            let mut end = 0;
            let mut at = 0;
            for (up, down) in &gaps {
                end += up;
                world.until(end, || {
                    at += 1;
                    match crashes[at % crashes.len()] {
                        0 => Crash::Before,
                        1 => Crash::After,
                        _ => Crash::None,
                    }
                });
                world.live = None;
                end += down;
                world.now = EPOCH + end;
            }
            world.until(end + 30_000, || Crash::None);
            let due: Vec<jiff::Timestamp> = world
                .runs
                .iter()
                .map(|(_, _, t)| t.get("scheduledTime").unwrap().to_text().parse().unwrap())
                .collect();
            prop_assert!(due.windows(2).all(|pair| pair[0] < pair[1]), "{due:?}");
            let of_windows = |name: &str| -> Vec<String> {
                let triggers = world.runs.iter().map(|(_, _, trigger)| trigger);
                triggers.filter_map(|trigger| Some(trigger.pointer(name)?.to_text())).collect()
            };
            let ends = of_windows("/outputs/windowEndTime");
            let begins = of_windows("/outputs/windowStartTime");
            if !ends.is_empty() {
                prop_assert_eq!(&begins[1..], &ends[..ends.len() - 1]);
                let wanted = (60_000 + end + 30_000 - 2_000) / 10_000 + 1;
                prop_assert_eq!(ends.len() as u64, wanted);
            }
        }
    }
}
