//! Triggers and what comes of their outputs.

use expect_test::{Expect, expect};
use serde_json::json;

use super::*;

fn value(json: serde_json::Value) -> Value {
    Value::from(json)
}

fn fate(trigger: serde_json::Value, outputs: serde_json::Value) -> Fate {
    fate_of(trigger, outputs, 0..usize::MAX)
}

fn fate_of(trigger: serde_json::Value, outputs: serde_json::Value, wanted: Range<usize>) -> Fate {
    let definition = value(json!({
        "parameters": {"least": {"type": "Int", "defaultValue": 10}},
        "triggers": {"when": trigger},
        "actions": {}
    }));
    let program = Program::compile(&definition).expect("compiles");
    let settings = Settings {
        workflow: "orders".into(),
        ..Settings::default()
    };
    let firing = Firing::of(&program.triggers()[0]).expect("compiles");
    let fired = Fired {
        inputs: None,
        outputs: value(outputs),
        client_tracking_id: Some("caller".into()),
        base_url: "http://host".into(),
        scheduled: None,
        now: "2026-03-01T08:00:00Z".parse().expect("a time"),
        seed: 1,
    };
    firing.fire_items(&program, &settings, &fired, wanted)
}

fn check(trigger: serde_json::Value, outputs: serde_json::Value, expected: Expect) {
    let text = match fate(trigger, outputs) {
        Fate::Runs(runs) => runs
            .iter()
            .map(|run| {
                let id = run.client_tracking_id.as_deref().unwrap_or_default();
                let outputs = run.trigger.get("outputs").cloned().unwrap_or_default();
                format!("{id}: {outputs}\n")
            })
            .collect(),
        Fate::Skipped { code, message } => format!("skipped {code}: {message}\n"),
        Fate::Failed { code, message } => format!("failed {code}: {message}\n"),
    };
    expected.assert_eq(&text);
}

#[test]
fn outputs_start_a_run() {
    check(
        json!({"type": "Request"}),
        json!({"headers": {"a": "b"}, "body": {"x": 1}}),
        expect![[r#"
            caller: {"body":{"x":1},"headers":{"a":"b"}}
        "#]],
    );
}

#[test]
fn all_conditions_have_to_hold() {
    let trigger = json!({"type": "Request", "conditions": [
        {"expression": "@greater(triggerBody()?['x'], parameters('least'))"},
        {"expression": {"and": [{"equals": ["@triggerOutputs()?['headers']?['kind']", "new"]}]}}
    ]});
    check(
        trigger.clone(),
        json!({"headers": {"kind": "new"}, "body": {"x": 11}}),
        expect![[r#"
            caller: {"body":{"x":11},"headers":{"kind":"new"}}
        "#]],
    );
    check(
        trigger.clone(),
        json!({"headers": {"kind": "old"}, "body": {"x": 11}}),
        expect![[r#"
            skipped TriggerConditionNotMet: The condition 2 of trigger 'when' does not hold.
        "#]],
    );
    check(
        trigger,
        json!({"headers": {"kind": "new"}, "body": null}),
        expect![[r#"
        failed InvalidTemplate: Unable to process template language expressions for trigger 'when': The template language function 'greater' expects its first parameter to be an integer, a float or a string. The provided value is of type 'Null'.
    "#]],
    );
}

#[test]
fn every_item_starts_a_run_with_a_tracking_id_of_its_own() {
    check(
        json!({
            "type": "Request",
            "splitOn": "@triggerBody()?['value']",
            "correlation": {"clientTrackingId": "@{triggerBody()?['id']}"}
        }),
        json!({"headers": {"h": 1}, "body": {"value": [{"id": 1}, {"id": 2}, {}]}}),
        expect![[r#"
            1: {"headers":{"h":1},"body":{"id":1}}
            2: {"headers":{"h":1},"body":{"id":2}}
            caller: {"headers":{"h":1},"body":{}}
        "#]],
    );
}

#[test]
fn what_is_no_array_is_not_split() {
    let trigger = json!({"type": "Request", "splitOn": "@triggerOutputs()?['body']"});
    check(
        trigger.clone(),
        json!({"body": {"x": 1}}),
        expect![[r#"
        failed InvalidTemplate: The 'splitOn' expression of trigger 'when' must give an array; it gives a value of type 'Object'.
    "#]],
    );
    check(
        trigger.clone(),
        json!({}),
        expect![[r#"
        failed InvalidTemplate: The 'splitOn' expression of trigger 'when' must give an array; it gives a value of type 'Null'.
    "#]],
    );
    check(
        trigger,
        json!({"body": []}),
        expect![[r#"
            skipped SplitOnEmpty: The 'splitOn' of trigger 'when' has no items.
        "#]],
    );
}

#[test]
fn too_many_items_are_refused() {
    let trigger = json!({"type": "Request", "splitOn": "@triggerBody()"});
    let items: Vec<u32> = (0..100_001).collect();
    let Fate::Failed { code, .. } = fate(trigger, json!({"body": items})) else {
        panic!("a run was started");
    };
    assert_eq!(code, Firing::TOO_MANY_ITEMS);
}

#[test]
fn faults_point_into_the_trigger() {
    let definition = value(json!({"triggers": {"when": {
        "type": "Request",
        "conditions": [{"expression": "@true"}, {"expression": "@nothing("}]
    }}, "actions": {}}));
    let program = Program::compile(&definition).expect("triggers are not compiled");
    let faults = Firing::of(&program.triggers()[0]).expect_err("does not compile");
    assert_eq!(faults[0].pointer, "/conditions/1/expression");
}

#[test]
fn items_are_given_in_portions() {
    let trigger = json!({"type": "Request", "splitOn": "@triggerBody()",
        "splitOnConfiguration": {"correlation": {"clientTrackingId": "@{guid()}"}}});
    let runs = |wanted: Range<usize>| {
        let outputs = json!({"body": (0..10).collect::<Vec<_>>()});
        match fate_of(trigger.clone(), outputs, wanted) {
            Fate::Runs(runs) => runs,
            other => panic!("{other:?}"),
        }
    };
    let all = runs(0..usize::MAX);
    assert_eq!(all.len(), 10);
    let portions = [runs(0..4), runs(4..8), runs(8..12), runs(12..16)];
    assert_eq!(portions.concat(), all, "also their random numbers");
}
