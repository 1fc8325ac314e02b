//! What is too much, and the error that says so: `docs/workflow-limits.md` lists them.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};
use weft_id::{ExecutionId, InstanceId};
use weft_orchestration::{
    After, Event, Limits, Message, Outcome, Payload, Replay, Start, Timestamp,
};
use weft_workflow::definition::{Options, load_text};
use weft_workflow::program::Program;
use weft_workflow::run::{Callee, Run, RunStart, RunView, Settings};
use weft_workflow::value::Value;

/// Turns that a run here takes at the most.
const TURNS_MAX: usize = 2_000;

fn definition(actions: &Json) -> Json {
    json!({ "triggers": { "manual": { "type": "Request" } }, "actions": actions })
}

/// The first faults of a definition that is not taken.
fn refused(text: &str) -> String {
    let loaded = match load_text(text, &Options::default()) {
        Ok(loaded) => loaded,
        Err(faults) => return faults[0].to_string(),
    };
    match Program::compile(&loaded.workflows[0].definition) {
        Ok(_) => "it is taken".to_owned(),
        Err(faults) => faults[0].to_string(),
    }
}

/// Runs of one workflow, `flow`, which may call itself; timers fire at once.
struct World {
    program: Arc<Program>,
    settings: Arc<Settings>,
    instances: BTreeMap<InstanceId, (Run, Vec<Event>, Option<Outcome>)>,
    turns: usize,
}

impl World {
    fn run(actions: &Json) -> Self {
        let program = Arc::new(Program::compile(&Value::from(definition(actions))).unwrap());
        let responds = program.responds();
        let settings = Settings {
            workflow: "flow".into(),
            callees: [("flow".to_owned(), Callee::Workflow { responds })].into(),
            ..Settings::default()
        };
        let mut world = Self {
            program,
            settings: Arc::new(settings),
            instances: BTreeMap::new(),
            turns: 0,
        };
        let envelope = RunStart {
            awaited: true,
            ..RunStart::default()
        };
        let input = Payload::from(envelope.to_value().to_string());
        let start = Start::new(ExecutionId::from_u128(7), "flow", input);
        let mut open = vec![("run".parse().unwrap(), Message::Start(start))];
        while let Some((to, message)) = open.pop() {
            world.turns += 1;
            assert!(world.turns < TURNS_MAX, "it does not end");
            world.deliver(to, message, &mut open);
        }
        world
    }

    fn deliver(&mut self, to: InstanceId, message: Message, open: &mut Vec<(InstanceId, Message)>) {
        let (program, settings) = (&self.program, &self.settings);
        let (run, history, outcome) = self.instances.entry(to.clone()).or_insert_with(|| {
            let replay = Replay::new(to.clone(), Vec::new(), Limits::default());
            let run = Run::new(Arc::clone(program), Arc::clone(settings), replay);
            (run, Vec::new(), None)
        });
        if outcome.is_some() {
            return;
        }
        let turn = run.turn(vec![message], Timestamp::from_millis(1));
        history.extend(turn.events);
        // An Until has its hour; what fires here is what lets a long turn end.
        let at_once = turn
            .timers
            .into_iter()
            .filter(|t| t.fire_at.as_millis() == 1);
        open.extend(at_once.map(|timer| {
            let (execution, timer) = (timer.execution, timer.id);
            (to.clone(), Message::TimerFired { execution, timer })
        }));
        open.extend(turn.messages.into_iter().map(|m| (m.to, m.message)));
        if let After::Ended(ended) = turn.after {
            *outcome = Some(ended);
        }
    }

    fn view(&self) -> RunView {
        let (run, _, outcome) = &self.instances[&"run".parse().unwrap()];
        run.view(
            outcome
                .as_ref()
                .map(|outcome| (outcome, Timestamp::from_millis(1))),
        )
    }
}

#[test]
fn a_document_is_not_endless() {
    let long = format!("{{\"actions\": {{}}, \"x\": \"{}\"}}", "x".repeat(16 << 20));
    assert!(refused(&long).contains("longer than 16777216 bytes"));
    for open in ["[", "{\"a\":"] {
        let deep = refused(&open.repeat(100_000));
        assert!(
            deep.contains("is not JSON: recursion limit exceeded"),
            "{deep}"
        );
    }
    let mut value = json!(1);
    for _ in 0..126 {
        value = json!([value]);
    }
    let deep =
        refused(&definition(&json!({ "A": { "type": "Compose", "inputs": value } })).to_string());
    assert!(
        deep.contains("nests deeper than 128 levels") || deep.contains("recursion limit"),
        "{deep}"
    );
}

#[test]
fn containers_nest_and_actions_count_so_far() {
    let mut inner = json!({ "Leaf": { "type": "Compose", "inputs": 1 } });
    for level in 0..70 {
        inner = json!({ format!("S{level}"): { "type": "Scope", "actions": inner } });
    }
    let deep = Program::compile(&Value::from(definition(&inner))).unwrap_err();
    assert_eq!(
        deep[0].to_string(),
        "Actions nest 64 levels deep at the most."
    );

    let many: serde_json::Map<String, Json> = (0..10_001)
        .map(|n| (format!("A{n}"), json!({ "type": "Compose", "inputs": n })))
        .collect();
    let many = refused(&definition(&Json::Object(many)).to_string());
    assert_eq!(many, "A definition has 10000 actions at the most.");
}

#[test]
fn actions_in_a_circle_are_refused() {
    let circle = json!({
        "A": { "type": "Compose", "inputs": 1, "runAfter": { "C": ["Succeeded"] } },
        "B": { "type": "Compose", "inputs": 1, "runAfter": { "A": ["Succeeded"] } },
        "C": { "type": "Compose", "inputs": 1, "runAfter": { "B": ["Succeeded"] } }
    });
    let fault = refused(&definition(&circle).to_string());
    assert_eq!(fault, "'A' runs after itself, by way of others.");
}

#[test]
fn an_expression_that_grows_fails_its_action_alone() {
    let mut actions = json!({
        "Big": { "type": "InitializeVariable", "inputs": { "variables": [
            { "name": "s", "type": "string", "value": "0123456789" }] } },
        "After": { "type": "Compose", "inputs": "still here",
            "runAfter": { "Bomb": ["Failed"] } }
    });
    // Ten times as long with each level: ten gigabytes in the end.
    let mut bomb = "variables('s')".to_owned();
    for _ in 0..9 {
        bomb = format!("replace({bomb}, '0', '00000000000000000000')");
    }
    actions["Bomb"] = json!({ "type": "Compose", "inputs": format!("@string(range(0, {bomb}))"),
        "runAfter": { "Big": ["Succeeded"] } });
    let view = World::run(&actions).view();
    let of = |name: &str| view.actions.iter().find(|a| &*a.name == name).unwrap();
    assert_eq!(
        &*of("Bomb").code,
        "ExpressionLimitExceeded",
        "{:?}",
        of("Bomb").error
    );
    assert_eq!(of("After").status.as_str(), "Succeeded");
}

#[test]
fn an_until_that_never_holds_ends_at_its_count() {
    let until = |count: u64| {
        json!({ "Again": {
            "type": "Until", "expression": "@equals(1, 2)",
            "limit": { "count": count, "timeout": "PT1H" },
            "actions": { "A": { "type": "Compose", "inputs": 1 } }
        } })
    };
    let view = World::run(&until(5_000)).view();
    assert_eq!(view.actions[0].iterations, Some(5_000));
    assert_eq!(view.status.as_str(), "Succeeded");
    let view = World::run(&until(5_001)).view();
    let message = view.actions[0].error.as_ref().unwrap().to_string();
    assert_eq!(&*view.actions[0].code, "InvalidTemplate");
    assert!(
        message.contains("from 1 to 5000, and not '5001'"),
        "{message}"
    );
}

#[test]
fn a_foreach_takes_so_many_items() {
    let actions = json!({
        "All": { "type": "Foreach", "foreach": "@variables('list')", "actions": {},
            "runAfter": { "Twice": ["Succeeded"] } },
        "List": { "type": "InitializeVariable", "inputs": { "variables": [
            { "name": "list", "type": "array", "value": "@range(0, 100000)" }] } },
        "Twice": { "type": "AppendToArrayVariable", "inputs": { "name": "list", "value": 1 },
            "runAfter": { "List": ["Succeeded"] } }
    });
    let view = World::run(&actions).view();
    assert_eq!(&*view.actions[0].code, "ForeachItemsLimitExceeded");
}

#[test]
fn a_workflow_that_calls_itself_ends() {
    let actions = json!({
        "Call": { "type": "Workflow", "inputs": { "host": { "workflow": { "id": "flow" } } } },
        "Answer": { "type": "Response", "inputs": { "statusCode": 200 },
            "runAfter": { "Call": ["Succeeded"] } }
    });
    let world = World::run(&actions);
    let view = world.view();
    let call = view.actions.iter().find(|action| &*action.name == "Call");
    assert_eq!(&*call.unwrap().code, "NoResponse");
    assert!(
        world
            .instances
            .values()
            .all(|(_, _, outcome)| outcome.is_some())
    );
    let deepest = world
        .instances
        .values()
        .find_map(|(_, _, outcome)| match outcome {
            Some(Outcome::Failed(failure)) if failure.kind == "misuse" => {
                Some(failure.message.clone())
            }
            _ => None,
        });
    assert!(
        deepest
            .unwrap()
            .contains("the child's id would be too long")
    );
    // Five characters of 256 for each level.
    assert_eq!(world.instances.len(), 51);
}
