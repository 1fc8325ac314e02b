//! Actions as the run history shows them.

use weft_workflow::run::{ActionView, RunView};
use weft_workflow::value::Value;

use super::{Faults, object};
use crate::matcher::{number_of, short};
use crate::mock::number;
use crate::world::{Running, World};

pub(super) fn check(faults: &mut Faults, expected: &Value, running: &Running, view: &RunView) {
    let expected = expected.as_object();
    for (name, expected) in expected.into_iter().flat_map(|expected| expected.iter()) {
        let found = view.actions.iter().find(|action| *action.name == **name);
        let absent = expected.get("absent").and_then(Value::as_bool) == Some(true);
        match (found, absent) {
            (None, true) => {}
            (None, false) => faults.0.push(format!("actions.{name}: there is none")),
            (Some(_), true) => faults.0.push(format!("actions.{name}: it is there")),
            (Some(found), false) => {
                members(faults, &format!("actions.{name}"), expected, found);
                repetitions(faults, name, expected, running, found);
            }
        }
    }
}

/// Compares everything that is expected of one action or repetition.
fn members(faults: &mut Faults, what: &str, expected: &Value, found: &ActionView) {
    let shown = object([
        ("status", Some(Value::from(found.status.as_str()))),
        ("code", Some(Value::from(&*found.code))),
        ("error", found.error.clone()),
        ("inputs", found.inputs.clone()),
        ("outputs", found.outputs.clone()),
        ("trackedProperties", found.tracked.clone()),
        ("type", Some(Value::from(&*found.kind))),
        ("retries", Some(number_of(found.retries.len()))),
    ]);
    let before = faults.0.len();
    let expected = expected.as_object();
    for (name, expected) in expected.into_iter().flat_map(|expected| expected.iter()) {
        if matches!(&**name, "absent" | "repetitions" | "repetitionCount" | "at") {
            continue;
        }
        let found = shown.get(name);
        faults.compare(&format!("{what}.{name}"), expected, found);
    }
    // Why an action has failed is what one asks next.
    if let (true, Some(error)) = (faults.0.len() > before, &found.error) {
        faults
            .0
            .push(format!("{what}: its error is {}", short(error)));
    }
}

fn repetitions(
    faults: &mut Faults,
    name: &str,
    expected: &Value,
    running: &Running,
    found: &ActionView,
) {
    if let Some(expected) = expected.get("repetitionCount") {
        let count = found.repetitions.or(found.iterations).or(found.items);
        let count = Value::Int(count.unwrap_or(1).cast_signed());
        faults.compare(
            &format!("actions.{name}.repetitionCount"),
            expected,
            Some(&count),
        );
    }
    let Some(expected) = expected.get("repetitions").and_then(Value::as_array) else {
        return;
    };
    let all = World::repetitions(running, name).unwrap_or_default();
    for (place, expected) in expected.iter().enumerate() {
        let what = format!("actions.{name}.repetitions[{place}]");
        let found = match expected.get("at") {
            Some(Value::Array(path)) => {
                let path: Vec<u64> = path.iter().filter_map(number).collect();
                all.iter().find(|repetition| {
                    let indexes = repetition.indexes.iter().map(|(_, index)| *index);
                    indexes.eq(path.iter().copied())
                })
            }
            at => {
                let at = at.and_then(number).unwrap_or(place as u64);
                usize::try_from(at).ok().and_then(|at| all.get(at))
            }
        };
        match found {
            Some(found) => members(faults, &what, expected, &found.action),
            None => faults
                .0
                .push(format!("{what}: there is none, of {} in all", all.len())),
        }
    }
}

/// Actions of a run that have ended, over all repetitions.
pub(super) fn count(world: &World, running: &Running) -> u64 {
    let Ok(view) = world.view(running) else {
        return 0;
    };
    let ended = view.actions.iter().filter(|action| action.ended.is_some());
    ended.map(|action| action.repetitions.unwrap_or(1)).sum()
}
