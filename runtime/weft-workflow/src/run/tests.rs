//! Small definitions, and what becomes of them: activities are answered at once, timers fire in
//! their order.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use weft_id::ExecutionId;
use weft_orchestration::{After, Event, Message, Outcome, Payload, Start};

use super::*;

mod resubmit;

/// An instance between its turns.
struct World {
    run: Run,
    program: Arc<Program>,
    settings: Arc<Settings>,
    history: Vec<Event>,
    now: u64,
    timers: Vec<(u64, u32)>,
    outcome: Option<Outcome>,
    answer: fn(&str, &Value) -> Result<Value, Failure>,
}

fn execution() -> ExecutionId {
    ExecutionId::from_u128(7)
}

fn replay(history: Vec<Event>) -> Replay {
    let limits = weft_orchestration::Limits::default();
    Replay::new("run-1".parse().unwrap(), history, limits)
}

impl World {
    fn new(definition: &str, answer: fn(&str, &Value) -> Result<Value, Failure>) -> Self {
        let definition: Value = serde_json::from_str(definition).unwrap();
        let program = Arc::new(Program::compile(&definition).unwrap());
        let settings = Arc::new(Settings::default());
        Self {
            run: Run::new(Arc::clone(&program), Arc::clone(&settings), replay(vec![])),
            program,
            settings,
            history: Vec::new(),
            now: 1_000,
            timers: Vec::new(),
            outcome: None,
            answer,
        }
    }

    fn start(&mut self, body: &str) {
        let start = RunStart {
            awaited: true,
            trigger: serde_json::from_str(&format!(r#"{{"outputs":{{"body":{body}}}}}"#)).unwrap(),
            ..RunStart::default()
        };
        let input = Payload::from(start.to_value().to_string());
        let start = Start::new(execution(), "flow", input);
        self.deliver(vec![Message::Start(start)]);
    }

    /// Runs a turn, and once more over the history: both must agree.
    fn deliver(&mut self, messages: Vec<Message>) {
        let mut again = Run::new(
            Arc::clone(&self.program),
            Arc::clone(&self.settings),
            replay(self.history.clone()),
        );
        let now = Timestamp::from_millis(self.now);
        let turn = self.run.turn(messages.clone(), now);
        assert_eq!(again.turn(messages, now), turn, "a replay differs");
        self.history.extend(turn.events);
        for timer in turn.timers {
            self.timers.push((timer.fire_at.as_millis(), timer.id));
        }
        self.timers
            .retain(|(_, id)| !turn.canceled_timers.contains(id));
        if let After::Ended(outcome) = turn.after {
            self.outcome = Some(outcome);
            return;
        }
        for task in turn.tasks {
            let input = serde_json::from_str(task.input.text().unwrap()).unwrap();
            let result = (self.answer)(&task.name, &input);
            self.deliver(vec![Message::TaskDone {
                execution: execution(),
                task: task.id,
                result: result.map(|value| Payload::from(value.to_string())),
            }]);
            if self.outcome.is_some() {
                return;
            }
        }
    }

    fn finish(&mut self) {
        while self.outcome.is_none() {
            self.timers.sort_unstable();
            assert!(!self.timers.is_empty(), "it waits for ever");
            let (at, timer) = self.timers.remove(0);
            self.now = at;
            self.deliver(vec![Message::TimerFired {
                execution: execution(),
                timer,
            }]);
        }
    }

    fn view(&self) -> RunView {
        let run = Run::over(
            Arc::clone(&self.program),
            Arc::clone(&self.settings),
            "run-1".parse().unwrap(),
            self.history.clone(),
            weft_orchestration::Limits::default(),
        );
        let at = Timestamp::from_millis(self.now);
        run.view(self.outcome.as_ref().map(|outcome| (outcome, at)))
    }
}

fn nothing(name: &str, _: &Value) -> Result<Value, Failure> {
    match name {
        "workflow/respond" => Ok(Value::Null),
        _ => panic!("{name} is called"),
    }
}

fn run(definition: &str, body: &str, answer: fn(&str, &Value) -> Result<Value, Failure>) -> World {
    let mut world = World::new(definition, answer);
    world.start(body);
    world.finish();
    world
}

fn check(actions: &str, expected: Expect) {
    check_with(actions, nothing, expected);
}

fn check_with(actions: &str, answer: fn(&str, &Value) -> Result<Value, Failure>, expected: Expect) {
    let definition =
        format!(r#"{{"triggers":{{"manual":{{"type":"Request"}}}},"actions":{actions}}}"#);
    let world = run(&definition, r#"{"n":3}"#, answer);
    let view = world.view();
    let mut shown = format!("{} after {} ms\n", view.status, world.now - 1_000);
    for action in &view.actions {
        let outputs = action
            .outputs
            .as_ref()
            .map(|o| format!(" {o}"))
            .unwrap_or_default();
        let times = action
            .repetitions
            .map(|n| format!(" x{n}"))
            .unwrap_or_default();
        let code = match &*action.code {
            "NotSpecified" => String::new(),
            code => format!(" ({code})"),
        };
        shown += &format!("{}{times}: {}{code}{outputs}\n", action.name, action.status);
    }
    expected.assert_eq(&shown);
}

#[test]
fn actions_run_after_one_another() {
    check(
        r#"{
            "B": {"type": "Compose", "inputs": "@add(outputs('A'), triggerBody()?['n'])",
                  "runAfter": {"a": ["SUCCEEDED"]}},
            "A": {"type": "Compose", "inputs": 1, "runAfter": {}},
            "Never": {"type": "Compose", "inputs": 1, "runAfter": {"A": ["Failed"]}},
            "Nor": {"type": "Compose", "inputs": 1, "runAfter": {"Never": ["Succeeded"]}}
        }"#,
        expect![[r#"
            Succeeded after 0 ms
            B: Succeeded (OK) 4
            A: Succeeded (OK) 1
            Never: Skipped (ActionSkipped)
            Nor: Skipped (ActionSkipped)
        "#]],
    );
}

#[test]
fn requests_are_retried_and_polled() {
    fn answer(_: &str, input: &Value) -> Result<Value, Failure> {
        let uri = input.get("uri").map(Value::to_text).unwrap_or_default();
        let attempt = input
            .get("attempt")
            .and_then(Value::as_i64)
            .unwrap_or_default();
        let json = match (uri.as_str(), attempt) {
            ("http://x/flaky", 1) => r#"{"statusCode":503,"body":"busy"}"#,
            ("http://x/flaky", _) => r#"{"statusCode":200,"body":{"ok":true}}"#,
            ("http://x/jobs", _) => {
                r#"{"statusCode":202,"headers":{"location":"/jobs/1","Retry-After":"3"}}"#
            }
            ("http://x/jobs/1", _) => r#"{"statusCode":200,"body":"done"}"#,
            ("http://x/down", _) => return Err(Failure::transient("ConnectionFailed", "refused")),
            _ => r#"{"statusCode":404}"#,
        };
        Ok(serde_json::from_str(json).unwrap())
    }
    check_with(
        r#"{
            "Flaky": {"type": "Http", "inputs": {"method": "GET", "uri": "http://x/flaky",
                "retryPolicy": {"type": "fixed", "count": 2, "interval": "PT1S"}}},
            "Job": {"type": "Http", "inputs": {"method": "POST", "uri": "http://x/jobs"}},
            "Gone": {"type": "Http", "inputs": {"method": "GET", "uri": "http://x/gone"}},
            "Down": {"type": "Http", "inputs": {"method": "GET", "uri": "http://x/down"},
                "limit": {"timeout": "PT20S"}},
            "Handled": {"type": "Compose", "inputs": "@actions('Down')['status']",
                "runAfter": {"Down": ["TimedOut"], "Gone": ["Failed"]}}
        }"#,
        answer,
        expect![[r#"
            Succeeded after 20000 ms
            Flaky: Succeeded (OK) {"statusCode":200,"body":{"ok":true}}
            Job: Succeeded (OK) {"statusCode":200,"body":"done"}
            Gone: Failed (NotFound) {"statusCode":404}
            Down: TimedOut (ActionTimedOut)
            Handled: Succeeded (OK) "TimedOut"
        "#]],
    );
}

#[test]
fn loops_and_branches() {
    check(
        r#"{
            "Init": {"type": "InitializeVariable",
                "inputs": {"variables": [{"name": "sum", "type": "integer", "value": 0}]}},
            "Each": {"type": "Foreach", "foreach": "@createArray(1, 2, 3)",
                "runAfter": {"Init": ["Succeeded"]},
                "actions": {
                    "Odd": {"type": "If", "expression": {"equals": ["@mod(item(), 2)", 1]},
                        "actions": {"Add": {"type": "IncrementVariable",
                            "inputs": {"name": "sum", "value": "@item()"}}},
                        "else": {"actions": {"Even": {"type": "Compose", "inputs": "@items('Each')"}}}},
                    "Twice": {"type": "Compose", "inputs": "@mul(item(), 2)"}
                }},
            "All": {"type": "Compose", "inputs": "@outputs('Twice')",
                "runAfter": {"Each": ["Succeeded"]}},
            "Again": {"type": "Until", "expression": "@greaterOrEquals(variables('sum'), 6)",
                "limit": {"count": 10}, "runAfter": {"All": ["Succeeded"]},
                "actions": {"More": {"type": "IncrementVariable", "inputs": {"name": "sum"}}}}
        }"#,
        expect![[r#"
            Succeeded after 0 ms
            Init: Succeeded
            Each: Succeeded
            Odd x3: Succeeded
            Add x3: Succeeded {"body":{"name":"sum","type":"Integer","value":4}}
            Even x3: Succeeded (OK) 2
            Twice x3: Succeeded (OK) 6
            All: Succeeded (OK) [2,4,6]
            Again: Succeeded
            More x2: Succeeded {"body":{"name":"sum","type":"Integer","value":6}}
        "#]],
    );
}

#[test]
fn scopes_fail_and_are_caught() {
    check(
        r#"{
            "Try": {"type": "Scope", "actions": {
                "Bad": {"type": "Compose", "inputs": "@div(1, 0)"},
                "Not": {"type": "Scope", "runAfter": {"Bad": ["Succeeded"]},
                    "actions": {"Inner": {"type": "Compose", "inputs": 1}}}}},
            "Catch": {"type": "Compose", "runAfter": {"Try": ["Failed", "TimedOut"]},
                "inputs": "@result('Try')[0]['status']"},
            "Respond": {"type": "Response", "runAfter": {"Catch": ["Succeeded"]},
                "inputs": {"statusCode": 500, "body": "@outputs('Catch')"}},
            "Wait": {"type": "Wait", "inputs": {"interval": {"count": 2, "unit": "Minute"}},
                "runAfter": {"Respond": ["Succeeded"]}}
        }"#,
        expect![[r#"
            Succeeded after 120000 ms
            Try: Failed (ActionFailed)
            Bad: Failed (InvalidTemplate)
            Not: Skipped (ActionSkipped)
            Inner: Skipped (ActionSkipped)
            Catch: Succeeded (OK) "Failed"
            Respond: Succeeded (OK) {"statusCode":500,"body":"Failed"}
            Wait: Succeeded (OK)
        "#]],
    );
}

#[test]
fn termination_ends_what_runs() {
    check(
        r#"{
            "Long": {"type": "Wait", "inputs": {"interval": {"count": 1, "unit": "Day"}}},
            "Then": {"type": "Compose", "inputs": 1, "runAfter": {"Long": ["Succeeded"]}},
            "Stop": {"type": "Terminate", "inputs": {"runStatus": "Failed",
                "runError": {"code": "E1", "message": "no"}}}
        }"#,
        expect![[r#"
            Failed after 0 ms
            Long: Cancelled (Terminated)
            Then: Skipped (ActionSkipped)
            Stop: Succeeded
        "#]],
    );
}

#[test]
fn a_long_loop_yields_and_stays_linear() {
    let items: Vec<String> = (0..30_000).map(|n| n.to_string()).collect();
    let definition = format!(
        r#"{{"triggers":{{}},"actions":{{
            "Each":{{"type":"Foreach","foreach":[{}],
                "actions":{{"C":{{"type":"Compose","inputs":"@item()"}}}}}}}}}}"#,
        items.join(",")
    );
    let world = run(&definition, "null", nothing);
    let turns = world
        .history
        .iter()
        .filter(|event| event.kind == weft_orchestration::EventKind::OrchestratorStarted);
    assert_eq!(turns.count(), 2);
    assert_eq!(world.view().actions[1].repetitions, Some(30_000));
}

#[test]
fn every_cause_of_a_skip_is_named() {
    let definition = r#"{"triggers":{},"actions":{
        "If":{"type":"If","expression":{"and":[{"equals":[1,2]}]},
            "actions":{"S":{"type":"Scope","actions":{"In":{"type":"Compose","inputs":1}}}},
            "else":{"actions":{}}},
        "After":{"type":"Compose","inputs":1,"runAfter":{"If":["Failed"]}}}}"#;
    let view = run(definition, "1", nothing).view();
    let causes: BTreeMap<_, _> = view
        .actions
        .iter()
        .filter_map(|a| Some((a.name.to_string(), a.error.as_ref()?.get("code")?.to_text())))
        .collect();
    let expected = [
        ("After", "ActionConditionFailed"),
        ("In", "ActionDependencyFailed"),
        ("S", "ActionBranchingConditionNotSatisfied"),
    ];
    let expected = expected.map(|(name, code)| (name.to_owned(), code.to_owned()));
    assert_eq!(causes, expected.into());
}

#[test]
fn secrets_stay_expressions_in_what_is_recorded() {
    fn answer(name: &str, input: &Value) -> Result<Value, Failure> {
        let uri = input.get("uri").map(Value::to_text).unwrap_or_default();
        let deferred = input.get("deferred").cloned().unwrap_or_default();
        let answer = match (name, uri.as_str()) {
            ("workflow/http", "http://x/a") => {
                expect![[r#"{"/headers/a~1b":"@concat('Key ', appsetting('key'), ' of it''s ', '3')","/authentication/password":"@appsetting('password')","/queries/q":"@concat('<', appsetting('key'), '>')","/body/0/n":"@add(int(appsetting('n')), 3)"}"#]]
                    .assert_eq(&deferred.to_string());
                r#"{"statusCode":202,"headers":{"Location":"http://x/b","Retry-After":"1"}}"#
            }
            ("workflow/http", "http://x/b") => {
                expect![[r#"{"/headers/a~1b":"@concat('Key ', appsetting('key'), ' of it''s ', '3')","/authentication/password":"@appsetting('password')"}"#]]
                    .assert_eq(&deferred.to_string());
                r#"{"statusCode":200}"#
            }
            other => panic!("{other:?}"),
        };
        Ok(serde_json::from_str(answer).unwrap())
    }
    let definition = r#"{
        "triggers": {"manual": {"type": "Request"}},
        "parameters": {"p": {"type": "String", "defaultValue": "<@{appsetting('key')}>"}},
        "actions": {
            "Call": {"type": "Http", "inputs": {
                "method": "POST", "uri": "http://@{appsetting('host')}/a",
                "Headers": {"a/b": "Key @{appsetting('key')} of it's @{triggerBody()?['n']}"},
                "authentication": {"type": "Basic", "username": "u",
                    "password": "@appsetting('password')"},
                "queries": {"q": "@parameters('p')"},
                "body": [{"n": "@add(int(appsetting('n')), triggerBody()?['n'])"}]}},
            "Not_here": {"type": "Compose", "inputs": "@appsetting('key')",
                "runAfter": {"Call": ["Succeeded"]}},
            "Nor_here": {"type": "Http", "inputs": {"method": "@appsetting('key')", "uri": "http://x"},
                "runAfter": {"Not_here": ["Failed"]}}
        }}"#;
    let mut world = World::new(definition, answer);
    let settings = Settings {
        app_settings: [("host".to_owned(), Value::from("x"))].into(),
        ..Settings::default()
    };
    world.settings = Arc::new(settings);
    let settings = Arc::clone(&world.settings);
    world.run = Run::new(Arc::clone(&world.program), settings, replay(vec![]));
    world.start(r#"{"n": 3}"#);
    world.finish();
    let view = world.view();
    let shown = |name: &str| {
        let action = view.actions.iter().find(|action| &*action.name == name);
        action.unwrap()
    };
    assert_eq!(shown("Call").status, Status::Succeeded);
    for (name, part) in [("Not_here", "weft secrets"), ("Nor_here", "'/method'")] {
        assert_eq!(shown(name).status, Status::Failed, "{name}");
        let error = shown(name).error.clone().unwrap().to_string();
        assert!(error.contains(part), "{error}");
    }
}
