//! What does a workflow cost: its expressions, its actions, a long loop, and a step beside that of a
//! component?
//!
//! One request starts a run and is answered at its end. Ten calls of an activity in sequence are asked
//! of a workflow and of an orchestrator in Rust in turns, so that a step of the one stands beside a
//! step of the other.

use std::time::Instant;

use anyhow::anyhow;
use serde_json::{Map, Value, json};
use weft_workflow::expression::{Budget, Context, Template};

use super::{Plan, millis};
use crate::drive::{Request, Until, drive};
use crate::node::Subject;
use crate::report::{Figure, Report};

const CLIENTS: usize = 64;
const ACTIONS: usize = 10;
const ITEMS: usize = 5_000;
/// How often an expression is evaluated between two looks at the clock.
const BATCH: usize = 1_000;
const EXPRESSION: &str = "@{toUpper(concat('a', string(add(1, 2))))}-@{parameters('p')?['name']}";

pub(crate) async fn measure(plan: Plan, report: &mut Report) -> anyhow::Result<()> {
    expressions(plan, report)?;
    let subject = Subject::start();
    subject.orchestrations().await?;
    let compose = json!({"type": "Compose", "inputs": "@add(1, 2)"});
    let call =
        json!({"type": "InvokeFunction", "inputs": {"functionName": "echo", "parameters": 1}});
    let one = json!({"Each": {"type": "Foreach", "foreach": format!("@range(0, {ITEMS})"),
        "actions": {"C": {"type": "Compose", "inputs": "@item()"}}}});
    let composes = workflow(&subject, "composes", &chain(&compose)).await?;
    let calls = workflow(&subject, "calls", &chain(&call)).await?;
    let loops = workflow(&subject, "loops", &one).await?;
    let steps = subject.run("sequence", u32::try_from(ACTIONS)?)?;
    for request in [&composes, &calls, &loops, &steps] {
        drive(request, 1, Until::Sent(1)).await?;
    }
    let mut figures = [const { Vec::new() }; 6];
    for _ in 0..plan.rounds {
        let alone = drive(&composes, 1, Until::Passed(plan.round / 2)).await?;
        figures[0].push(millis(alone.quantile(0.5)));
        let busy = drive(&composes, CLIENTS, Until::Passed(plan.round)).await?;
        figures[1].push(busy.per_second() * ACTIONS as f64);
        let called = drive(&calls, CLIENTS, Until::Passed(plan.round)).await?;
        figures[2].push(called.per_second() * ACTIONS as f64);
        let stepped = drive(&steps, CLIENTS, Until::Passed(plan.round)).await?;
        figures[3].push(stepped.per_second() * ACTIONS as f64);
        figures[4].push(called.per_second() / stepped.per_second());
        let looped = drive(&loops, 1, Until::Sent(1)).await?;
        figures[5].push(millis(looped.quantile(0.5)));
    }
    let [alone, busy, called, stepped, share, looped] = figures;
    report.add(
        "Workflows",
        vec![
            Figure::of("10 Compose actions, 1 client, p50", "ms", alone),
            Figure::of("Compose actions, 64 clients", "/s", busy),
            Figure::of("calls of an activity, 64 clients", "/s", called),
            Figure::of("steps of a component, 64 clients", "/s", stepped),
            Figure::of("calls of a workflow, share of steps", "", share),
            Figure::of("Foreach over 5,000 items", "ms", looped),
        ],
    );
    Ok(())
}

/// Compiled once, evaluated again and again.
fn expressions(plan: Plan, report: &mut Report) -> anyhow::Result<()> {
    let template = Template::compile_string(EXPRESSION).map_err(|faults| anyhow!("{faults:?}"))?;
    let known = serde_json::from_str(r#"{"parameters": {"p": {"name": "n"}}}"#)?;
    let scope = Context::new(known, jiff::Timestamp::UNIX_EPOCH, 0);
    let mut rounds = Vec::new();
    for _ in 0..plan.rounds {
        let (begun, mut evaluated) = (Instant::now(), 0);
        while begun.elapsed() < plan.round / 2 {
            for _ in 0..BATCH {
                let value = template.evaluate(&scope, &mut Budget::default());
                value.map_err(|error| anyhow!("{}", error.message))?;
            }
            evaluated += BATCH;
        }
        rounds.push(evaluated as f64 / begun.elapsed().as_secs_f64());
    }
    let figure = Figure::of("expressions of five calls, one thread", "/s", rounds);
    report.add("Expressions", vec![figure]);
    Ok(())
}

/// Actions one after the other.
fn chain(action: &Value) -> Value {
    let mut actions = Map::new();
    for number in 0..ACTIONS {
        let mut action = action.clone();
        action["runAfter"] = match number {
            0 => json!({}),
            _ => json!({format!("A{}", number - 1): ["Succeeded"]}),
        };
        actions.insert(format!("A{number}"), action);
    }
    actions.into()
}

async fn workflow(subject: &Subject, name: &str, actions: &Value) -> anyhow::Result<Request> {
    let definition = json!({
        "$schema": "https://schema.management.azure.com/providers/Microsoft.Logic/schemas/2016-06-01/workflowdefinition.json#",
        "contentVersion": "1.0.0.0",
        "triggers": {"manual": {"type": "Request", "kind": "Http"}},
        "actions": actions,
        "outputs": {},
    });
    let document = json!({"definition": definition, "kind": "Stateful"});
    subject.workflow(name, &document).await?;
    subject.run_json(name, &json!({}))
}
