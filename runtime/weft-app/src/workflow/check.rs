//! Whether a document can be deployed.

use serde_json::{Map, Value};

use super::{WorkflowKind, WorkflowOutline};
use crate::fault::{Fault, Faults, join};

/// Members of a deployment body.
const MEMBERS: [&str; 6] = [
    "definition",
    "kind",
    "parameters",
    "connections",
    "appSettings",
    "artifacts",
];
/// Agents and state machines keep their state, too.
const STATEFUL: [&str; 4] = ["stateful", "agent", "agentic", "statemachine"];
const NESTED_MAX: usize = 64;

/// The kind of a document that can be deployed.
pub(super) fn check(document: &str) -> Result<WorkflowKind, Faults> {
    let value: Value = serde_json::from_str(document)
        .map_err(|error| Faults::from(Fault::new("", format!("the text is not JSON: {error}"))))?;
    let Some(root) = value.as_object() else {
        return Err(Fault::new("", "a workflow is a JSON object").into());
    };
    let mut faults = Vec::new();
    let kind = kind(root, &mut faults);
    if root.contains_key("definition") {
        tables(root, &mut faults);
    }
    Faults::check(faults)?;
    Ok(kind)
}

fn kind(root: &Map<String, Value>, faults: &mut Vec<Fault>) -> WorkflowKind {
    let of_resource = || {
        let resources = root.get("resources")?.as_array()?;
        resources.iter().find_map(|resource| {
            let workflow = resource.pointer("/properties/definition").is_some();
            resource.get("kind").filter(|_| workflow)
        })
    };
    let stated = root.get("kind").or_else(of_resource);
    match stated {
        None | Some(Value::Null) => WorkflowKind::default(),
        Some(Value::String(text)) if STATEFUL.contains(&&*text.to_ascii_lowercase()) => {
            WorkflowKind::Stateful
        }
        Some(Value::String(text)) if text.eq_ignore_ascii_case("stateless") => {
            WorkflowKind::Stateless
        }
        Some(_) if root.contains_key("resources") => WorkflowKind::default(),
        Some(other) => {
            let message = format!("{other} is no kind of workflow");
            faults.push(Fault::new("/kind", message).hint("`Stateful` or `Stateless`"));
            WorkflowKind::default()
        }
    }
}

/// The members of a deployment body beside the definition.
fn tables(root: &Map<String, Value>, faults: &mut Vec<Fault>) {
    for name in ["parameters", "connections", "appSettings", "artifacts"] {
        let wrong = root
            .get(name)
            .is_some_and(|value| !value.is_null() && !value.is_object());
        if wrong {
            faults.push(Fault::new(join("", name), "must be an object"));
        }
    }
    for name in root.keys() {
        let known = MEMBERS
            .iter()
            .find(|known| known.eq_ignore_ascii_case(name));
        if let Some(known) = known
            && known != name
        {
            let hint = format!("write it {known:?}");
            faults.push(Fault::new(join("", name), "unknown key").hint(hint));
        }
    }
    if let Some(settings) = root.get("appSettings").and_then(Value::as_object) {
        for (name, value) in settings {
            if value.is_object() || value.is_array() {
                let at = join("/appSettings", name);
                faults.push(Fault::new(
                    at,
                    "a setting is a text, a number or true or false",
                ));
            }
        }
    }
    let artifacts = root.get("artifacts").and_then(Value::as_object);
    for (kind, files) in artifacts.into_iter().flatten() {
        let at = join("/artifacts", kind);
        let Some(files) = files.as_object() else {
            faults.push(Fault::new(at, "must be an object of texts by file name"));
            continue;
        };
        for (name, _) in files.iter().filter(|(_, text)| !text.is_string()) {
            faults.push(Fault::new(join(&at, name), "must be the file's text"));
        }
    }
}

pub(super) fn outline(document: &str) -> WorkflowOutline {
    let Ok(value) = serde_json::from_str::<Value>(document) else {
        return WorkflowOutline::default();
    };
    let resources = value.get("resources").and_then(Value::as_array);
    let in_template = || {
        let mut resources = resources?.iter();
        resources.find_map(|resource| resource.pointer("/properties/definition"))
    };
    let definition = value.get("definition").or_else(in_template);
    let definition = definition.unwrap_or(&value);
    let triggers = definition.get("triggers").and_then(Value::as_object);
    let triggers = triggers.into_iter().flatten().map(|(name, trigger)| {
        let kind = trigger.get("type").and_then(Value::as_str);
        (name.clone(), kind.unwrap_or_default().to_owned())
    });
    WorkflowOutline {
        triggers: triggers.collect(),
        actions: actions(definition, NESTED_MAX),
    }
}

/// Actions below a definition, a scope, a condition, a loop or a switch.
fn actions(value: &Value, depth: usize) -> usize {
    if depth == 0 {
        return 0;
    }
    let within = |value: &Value| actions(value, depth - 1);
    let own = value.get("actions").and_then(Value::as_object);
    let own: usize = own
        .into_iter()
        .flat_map(Map::values)
        .map(|action| 1 + within(action))
        .sum();
    let cases = value.get("cases").and_then(Value::as_object);
    let branches = ["else", "default"]
        .iter()
        .filter_map(|name| value.get(name));
    let branches = branches.chain(cases.into_iter().flat_map(Map::values));
    own + branches.map(within).sum::<usize>()
}
