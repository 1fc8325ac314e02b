//! Text nobody would write: whatever comes in, nothing panics and no budget is exceeded.
//!
//! `PROPTEST_CASES=100000 cargo test -p weft-workflow --test fuzz --release` looks longer.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod runs;
mod signature;

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use weft_workflow::definition::{Options, load, load_text};
use weft_workflow::expression::{Budget, Context, Limits, Template};
use weft_workflow::value::Value;

const LIMITS: Limits = Limits {
    steps: 50_000,
    bytes: 1 << 20,
    depth: 40,
};

/// Every function, documented or not.
static FUNCTIONS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let lines = include_str!("../data/functions.tsv").lines().skip(1);
    lines
        .map(|line| line.split('\t').next().unwrap().to_owned())
        .collect()
});

/// The definitions that are mutated.
static DEFINITIONS: LazyLock<Vec<serde_json::Value>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/definitions");
    let mut found = Vec::new();
    for source in [
        "quickstart-2019",
        "logicappunit",
        "illogicapps",
        "logicappsux",
    ] {
        for entry in std::fs::read_dir(folder.join(source)).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            if text.len() < 20_000 {
                found.push(serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap());
            }
        }
    }
    found
});

fn context() -> Context {
    let document = r#"{
        "parameters": {"p": [1, {"a": null}]}, "variables": {"v": "text"},
        "trigger": {"outputs": {"body": {"$multipart": [{"body": "x"}], "x": 5}}},
        "actions": {"A": {"outputs": {"body": "<r><a x='1'>t</a></r>"}, "status": "Succeeded"}},
        "item": {"k": 1}, "items": {"L": [1]}, "iterationIndexes": {"U": 3},
        "workflow": {"name": "w", "run": {"name": "r"}}
    }"#;
    let document: Value = serde_json::from_str(document).unwrap();
    Context::new(document, "2026-03-29T00:30:00Z".parse().unwrap(), 7)
}

/// Whatever compiles is evaluated, twice, to the same.
fn evaluate(text: &str) {
    let compiled = [
        Template::compile_string(text),
        Template::compile_expression(text),
    ];
    for template in compiled.into_iter().flatten() {
        template.faults();
        template.references();
        let run = || {
            let mut budget = Budget::new(LIMITS);
            let value = template.evaluate(&context(), &mut budget);
            let (steps, bytes) = budget.spent();
            assert!(steps <= LIMITS.steps && bytes <= LIMITS.bytes);
            value
        };
        let (first, second) = (run(), run());
        if let Ok(value) = &first {
            assert!(value.depth() <= LIMITS.depth, "{text}");
            let written = value.to_string();
            serde_json::from_str::<Value>(&written).unwrap_or_else(|e| panic!("{e}: {written}"));
        }
        assert_eq!(first, second, "{text}");
    }
}

fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|truth| truth.to_string()),
        any::<i64>().prop_map(|number| number.to_string()),
        (-20_i64..200).prop_map(|number| number.to_string()),
        any::<f64>().prop_filter_map("JSON has no such number", |number| {
            number.is_finite().then(|| format!("{number:e}"))
        }),
        "[ -~]{0,12}|\\PC{0,6}".prop_map(|text| format!("'{}'", text.replace('\'', "''"))),
        prop_oneof![
            Just("yyyy-MM-dd'T'HH:mm:ss.fffffffK"),
            Just("2026-03-29T02:30:00"),
            Just("9999-12-31T23:59:59.9999999Z"),
            Just("0001-01-01"),
            Just("-10675199.02:48:05.4775808"),
            Just("W. Europe Standard Time"),
            Just("data:text/plain;base64,dGVzdA=="),
            Just("https://user@host:99/a/b?c=d#e"),
            Just("{\"a\":[1,2,{\"b\":null}]}"),
            Just("<r xmlns=\"u\"><a b=\"c\">t</a><!-- x --></r>"),
            Just("//*[position() > 1]/@*"),
            Just("#,##0.00;(0);zero"),
            Just("de-DE"),
            Just("A"),
            Just("%F0%9F%A6%80"),
            Just("Month"),
        ]
        .prop_map(|text| format!("'{text}'")),
    ]
}

/// Expressions that parse, with functions that mostly have as many arguments as they want.
fn expression() -> impl Strategy<Value = String> {
    let function = (0..FUNCTIONS.len()).prop_map(|index| FUNCTIONS[index].clone());
    literal().prop_recursive(5, 60, 4, move |inner| {
        prop_oneof![
            4 => (function.clone(), prop::collection::vec(inner.clone(), 0..4))
                .prop_map(|(name, arguments)| format!("{name}({})", arguments.join(", "))),
            1 => (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("createArray({a})?[{b}]")),
            1 => (inner.clone(), "[a-z]{1,3}").prop_map(|(a, b)| format!("json({a})?.{b}")),
            1 => inner.clone().prop_map(|a| format!("xml({a})")),
            1 => inner.prop_map(|a| format!("string({a})")),
        ]
    })
}

#[derive(Debug, Clone)]
enum Mutation {
    Remove,
    Replace(serde_json::Value),
    Rename(String),
    /// Puts a copy of another part here.
    Copy(usize),
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i32>().prop_map(serde_json::Value::from),
        "\\PC{0,8}".prop_map(serde_json::Value::from),
        expression().prop_map(|text| format!("@{text}").into()),
        expression().prop_map(|text| format!("[{text}]").into()),
        expression().prop_map(|text| format!("a @{{{text}}} b").into()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(serde_json::Value::from),
            prop::collection::vec(("[a-zA-Z@$]{0,6}", inner), 0..3).prop_map(|members| members
                .into_iter()
                .collect::<serde_json::Map<_, _>>()
                .into()),
        ]
    })
}

fn mutation() -> impl Strategy<Value = (usize, Mutation)> {
    let kind = prop_oneof![
        Just(Mutation::Remove),
        json().prop_map(Mutation::Replace),
        "[A-Za-z_]{1,8}".prop_map(Mutation::Rename),
        any::<usize>().prop_map(Mutation::Copy),
    ];
    (any::<usize>(), kind)
}

fn pointers(value: &serde_json::Value, at: String, found: &mut Vec<String>) {
    found.push(at.clone());
    match value {
        serde_json::Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointers(item, format!("{at}/{index}"), found);
            }
        }
        serde_json::Value::Object(members) => {
            for (key, member) in members {
                let key = key.replace('~', "~0").replace('/', "~1");
                pointers(member, format!("{at}/{key}"), found);
            }
        }
        _ => {}
    }
}

fn mutate(document: &mut serde_json::Value, at: usize, mutation: Mutation) {
    let mut all = Vec::new();
    pointers(document, String::new(), &mut all);
    let pointer = &all[at % all.len()];
    let copied = match &mutation {
        Mutation::Copy(from) => document.pointer(&all[from % all.len()]).cloned(),
        _ => None,
    };
    let (parent, key) = pointer.rsplit_once('/').unwrap_or(("", ""));
    let key = key.replace("~1", "/").replace("~0", "~");
    match mutation {
        Mutation::Replace(value) => *document.pointer_mut(pointer).unwrap() = value,
        Mutation::Copy(_) => *document.pointer_mut(pointer).unwrap() = copied.unwrap(),
        Mutation::Remove | Mutation::Rename(_) => {
            let Some(serde_json::Value::Object(members)) = document.pointer_mut(parent) else {
                return;
            };
            let removed = members.remove(&key);
            if let (Mutation::Rename(name), Some(value)) = (mutation, removed) {
                members.insert(name, value);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_an_expression_or_an_error(text in "@?[@{}()\\[\\]'?.,$a-zA-Z0-9 _+-]{0,60}|\\PC{0,40}") {
        evaluate(&text);
    }

    #[test]
    fn functions_take_whatever_they_are_given(text in expression()) {
        evaluate(&text);
        evaluate(&format!("@{text}"));
        evaluate(&format!("x@{{{text}}}@@{{y"));
    }

    #[test]
    fn any_text_is_a_definition_or_an_error(text in "\\PC{0,80}", json in json()) {
        let _ = load_text(&text, &Options::default());
        if let Ok(loaded) = load_text(&json.to_string(), &Options::default()) {
            loaded.workflows.iter().for_each(|workflow| drop(workflow.validate()));
        }
    }

    #[test]
    fn mutated_definitions_are_judged(
        which in any::<usize>(),
        mutations in prop::collection::vec(mutation(), 1..6),
    ) {
        let mut document = DEFINITIONS[which % DEFINITIONS.len()].clone();
        for (at, mutation) in mutations {
            mutate(&mut document, at, mutation);
        }
        if let Ok(loaded) = load(&Value::from(document), &Options::default()) {
            loaded.workflows.iter().for_each(|workflow| drop(workflow.validate()));
        }
    }
}

/// Few enough for every build; the environment asks for more.
fn cases() -> u32 {
    match std::env::var("PROPTEST_CASES") {
        Ok(count) => count.parse().unwrap(),
        Err(_) => 400,
    }
}

/// Deep and long text, and values that grow by sharing.
#[test]
fn bombs() {
    evaluate(&format!("@{}1{}", "concat(".repeat(90), ")".repeat(90)));
    evaluate(&format!("@{}", "concat(".repeat(100_000)));
    evaluate(&format!("@parameters('p'){}", "?['x']".repeat(10_000)));
    evaluate(&format!("@concat({})", "'a',".repeat(20_000)));
    evaluate(&format!("@{{{}}}", "1".repeat(70_000)));
    let doubled = (0..60).fold("createArray(1)".to_owned(), |inner, _| {
        format!("createArray({inner})")
    });
    evaluate(&format!("@{doubled}"));
    evaluate("@range(0, 100000)");
    evaluate("@json(concat('[', substring(string(range(0, 9999)), 1)))");
    evaluate("@formatNumber(1, 'F99')");
    evaluate("@padLeft('x', 5)");
    let nested = "[".repeat(5_000);
    evaluate(&format!("@json('{nested}')"));
    evaluate(&format!("@xml('{}')", "<a>".repeat(5_000)));
    evaluate(&format!("@xpath(xml('<a/>'), '{}')", "(".repeat(5_000)));
    evaluate("@xpath(xml('<a><b/><b/><b/></a>'), '//*[//*[//*[//*]]]')");
}
