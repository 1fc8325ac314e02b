//! The workflows of a scenario as they are deployed.

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_workflow::definition::{Fault, Options, load_text};
use weft_workflow::program::Program;
use weft_workflow::run::{CallbackKey, Callee, Settings};
use weft_workflow::value::{Object, Value};

use crate::case::Case;

pub(crate) struct Deployed {
    pub(crate) program: Arc<Program>,
    pub(crate) settings: Arc<Settings>,
}

/// Faults of the deployment, as text.
pub(crate) struct Refused(pub(crate) Vec<String>);

/// The workflows by name; that of the scenario has its id.
pub(crate) fn deploy(case: &Case) -> Result<BTreeMap<String, Deployed>, Refused> {
    let own = [(case.id.clone(), case.workflow.clone())];
    let mut compiled = Vec::new();
    for (name, text) in case.others.iter().chain(&own) {
        let options = Options {
            name: Some(name.clone()),
            parameters: values(&case.files, "parameters"),
            connections: case.files.get("connections").cloned().unwrap_or_default(),
            app_settings: values(&case.files, "appSettings"),
            ..Options::default()
        };
        let loaded = load_text(text, &options).map_err(|faults| refused(&faults))?;
        let workflow = loaded.single().map_err(|fault| refused(&[fault]))?;
        let faults: Vec<Fault> = workflow.validate();
        if faults.iter().any(Fault::is_error) {
            return Err(refused(&faults));
        }
        let program = Program::compile(&workflow.definition).map_err(|faults| {
            let faults = faults
                .iter()
                .map(|fault| format!("{}: {fault}", fault.pointer));
            Refused(faults.collect())
        })?;
        compiled.push((name.clone(), workflow, program));
    }
    let callees: BTreeMap<String, Callee> = compiled
        .iter()
        .map(|(name, _, program)| {
            let responds = program.responds();
            (name.clone(), Callee::Workflow { responds })
        })
        .collect();
    let deployed = compiled.into_iter().map(|(name, workflow, program)| {
        let owned = |(name, value): (&Arc<str>, &Value)| (name.to_string(), value.clone());
        let settings = Settings {
            workflow: name.clone(),
            parameters: workflow.parameters.iter().map(owned).collect(),
            app_settings: workflow.app_settings.iter().map(owned).collect(),
            callees: callees.clone(),
            base_path: String::new(),
            callback_key: CallbackKey::new(b"the key of every scenario"),
        };
        let deployed = Deployed {
            program: Arc::new(program),
            settings: Arc::new(settings),
        };
        (name, deployed)
    });
    Ok(deployed.collect())
}

/// `{name: value}` of `{name: {"type", "value"}}`, or of plain values.
pub(crate) fn values(files: &Value, group: &str) -> Object {
    let members = files.get(group).and_then(Value::as_object);
    let members = members.into_iter().flat_map(|members| members.iter());
    members
        .map(|(name, stated)| {
            let typed = stated.get("type").and_then(|_| stated.get("value"));
            (name.clone(), typed.unwrap_or(stated).clone())
        })
        .collect()
}

fn refused(faults: &[Fault]) -> Refused {
    let errors = faults.iter().filter(|fault| fault.is_error());
    Refused(
        errors
            .map(|fault| format!("{}: {fault}", fault.pointer))
            .collect(),
    )
}
