//! How many expressions a second are compiled, evaluated, and how many definitions judged?
//!
//! The expressions are those that real definitions have most of: a look-up, a text with two values in
//! it, a condition, and a sum over what is nested.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use weft_workflow::definition::{Options, load_text};
use weft_workflow::expression::{Budget, Context, Template};
use weft_workflow::value::Value;

const EXPRESSIONS: [(&str, &str); 4] = [
    ("look-up", "@triggerBody()?['order']?['customer']"),
    (
        "text",
        "/orders/@{triggerBody()?['id']}/lines/@{variables('n')}",
    ),
    (
        "condition",
        "@and(greater(length(triggerBody()?['lines']), 2), equals(triggerBody()?['state'], 'open'))",
    ),
    (
        "nested",
        "@formatDateTime(addDays('2026-01-01T00:00:00Z', mul(2, add(variables('n'), 1))), 'yyyy-MM-dd')",
    ),
];

const DEFINITION: &str = include_str!(
    "../tests/data/definitions/logicappunit/src_LogicAppUnit.Samples.LogicApps_http-async-workflow_workflow.json"
);

fn context() -> Context {
    let document = r#"{
        "variables": {"n": 3},
        "trigger": {"outputs": {"body": {"id": "o-17", "state": "open", "lines": [1, 2, 3],
            "order": {"customer": "c"}}}}
    }"#;
    let document: Value = serde_json::from_str(document).expect("JSON");
    Context::new(document, jiff::Timestamp::UNIX_EPOCH, 1)
}

fn expressions(criterion: &mut Criterion) {
    let context = context();
    for (name, text) in EXPRESSIONS {
        let template = Template::compile_string(text).expect("sound");
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(1));
        group.bench_function("evaluate", |bencher| {
            bencher.iter(|| template.evaluate(black_box(&context), &mut Budget::default()));
        });
        group.bench_function("compile", |bencher| {
            bencher.iter(|| Template::compile_string(black_box(text)));
        });
        group.finish();
    }
}

fn definitions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("definition");
    group.throughput(Throughput::Bytes(DEFINITION.len() as u64));
    group.bench_function("load and validate", |bencher| {
        bencher.iter(|| {
            let loaded = load_text(black_box(DEFINITION), &Options::default()).expect("sound");
            loaded.workflows[0].validate()
        });
    });
    group.finish();
}

criterion_group!(benches, expressions, definitions);
criterion_main!(benches);
