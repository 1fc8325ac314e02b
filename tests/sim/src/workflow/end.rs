//! How a run has ended, without what depends on when.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use weft_id::InstanceId;
use weft_orchestration::{Event, EventKind, Limits, Outcome};
use weft_workflow::program::Program;
use weft_workflow::run::{ActionView, Run, Settings};

use super::definition::Definitions;

/// Compiled workflows by their names.
pub(super) type Workflows = BTreeMap<&'static str, (Arc<Program>, Arc<Settings>)>;

/// # Errors
/// What is wrong with a definition.
pub(super) fn compile(definitions: &Definitions) -> Result<Workflows, String> {
    use weft_workflow::run::Callee;
    let compile = |name: &'static str, definition: &serde_json::Value| {
        let definition = weft_workflow::value::Value::from(definition.clone());
        let program = Program::compile(&definition);
        let program = program.map_err(|faults| format!("{faults:?} in {definition}"))?;
        Ok::<_, String>((name, Arc::new(program)))
    };
    let programs = [
        compile("root", &definitions.root)?,
        compile("child", &definitions.child)?,
    ];
    let callees: BTreeMap<String, Callee> = programs
        .iter()
        .map(|(name, program)| {
            let responds = program.responds();
            ((*name).to_owned(), Callee::Workflow { responds })
        })
        .collect();
    let settings = |name: &str| Settings {
        workflow: name.to_owned(),
        callees: callees.clone(),
        ..Settings::default()
    };
    Ok(programs
        .into_iter()
        .map(|(name, program)| (name, (program, Arc::new(settings(name)))))
        .collect())
}

/// The run that a history shows, as text: statuses, inputs, outputs and repetitions of all actions.
pub(super) fn shown(workflows: &Workflows, id: &InstanceId, history: &[Event]) -> String {
    let start = history.iter().find_map(|event| match &event.kind {
        EventKind::ExecutionStarted(start) => Some(start.clone()),
        _ => None,
    });
    let Some(start) = start else {
        return format!("{id} has no start");
    };
    let (program, settings) = &workflows[start.name.as_str()];
    let outcome = outcome(history);
    let at = history.last().map(|event| event.at).unwrap_or_default();
    let run = Run::over(
        Arc::clone(program),
        Arc::clone(settings),
        id.clone(),
        history.to_vec(),
        Limits::default(),
    );
    let view = run.view(outcome.map(|outcome| (outcome, at)));
    let mut text = format!(
        "{} {} {:?} {:?} {}\n",
        start.name,
        view.status.as_str(),
        view.code,
        view.error.map(|error| error.to_string()),
        view.outputs
    );
    for action in &view.actions {
        write_action(&mut text, "", action);
        let repetitions = run.repetitions(&action.name, outcome.is_some());
        for repetition in repetitions.unwrap_or_default() {
            write_action(
                &mut text,
                &format!("  {:?} ", repetition.indexes),
                &repetition.action,
            );
        }
    }
    text
}

/// How the instance has ended, where it has.
pub(super) fn outcome(history: &[Event]) -> Option<&Outcome> {
    history.iter().rev().find_map(|event| match &event.kind {
        EventKind::ExecutionCompleted { outcome } => Some(outcome),
        _ => None,
    })
}

fn write_action(text: &mut String, at: &str, action: &ActionView) {
    let value = |value: &Option<weft_workflow::value::Value>| match value {
        Some(value) => value.to_string(),
        None => "-".to_owned(),
    };
    let retries: Vec<_> = action
        .retries
        .iter()
        .map(|retry| format!("{} {}", retry.code, value(&retry.error)))
        .collect();
    let _ = writeln!(
        text,
        "{at}{} {} {} error {} inputs {} outputs {} retries {retries:?} {:?} {:?} {:?}",
        action.name,
        action.status.as_str(),
        action.code,
        value(&action.error),
        value(&action.inputs),
        value(&action.outputs),
        action.repetitions,
        action.iterations,
        action.items,
    );
}

/// The first line in which two ends differ.
pub(super) fn difference(expected: &str, found: &str) -> String {
    let mut lines = expected.lines().zip(found.lines());
    match lines.find(|(expected, found)| expected != found) {
        Some((expected, found)) => format!("expected {expected}, is {found}"),
        None => format!("expected {expected}, is {found}"),
    }
}
