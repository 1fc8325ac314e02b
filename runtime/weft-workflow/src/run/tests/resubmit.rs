//! Runs that are repeated in part.

use super::*;

const NESTED: &str = r#"{"triggers":{},"actions":{
    "V":{"type":"InitializeVariable","inputs":{"variables":[{"name":"v","type":"integer","value":1}]}},
    "Inc":{"type":"IncrementVariable","inputs":{"name":"v","value":1},"runAfter":{"V":["Succeeded"]}},
    "S":{"type":"Scope","runAfter":{"Inc":["Succeeded"]},"actions":{
        "In":{"type":"Compose","inputs":"@guid()"},
        "Cond":{"type":"If","runAfter":{"In":["Succeeded"]},"expression":{"equals":["@variables('v')",2]},
            "actions":{
                "Yes":{"type":"Compose","inputs":"@concat(outputs('In'), 'x')"},
                "Then":{"type":"IncrementVariable","inputs":{"name":"v","value":10},
                    "runAfter":{"Yes":["Succeeded"]}}},
            "else":{"actions":{"No":{"type":"Compose","inputs":1}}}}}},
    "Loop":{"type":"Foreach","foreach":"@range(5, 3)","runAfter":{"S":["Succeeded"]},
        "runtimeConfiguration":{"concurrency":{"repetitions":1}},
        "actions":{
            "C":{"type":"Compose","inputs":"@concat(guid(), string(item()))"},
            "Add":{"type":"IncrementVariable","inputs":{"name":"v","value":100},
                "runAfter":{"C":["Succeeded"]}}}},
    "Last":{"type":"Compose","inputs":"@concat(string(outputs('C')), string(variables('v')), outputs('Yes'))",
        "runAfter":{"Loop":["Succeeded"]}}}}"#;

fn over(world: &World) -> Run {
    Run::over(
        Arc::clone(&world.program),
        Arc::clone(&world.settings),
        "run-1".parse().unwrap(),
        world.history.clone(),
        weft_orchestration::Limits::default(),
    )
}

fn kept(world: &World, from: &[&str]) -> Result<Kept, NotResubmittable> {
    let from: Vec<String> = from.iter().map(|name| (*name).to_owned()).collect();
    over(world).kept_before(&from)
}

type Answer = fn(&str, &Value) -> Result<Value, Failure>;

/// A run of a definition that takes over what is kept.
fn after(definition: &str, kept: Kept, answer: Answer) -> World {
    let mut world = World::new(definition, answer);
    let start = RunStart {
        kept: Some(kept),
        ..RunStart::default()
    };
    // Through the text that is stored.
    let input = Payload::from(start.to_value().to_string());
    let mut start = Start::new(execution(), "flow", input);
    start.seed = Some(ExecutionId::from_u128(8));
    world.deliver(vec![Message::Start(start)]);
    world.finish();
    world
}

fn again(world: &World, from: &[&str]) -> World {
    after(NESTED, kept(world, from).unwrap(), nothing)
}

fn action(world: &World, name: &str) -> ActionView {
    let view = world.view();
    let mut actions = view.actions.into_iter();
    actions.find(|action| &*action.name == name).unwrap()
}

fn outputs(world: &World, name: &str) -> Value {
    action(world, name).outputs.unwrap_or_default()
}

fn variable(world: &World) -> Value {
    let value = over(world).variables()["v"].clone();
    value.get("value").cloned().unwrap()
}

#[test]
fn a_run_is_taken_up_from_an_action() {
    let definition = r#"{"triggers":{},"actions":{
        "V":{"type":"InitializeVariable","inputs":{"variables":[{"name":"v","type":"string","value":"a"}]}},
        "A":{"type":"Compose","inputs":"@guid()","runAfter":{"V":["Succeeded"]}},
        "B":{"type":"Compose","inputs":"@concat(outputs('A'), variables('v'))","runAfter":{"A":["Succeeded"]}}}}"#;
    let first = run(definition, "1", nothing);
    let second = after(definition, kept(&first, &["b"]).unwrap(), nothing);
    let (first, second) = (first.view(), second.view());
    assert_eq!(second.status, Status::Succeeded);
    assert_eq!(first.actions[1].outputs, second.actions[1].outputs);
    assert_eq!(first.actions[2].outputs, second.actions[2].outputs);
    assert_eq!(second.resubmitted_from.as_deref(), Some("run-1"));
}

#[test]
fn an_action_inside_of_scopes_and_branches_is_reached_on_the_way_that_was_taken() {
    let first = run(NESTED, "1", nothing);
    assert_eq!(variable(&first), Value::Int(312));
    let second = again(&first, &["Then"]);
    assert_eq!(second.view().status, Status::Succeeded);
    for kept in ["V", "In", "Yes"] {
        assert_eq!(outputs(&first, kept), outputs(&second, kept), "{kept}");
    }
    // Not what the loop had made of it when the condition would have been asked again.
    assert_eq!(variable(&second), Value::Int(312));
    assert_ne!(outputs(&first, "C"), outputs(&second, "C"));
    assert_eq!(action(&second, "No").status, Status::Skipped);
    assert_eq!(action(&second, "Loop").iterations, Some(3));

    let from_inside = again(&first, &["In"]);
    assert_ne!(outputs(&first, "Yes"), outputs(&from_inside, "Yes"));
    assert_eq!(variable(&from_inside), Value::Int(312));
}

#[test]
fn what_is_kept_has_its_insides() {
    let first = run(NESTED, "1", nothing);
    let second = again(&first, &["Last"]);
    assert_eq!(outputs(&first, "Last"), outputs(&second, "Last"));
    let indexes = |world: &World| {
        let repeated = over(world).repetitions("C", true).unwrap();
        let shown = repeated.into_iter();
        shown
            .map(|one| (one.indexes[0].1, one.action.outputs))
            .collect::<Vec<_>>()
    };
    assert_eq!(indexes(&first), indexes(&second));
    // A run that was repeated can be repeated.
    let third = again(&second, &["Inc"]);
    assert_eq!(variable(&third), Value::Int(312));
    assert_eq!(outputs(&third, "V"), outputs(&first, "V"));
    assert_ne!(outputs(&third, "In"), outputs(&first, "In"));
    let fourth = again(&again(&third, &["Then"]), &["Loop"]);
    assert_eq!(variable(&fourth), Value::Int(312));
    assert_eq!(outputs(&fourth, "In"), outputs(&third, "In"));
}

#[test]
fn from_several_actions_at_once() {
    let first = run(NESTED, "1", nothing);
    // The whole scope runs again where what is before it does.
    let second = again(&first, &["Then", "Inc"]);
    assert_ne!(outputs(&first, "In"), outputs(&second, "In"));
    assert_eq!(variable(&second), Value::Int(312));
}

#[test]
fn what_cannot_mean_anything_is_refused_and_shown_as_that() {
    let first = run(NESTED, "1", nothing);
    let why = |from: &[&str]| kept(&first, from).unwrap_err();
    assert_eq!(why(&[]), NotResubmittable::Nothing);
    assert_eq!(why(&["Nobody"]), NotResubmittable::Unknown("Nobody".into()));
    let in_loop = NotResubmittable::InLoop {
        action: "Add".into(),
        around: "Loop".into(),
    };
    assert_eq!(why(&["Then", "add"]), in_loop);
    assert_eq!(why(&["No"]), NotResubmittable::NotRun("No".into()));
    let resubmittable: Vec<String> = first
        .view()
        .actions
        .iter()
        .filter(|action| action.can_resubmit)
        .map(|action| action.name.to_string())
        .collect();
    let expected = ["V", "Inc", "S", "In", "Cond", "Yes", "Then", "Loop", "Last"];
    assert_eq!(resubmittable, expected);
    for name in expected {
        assert_eq!(again(&first, &[name]).view().status, Status::Succeeded);
    }
}

#[test]
fn a_failure_deep_inside_is_mended() {
    fn failing(_: &str, _: &Value) -> Result<Value, Failure> {
        Ok(serde_json::from_str(r#"{"statusCode": 400}"#).unwrap())
    }
    fn mended(_: &str, _: &Value) -> Result<Value, Failure> {
        Ok(serde_json::from_str(r#"{"statusCode": 200, "body": "ok"}"#).unwrap())
    }
    let definition = r#"{"triggers":{},"actions":{
        "Try":{"type":"Scope","actions":{
            "Which":{"type":"Switch","expression":"b","cases":{
                "A":{"case":"a","actions":{"Other":{"type":"Compose","inputs":1}}},
                "B":{"case":"b","actions":{
                    "Id":{"type":"Compose","inputs":"@guid()"},
                    "Call":{"type":"Http","inputs":{"method":"GET","uri":"http://x.invalid/"},
                        "runAfter":{"Id":["Succeeded"]}}}}}},
            "After":{"type":"Compose","inputs":"@body('Call')","runAfter":{"Which":["Succeeded"]}}}},
        "Caught":{"type":"Compose","inputs":1,"runAfter":{"Try":["Failed"]}}}}"#;
    let first = run(definition, "1", failing);
    assert_eq!(action(&first, "Caught").status, Status::Succeeded);
    assert_eq!(action(&first, "After").status, Status::Skipped);
    let second = after(definition, kept(&first, &["Call"]).unwrap(), mended);
    assert_eq!(outputs(&second, "Id"), outputs(&first, "Id"));
    assert_eq!(outputs(&second, "After"), Value::from("ok"));
    assert_eq!(action(&second, "Try").status, Status::Succeeded);
    assert_eq!(action(&second, "Caught").status, Status::Skipped);

    // By now the action stands elsewhere: the scope runs again from its beginning.
    let moved = definition.replace(
        "\"type\":\"Switch\",\"expression\":\"b\",\"cases\"",
        "\"type\":\"Scope\",\"x\"",
    );
    let moved = moved.replace(
        "\"x\":{",
        "\"actions\":{\"Moved\":{\"type\":\"Compose\",\"inputs\":2}},\"x\":{",
    );
    let third = after(&moved, kept(&first, &["Call"]).unwrap(), mended);
    assert_eq!(outputs(&third, "Moved"), Value::Int(2));
}
