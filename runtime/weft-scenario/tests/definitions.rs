//! Every real definition runs to an end, with services that answer something plausible; and a long
//! loop takes time in proportion to its items.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use weft_scenario::{Bench, Case};
use weft_workflow::value::Value;

const ANSWER: &str = r#"{
    "match": {},
    "response": {"status": 200, "body": {
        "value": [{"id": "1", "name": "one", "subject": "a subject", "body": "text", "price": 5}],
        "id": "7", "name": "a name", "title": "a title", "status": "Succeeded", "state": "done",
        "token": "t", "access_token": "t", "count": 1, "url": "http://x.invalid/y"
    }},
    "callback": {"urlFromBody": "*", "afterMs": 1000, "body": {"SelectedOption": "Approve"}}
}"#;
/// What the trigger gets: the first that starts a run.
const BODIES: [&str; 3] = [
    BODY,
    r#"[{"id": "1"}]"#,
    r#"{"body": [{"id": "1"}], "rows": [{}]}"#,
];
const BODY: &str = r#"{"id": "1", "name": "a name", "value": [{"id": "1"}], "text": "a text",
    "Subject": "a subject", "From": "a@b.invalid", "Body": "text", "status": "new", "orders": [{}],
    "sbmessage": {"JobIdentifier": "j"}, "timerjobid": "j", "messages": [{"id": "1"}],
    "trackingId": "t", "logicAppName": "l", "resourceGroup": "r", "subscriptionId": "s"}"#;
/// A definition without any trigger: a fixture of a designer.
const WITHOUT_TRIGGER: &str = "logicappsux/mocks___workflows_BlankAgent.json";

fn value(json: &str) -> Value {
    serde_json::from_str(json).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "json" => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// Values for what a definition takes from where it is deployed: parameters, connections, settings.
fn surroundings(text: &str) -> Value {
    let named = |before: &str| {
        let parts = text.split(before).skip(1);
        let names = parts
            .filter_map(|part| part.split_once('\''))
            .map(|(name, _)| name);
        names.collect::<std::collections::BTreeSet<_>>()
    };
    let object = |names: Vec<(&str, Value)>| names.into_iter().collect::<Value>();
    let connections = named("parameters('$connections')['")
        .into_iter()
        .map(|name| {
            let id = format!("/connections/{name}");
            let members = [
                ("connectionId", Value::from(id)),
                ("connectionName", Value::from(name)),
            ];
            (name, members.into_iter().collect())
        });
    let connections = object(connections.collect());
    // A declared parameter keeps its default.
    let document = value(text);
    let definition = document.get("definition").unwrap_or(&document);
    let declared = |name: &str| {
        let at = format!("/parameters/{name}");
        definition
            .pointer(&at)
            .is_some_and(|declared| declared.get("defaultValue").is_some())
    };
    let mut parameters: Vec<(&str, Value)> = named("parameters('")
        .into_iter()
        .filter(|name| {
            *name != "$connections" && !name.contains(['#', '[', '<']) && !declared(name)
        })
        .map(|name| (name, Value::from("a value")))
        .collect();
    parameters.push(("$connections", connections));
    let settings = named("appsetting('").into_iter();
    let settings = settings.map(|name| (name, Value::from("a setting")));
    object(vec![
        ("parameters", object(parameters)),
        ("appSettings", object(settings.collect())),
    ])
}

/// Definitions that validation refuses: fixtures of a designer that never ran.
const REFUSED: usize = 5;

#[test]
fn every_definition_runs_to_an_end() {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../weft-workflow/tests/data/definitions");
    let files = files(&folder);
    let (answer, bench) = (value(ANSWER), Bench::default());
    let (mut refused, mut actions, mut wrong) = (0, 0, Vec::new());
    let mut statuses: BTreeMap<String, usize> = BTreeMap::new();
    let began = Instant::now();
    for path in &files {
        let text = std::fs::read_to_string(path).unwrap();
        let text = text.replace("#workflowname#", "w");
        let run = |body: &str| {
            let case = Case::stubbed("w", &text, &answer, value(body));
            bench.run(&case.with_files(surroundings(&text)))
        };
        let tried = BODIES.iter().map(|body| run(body));
        let mut tried: Vec<_> = tried.collect();
        let started = tried
            .iter()
            .position(|outcome| !outcome.statuses.is_empty());
        let outcome = tried.swap_remove(started.unwrap_or(0));
        actions += outcome.actions;
        let name = path.strip_prefix(&folder).unwrap().display();
        if outcome
            .faults
            .iter()
            .any(|fault| fault.starts_with("the deployment is refused"))
        {
            refused += 1;
            continue;
        }
        if !outcome.faults.is_empty() {
            wrong.push(format!("{name}\n  {}", outcome.faults.join("\n  ")));
        }
        if name.to_string() == WITHOUT_TRIGGER {
            assert!(outcome.statuses.is_empty());
            continue;
        }
        let Some(status) = outcome.statuses.first().cloned() else {
            wrong.push(format!(
                "{name}\n  no run has started: {:?}",
                outcome.answer
            ));
            continue;
        };
        *statuses.entry(status).or_default() += 1;
    }
    println!(
        "figure: {} definitions with stubs: {refused} are refused, the others run to an end \
         ({statuses:?}); {actions} actions in {} ms",
        files.len(),
        began.elapsed().as_millis()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(refused, REFUSED);
}

fn foreach(items: usize, inside: &str) -> (u128, u64) {
    let workflow = format!(
        r#"{{"definition": {{"triggers": {{"t": {{"type": "Request"}}}}, "actions": {{
            "V": {{"type": "InitializeVariable", "inputs": {{"variables": [
                {{"name": "v", "type": "array"}}]}}, "runAfter": {{}}}},
            "Each": {{"type": "Foreach", "foreach": "@range(0, {items})", "actions": {inside},
                "runAfter": {{"V": ["Succeeded"]}}}}}}}}}}"#
    );
    let case = Case::stubbed("w", &workflow, &value(ANSWER), Value::Null);
    let began = Instant::now();
    let outcome = Bench::default().run(&case);
    assert_eq!(outcome.faults, Vec::<String>::new());
    assert_eq!(outcome.statuses, ["Succeeded"]);
    assert_eq!(outcome.actions, items as u64 + 2);
    (began.elapsed().as_millis(), outcome.actions)
}

const SIZES: [usize; 4] = [1_250, 2_500, 5_000, 10_000];

/// Eight times the items take half of the sixty-four times at most that grow with the square: a margin
/// for a busy machine, which the best of three leaves out mostly.
fn is_linear(what: &str, inside: &str) {
    let best = |items| (0..3).map(|_| foreach(items, inside).0).min();
    let times = SIZES.map(|items| best(items).unwrap_or_default());
    println!("{what}: {SIZES:?} items in {times:?} ms");
    let (first, last) = (times[0].max(20), times[3]);
    assert!(last < first * 32, "{what}: {times:?}");
}

#[test]
fn a_long_loop_takes_time_in_proportion() {
    is_linear(
        "Compose",
        r#"{"C": {"type": "Compose", "inputs": "@item()"}}"#,
    );
    is_linear(
        "AppendToArrayVariable",
        r#"{"C": {"type": "AppendToArrayVariable", "inputs": {"name": "v", "value": "@item()"}}}"#,
    );
    is_linear(
        "Http",
        r#"{"C": {"type": "Http", "inputs": {"method": "POST", "uri": "http://mock.invalid/x",
            "body": "@item()"}}}"#,
    );
}
