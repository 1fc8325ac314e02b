//! What a scenario expects, compared with what has come of it.

mod actions;
mod requests;

use weft_workflow::http::Answer;
use weft_workflow::run::{RunView, Status};
use weft_workflow::value::{Object, Value};

use crate::Outcome;
use crate::batch::Watched;
use crate::case::Case;
use crate::deployed::Refused;
use crate::matcher::{fits, number_of, short};
use crate::mock::number;
use crate::trigger::Answered;
use crate::world::{Running, World};

/// Everything that is not as expected.
#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn compare(&mut self, what: &str, expected: &Value, found: Option<&Value>) {
        if let Err(mismatch) = fits(expected, found) {
            self.0.push(format!("{what}: {mismatch}"));
        }
    }
}

/// The deployment was refused.
pub(crate) fn refused(case: &Case, refused: &Refused) -> Outcome {
    let text = refused.0.join("\n");
    let mut faults = Faults::default();
    match case.expect.get("deploy") {
        None => faults.0.push(format!("the deployment is refused: {text}")),
        Some(expected) => {
            if let Some(status) = expected.get("status") {
                faults.compare("deploy.status", status, Some(&Value::from(400i64)));
            }
            match expected.get("text") {
                Some(Value::String(part)) if !text.contains(&**part) => {
                    faults
                        .0
                        .push(format!("deploy.text: {part:?} is not in {text:?}"));
                }
                Some(Value::String(_)) | None => {}
                Some(matcher) => {
                    faults.compare("deploy.text", matcher, Some(&Value::from(text)));
                }
            }
        }
    }
    Outcome {
        faults: faults.0,
        ..Outcome::default()
    }
}

/// Everything has happened.
pub(crate) fn check(case: &Case, world: &World, answered: &Answered) -> Outcome {
    let expect = &case.expect;
    let mut faults = Faults(world.faults.clone());
    let started: Vec<&Running> = answered
        .runs
        .iter()
        .filter_map(|id| world.running(id))
        .collect();
    let views: Vec<RunView> = started
        .iter()
        .filter_map(|running| match world.view(running) {
            Ok(view) => Some(view),
            Err(fault) => {
                faults.0.push(fault);
                None
            }
        })
        .collect();
    if expect.get("noRun").and_then(Value::as_bool) == Some(true) && !started.is_empty() {
        faults
            .0
            .push(format!("noRun: {} have started", started.len()));
    }
    if let Some(unmatched) = world.mocks.log.iter().find(|asked| !asked.matched) {
        faults.0.push(format!(
            "no mock answers {} {}",
            unmatched.method, unmatched.path
        ));
    }
    runs(&mut faults, expect, &views);
    histories(&mut faults, expect, world);
    match (views.first(), started.first()) {
        (Some(view), Some(running)) => run(&mut faults, expect, view, running),
        _ => {
            let about_run = ["workflowStatus", "actions", "workflowOutputs"];
            if about_run.iter().any(|name| expect.get(name).is_some()) {
                faults.0.push("no run has started".to_owned());
            }
        }
    }
    let every = expect.pointer("/runs/actionsOf").map(Value::to_text);
    let shown = match every.as_deref() {
        Some("every") => started.len(),
        _ => 1,
    };
    if let Some(expected) = expect.get("actions") {
        for (running, view) in started.iter().zip(&views).take(shown) {
            actions::check(&mut faults, expected, running, view);
        }
    }
    responses(&mut faults, expect, answered);
    requests::check(&mut faults, expect, &world.mocks.log);
    Outcome {
        faults: faults.0,
        virtual_ms: world.now_ms,
        answer: answered.answer.as_ref().map(|answer| {
            format!(
                "{} {}",
                answer.status,
                String::from_utf8_lossy(&answer.body)
            )
        }),
        first_error: views.first().and_then(first_error),
        statuses: views.iter().map(|view| view.status.to_string()).collect(),
        actions: world
            .runs
            .iter()
            .map(|running| actions::count(world, running))
            .sum(),
    }
}

fn first_error(view: &RunView) -> Option<String> {
    let failed = view
        .actions
        .iter()
        .filter(|action| action.status == Status::Failed);
    let first = failed.min_by_key(|action| action.ended)?;
    let error = first.error.as_ref().map(short).unwrap_or_default();
    Some(format!("{} ({}): {error}", first.name, first.code))
}

fn runs(faults: &mut Faults, expect: &Value, views: &[RunView]) {
    let Some(expected) = expect.get("runs") else {
        return;
    };
    if let Some(count) = expected.get("count") {
        faults.compare("runs.count", count, Some(&number_of(views.len())));
    }
    if let Some(status) = expected.get("status") {
        for view in views {
            let found = Value::from(view.status.as_str());
            faults.compare("runs.status", status, Some(&found));
        }
    }
}

/// What became of the batches of the trigger, the oldest first.
fn histories(faults: &mut Faults, expect: &Value, world: &World) {
    let Some(expected) = expect.get("histories") else {
        return;
    };
    let entries = world
        .watched
        .as_ref()
        .into_iter()
        .flat_map(Watched::entries);
    let found: Value = entries
        .map(|entry| {
            object([
                ("status", Some(Value::from(entry.status.as_str()))),
                ("code", Some(Value::from(entry.code.as_str()))),
                ("fired", Some(Value::from(entry.fired))),
            ])
        })
        .collect();
    faults.compare("histories", expected, Some(&found));
}

fn run(faults: &mut Faults, expect: &Value, view: &RunView, running: &Running) {
    let found = [
        ("workflowStatus", Some(Value::from(view.status.as_str()))),
        ("workflowCode", view.code.as_deref().map(Value::from)),
        ("workflowError", view.error.clone()),
        ("workflowOutputs", Some(view.outputs.clone())),
        ("triggerStatus", view.trigger.get("status").cloned()),
        (
            "clientTrackingId",
            Some(Value::from(view.client_tracking_id.as_str())),
        ),
    ];
    for (name, found) in found {
        if let Some(expected) = expect.get(name) {
            faults.compare(name, expected, found.as_ref());
        }
    }
    if let Some(expected) = expect.get("durationMs") {
        let ended = running
            .ended
            .as_ref()
            .map(|(_, at)| at - running.started_ms);
        within(faults, "durationMs", expected, ended);
    }
    if view.status == Status::Running {
        faults.0.push("the run has not ended".to_owned());
    }
}

fn responses(faults: &mut Faults, expect: &Value, answered: &Answered) {
    if let Some(expected) = expect.get("response") {
        response(faults, "response", expected, answered.answer.as_ref());
    }
    if let Some(expected) = expect.get("accepted") {
        response(faults, "accepted", expected, answered.accepted.as_ref());
    }
    if let Some(expected) = expect.get("answeredMs") {
        within(faults, "answeredMs", expected, answered.at_ms);
    }
}

fn response(faults: &mut Faults, what: &str, expected: &Value, found: Option<&Answer>) {
    let Some(found) = found else {
        faults.0.push(format!("{what}: nobody has answered"));
        return;
    };
    if let Some(status) = expected.get("status") {
        let found = Value::from(i64::from(found.status));
        faults.compare(&format!("{what}.status"), status, Some(&found));
    }
    let headers = expected.get("headers").and_then(Value::as_object);
    for (name, expected) in headers.into_iter().flat_map(|headers| headers.iter()) {
        let mut all = found.headers.iter();
        let value = all
            .find(|(own, _)| own.eq_ignore_ascii_case(name))
            .map(|(_, value)| Value::from(value.as_str()));
        faults.compare(&format!("{what}.headers.{name}"), expected, value.as_ref());
    }
    let text = String::from_utf8_lossy(&found.body).into_owned();
    if let Some(expected) = expected.get("json") {
        let json: Option<Value> = serde_json::from_str(&text).ok();
        faults.compare(&format!("{what}.json"), expected, json.as_ref());
    }
    if let Some(expected) = expected.get("text") {
        faults.compare(&format!("{what}.text"), expected, Some(&Value::from(text)));
    }
}

/// Compares with `{min, max}`.
fn within(faults: &mut Faults, what: &str, expected: &Value, found: Option<u64>) {
    let Some(found) = found else {
        faults.0.push(format!("{what}: it never came to that"));
        return;
    };
    let bound = |name: &str| expected.get(name).and_then(number);
    let too_early = bound("min").is_some_and(|min| found < min);
    let too_late = bound("max").is_some_and(|max| found > max);
    if too_early || too_late {
        faults
            .0
            .push(format!("{what}: {found} ms are not in {expected}"));
    }
}

/// An object of those members that there are.
fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let mut object = Object::new();
    for (name, value) in members {
        if let Some(value) = value {
            object.insert(name, value);
        }
    }
    Value::Object(object)
}
