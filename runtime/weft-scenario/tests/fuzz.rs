//! Scenario files nobody would write: each comes to an end, passed, failed or refused, and the same each
//! time.
//!
//! `PROPTEST_CASES=100000 cargo test --workspace --test fuzz --release -- scenario` looks longer.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::Value;
use weft_scenario::{Bench, Case, find};

/// Whole scenarios, with their workflows in them.
static SCENARIOS: LazyLock<Vec<Value>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/more");
    let texts = find(&folder).unwrap().into_iter();
    let texts = texts.map(|path| std::fs::read_to_string(path).unwrap());
    let read = texts.filter(|text| text.len() < 8_000);
    read.map(|text| serde_json::from_str(&text).unwrap())
        .filter(|scenario: &Value| scenario["workflow"].is_object())
        .collect()
});

fn cases() -> u32 {
    match std::env::var("PROPTEST_CASES") {
        Ok(count) => count.parse().unwrap(),
        Err(_) => 150,
    }
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..400).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
        prop::sample::select(vec![
            "@item()",
            "@{triggerBody()}",
            "{{MOCK}}/x",
            "{{NAME}}",
            "$any",
            "*",
            "PT1S",
            "Succeeded",
        ])
        .prop_map(Value::from),
        Just(serde_json::json!({"$not": {"$regex": "("}})),
        Just(serde_json::json!({"$in": 5, "$length": "x"})),
        Just(serde_json::json!([[], {}])),
    ]
}

/// What is done to a place: another value, no value, or a copy of another place.
#[derive(Debug, Clone)]
enum Change {
    Replace(Value),
    Remove,
    Copy(prop::sample::Index),
}

fn change() -> impl Strategy<Value = (prop::sample::Index, Change)> {
    let kind = prop_oneof![
        4 => leaf().prop_map(Change::Replace),
        2 => Just(Change::Remove),
        2 => any::<prop::sample::Index>().prop_map(Change::Copy),
    ];
    (any::<prop::sample::Index>(), kind)
}

fn places(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, format!("{at}/{index}"), found);
            }
        }
        Value::Object(members) => {
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                places(member, format!("{at}/{key}"), found);
            }
        }
        _ => {}
    }
    found.push(at);
}

fn apply(scenario: &mut Value, at: prop::sample::Index, change: &Change) {
    let mut all = Vec::new();
    places(scenario, String::new(), &mut all);
    let place = at.get(&all[..]).clone();
    let copied = match change {
        Change::Copy(from) => {
            let from: &String = from.get(&all[..]);
            scenario.pointer(from).cloned()
        }
        Change::Replace(value) => Some(value.clone()),
        Change::Remove => None,
    };
    if let Some(value) = copied {
        *scenario.pointer_mut(&place).unwrap() = value;
        return;
    }
    let Some((parent, key)) = place.rsplit_once('/') else {
        return;
    };
    if let Some(Value::Object(members)) = scenario.pointer_mut(parent) {
        members.remove(&key.replace("~1", "/").replace("~0", "~"));
    }
}

/// What comes of the text of a file: the faults of the file, or of its run.
fn outcome(path: &Path, text: &[u8]) -> Result<Vec<String>, String> {
    std::fs::write(path, text).unwrap();
    let case = Case::load(path).map_err(|fault| fault.why)?;
    Ok(Bench::default().run(&case).faults)
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn changed_scenarios_come_to_an_end(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec(change(), 1..5),
    ) {
        let mut scenario = which.get(&SCENARIOS[..]).clone();
        for (at, change) in &changes {
            apply(&mut scenario, *at, change);
        }
        let folder = folder();
        let path = folder.path().join("scenario.json");
        let text = scenario.to_string();
        let first = outcome(&path, text.as_bytes());
        prop_assert_eq!(first, outcome(&path, text.as_bytes()));
    }

    #[test]
    fn any_bytes_are_no_scenario(bytes in prop::collection::vec(any::<u8>(), 0..80), cut in any::<prop::sample::Index>()) {
        let folder = folder();
        let path = folder.path().join("scenario.json");
        prop_assert!(outcome(&path, &bytes).is_err());
        let whole = SCENARIOS[0].to_string().into_bytes();
        let cut = cut.index(whole.len());
        prop_assert!(outcome(&path, &whole[..cut]).is_err());
        let mut spoiled = whole.clone();
        spoiled.splice(cut..cut, *b"\xff");
        prop_assert!(outcome(&path, &spoiled).is_err());
    }
}
