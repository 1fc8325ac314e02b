//! Firings that wait while their trigger is changed or taken away.

use super::*;
use crate::trigger::TriggerCallback;

/// A trigger that is told of, with one run at a time.
fn one_at_a_time(extra: serde_json::Value) -> serde_json::Value {
    let mut trigger = json!({"type": "HttpWebhook", "inputs": {},
        "runtimeConfiguration": {"concurrency": {"runs": 1, "maximumWaitingRuns": 10_000}}});
    let members = extra.as_object().unwrap().clone();
    trigger.as_object_mut().unwrap().extend(members);
    trigger
}

impl World {
    fn bodies(&self) -> Vec<String> {
        let runs = self.runs.iter();
        runs.map(|(_, _, trigger)| trigger.pointer("/outputs/body").unwrap().to_string())
            .collect()
    }

    /// Ends every run that has begun, until no more begin.
    fn end_all(&mut self, until: u64) {
        for at in 1.. {
            let open: Vec<_> = self.open.iter().cloned().collect();
            if open.is_empty() {
                return;
            }
            for run in open {
                self.end_run(&run);
            }
            self.until(until + at * 10_000, || Crash::None);
        }
    }
}

#[test]
fn what_waits_is_started_where_the_trigger_is_gone() {
    for crash in [Crash::None, Crash::After] {
        let mut world = World::new(one_at_a_time(json!({})));
        world.until(1_000, || crash);
        for body in 0..3 {
            world.tell(json!({ "body": body }));
        }
        world.until(2_000, || crash);
        assert_eq!(world.bodies(), ["0"]);
        world.deploy(2, json!({"type": "Request"}));
        // It was sent before anybody knew.
        world.tell(json!({"body": 3}));
        world.until(3_000, || crash);
        assert_eq!(world.bodies(), ["0", "1", "2", "3"]);
        assert!(world.ended.is_some());
    }
}

#[test]
fn what_waits_is_started_over_several_executions_where_the_trigger_is_gone() {
    for crash in [Crash::None, Crash::After] {
        let splits = one_at_a_time(json!({"splitOn": "@triggerBody()"}));
        let mut world = World::new(splits);
        world.until(1_000, || crash);
        let items: Vec<u32> = (0..2_500).collect();
        world.tell(json!({ "body": items }));
        world.until(2_000, || crash);
        assert_eq!(world.runs.len(), 1);
        world.active = None;
        world.tell_to_look();
        world.until(3_000, || crash);
        let expected: Vec<String> = (0..2_500).map(|n| n.to_string()).collect();
        assert_eq!(world.bodies(), expected);
        assert!(world.ended.is_some());
        assert!(world.executions >= 3, "{}", world.executions);
    }
}

#[test]
fn a_trigger_that_is_back_before_all_is_started_begins_anew() {
    let trigger = one_at_a_time(json!({"type": "Recurrence", "splitOn": "@range(0, 2500)",
        "recurrence": {"frequency": "Second", "interval": 60}}));
    let mut world = World::new(trigger.clone());
    world.until(1_000, || Crash::None);
    world.active = None;
    world.tell_to_look();
    let executions = world.executions;
    while world.executions == executions {
        assert!(world.turn(Crash::None) || world.act());
    }
    assert!(world.runs.len() < 2_500);
    world.deploy(2, trigger);
    world.until(30_000, || Crash::None);
    assert_eq!(world.ended, None);
    let state = world.live.as_ref().unwrap().state();
    assert_eq!((state.revision, state.ending), (2, false));
    assert_eq!(state.activated, Some(Timestamp::from_millis(EPOCH + 1_000)));
}

#[test]
fn what_was_accepted_is_started_whatever_the_definition_says_by_now() {
    let nothing = json!({"conditions": [{"expression": "@equals(1, 2)"}]});
    let mut world = World::new(one_at_a_time(json!({"splitOn": "@triggerBody()"})));
    world.until(1_000, || Crash::None);
    world.tell(json!({"body": ["a", "b"]}));
    world.tell(json!({"body": ["c"]}));
    world.until(2_000, || Crash::None);
    // No condition holds, and the items are still there.
    let mut changed = nothing.clone();
    changed["splitOn"] = json!("@triggerBody()");
    world.deploy(2, one_at_a_time(changed));
    world.until(3_000, || Crash::None);
    assert_eq!(world.bodies(), [r#""a""#]);
    world.end_all(3_000);
    assert_eq!(world.bodies(), [r#""a""#, r#""b""#, r#""c""#]);
    world.tell(json!({"body": ["d"]}));
    world.until(100_000, || Crash::None);
    assert_eq!(world.runs.len(), 3, "the condition is for what comes after");
}

#[test]
fn where_items_cannot_be_had_any_more_one_run_begins_with_all() {
    for split in [
        json!("@triggerBody()?['x']"),
        json!("@div(1, 0)"),
        json!(null),
    ] {
        let mut world = World::new(one_at_a_time(json!({"splitOn": "@triggerBody()"})));
        world.until(1_000, || Crash::None);
        world.tell(json!({"body": ["a", "b", "c"]}));
        world.tell(json!({"body": ["d", "e"]}));
        world.until(2_000, || Crash::None);
        world.deploy(2, one_at_a_time(json!({ "splitOn": split })));
        world.until(3_000, || Crash::None);
        world.end_all(3_000);
        assert_eq!(
            world.bodies(),
            [r#""a""#, r#"["a","b","c"]"#, r#"["d","e"]"#]
        );
        assert_eq!(world.live.as_ref().unwrap().state().pending.len(), 0);
    }
}

#[test]
fn no_more_runs_begin_than_were_decided() {
    let mut world = World::new(one_at_a_time(json!({"splitOn": "@take(triggerBody(), 2)"})));
    world.until(1_000, || Crash::None);
    world.tell(json!({"body": [1, 2, 3]}));
    world.until(2_000, || Crash::None);
    world.deploy(2, one_at_a_time(json!({"splitOn": "@triggerBody()"})));
    world.until(3_000, || Crash::None);
    world.end_all(3_000);
    assert_eq!(world.bodies(), ["1", "2"]);
}

#[test]
fn what_waits_is_started_also_by_a_revision_that_has_no_such_trigger() {
    let mut before = World::new(one_at_a_time(json!({"splitOn": "@triggerBody()"})));
    before.until(1_000, || Crash::None);
    before.tell(json!({"body": ["a", "b"]}));
    before.tell(json!({"body": ["c"]}));
    before.until(2_000, || Crash::None);
    let state = before.live.as_ref().unwrap().state().to_text();
    let mut world = World::new(json!({"type": "Request"}));
    let execution = ExecutionId::from_u128(8);
    let start = Start::new(execution, WATCH.to_owned(), Payload::from(state));
    world.inbox = [Message::Start(start)].into();
    world.until(3_000, || Crash::After);
    assert_eq!(world.bodies(), [r#"["a","b"]"#, r#"["c"]"#]);
    assert!(world.ended.is_some());
}

#[test]
fn a_webhook_is_subscribed_anew_with_a_url_of_another_access_key() {
    let call = |path: &str| {
        json!({"method": "POST", "uri": format!("http://x.invalid/{path}"),
            "body": "@listCallbackUrl()"})
    };
    let mut world = World::new(json!({"type": "HttpWebhook",
        "inputs": {"subscribe": call("on"), "unsubscribe": call("off")}}));
    world.until(1_000, || Crash::None);
    world.access_key = "2".to_owned();
    world.tell_to_look();
    world.until(2_000, || Crash::None);
    // Nothing comes of the same news.
    world.tell_to_look();
    world.until(3_000, || Crash::None);
    let text = |call: &Value, name: &str| call.get(name).map(Value::to_text).unwrap();
    let called = world.called.iter();
    let called: Vec<_> = called
        .map(|call| (text(call, "uri"), text(call, "body")))
        .collect();
    let uris: Vec<_> = called.iter().map(|(uri, _)| &uri[17..]).collect();
    assert_eq!(uris, ["on", "off", "on"]);
    let signed_with = |key: &str| {
        let (_, settings) = &world.programs[&1];
        TriggerCallback::new("flow", "when").url("http://host", settings, key)
    };
    let urls: Vec<_> = called.iter().map(|(_, url)| url.clone()).collect();
    assert_eq!(urls, [signed_with(""), signed_with(""), signed_with("2")]);
}

fn batches(count: u64, name: &str) -> serde_json::Value {
    json!({"type": "Batch", "inputs": {"mode": "Inline",
        "configurations": {name: {"releaseCriteria": {"messageCount": count}}}}})
}

impl World {
    fn send(&mut self, contents: std::ops::Range<u64>) {
        for content in contents {
            self.tell(json!({"body": {"batchName": "things", "content": content}}));
        }
    }

    /// The contents of each batch that was released.
    fn gathered(&self) -> Vec<String> {
        let contents = |trigger: &Value| {
            let items = trigger.pointer("/outputs/body/items")?.as_array()?.iter();
            let contents = items.map(|item| item.get("content").unwrap().to_text());
            Some(contents.collect::<Vec<_>>().join(","))
        };
        let runs = self.runs.iter();
        runs.map(|(_, _, trigger)| contents(trigger).unwrap())
            .collect()
    }
}

#[test]
fn what_a_batch_has_gathered_is_released_where_the_trigger_is_gone() {
    for crash in [Crash::None, Crash::After] {
        for gone in [Some(json!({"type": "Request"})), None] {
            let mut world = World::new(batches(3, "things"));
            world.until(1_000, || crash);
            world.send(0..5);
            world.until(2_000, || crash);
            assert_eq!(world.gathered(), ["0,1,2"]);
            match gone {
                Some(other) => world.deploy(2, other),
                None => {
                    world.active = None;
                    world.tell_to_look();
                }
            }
            // It was sent before anybody knew.
            world.send(5..6);
            world.until(3_000, || crash);
            let gathered = world.gathered().concat();
            assert_eq!(gathered.replace(',', ""), "012345", "{gathered}");
            assert!(world.ended.is_some());
        }
    }
}

#[test]
fn what_a_changed_definition_gathers_no_more_is_released() {
    for (changed, expected) in [
        (batches(4, "things"), "0,1,2,3"),
        (batches(2, "things"), "0,1"),
        (batches(3, "others"), "0,1"),
        (json!({"type": "HttpWebhook", "inputs": {}}), "0,1"),
    ] {
        let mut world = World::new(batches(3, "things"));
        world.until(1_000, || Crash::None);
        world.send(0..2);
        world.until(2_000, || Crash::None);
        // A fault of the definition loses nothing.
        world.deploy(
            2,
            json!({"type": "Recurrence", "recurrence": {"frequency": "Eon"}}),
        );
        world.until(2_500, || Crash::None);
        assert_eq!(world.gathered(), [""; 0]);
        world.deploy(3, changed.clone());
        world.until(3_000, || Crash::None);
        if expected == "0,1,2,3" {
            assert_eq!(world.gathered(), [""; 0], "{changed}");
            world.send(2..4);
            world.until(4_000, || Crash::None);
        }
        assert_eq!(world.gathered(), [expected], "{changed}");
        assert_eq!(world.entries().last().unwrap(), "Succeeded OK 1");
    }
}
