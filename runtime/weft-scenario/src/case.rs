//! A scenario as its file has it.

use std::path::{Path, PathBuf};

use weft_workflow::value::{Object, Value};

use crate::CaseFault;
use crate::members::Members;

/// Where the mocked services are, as workflows are told.
pub(crate) const MOCK: &str = "http://mock.invalid";
/// Where the engine is.
pub(crate) const BASE: &str = "http://engine.invalid";

/// One scenario: a workflow, what surrounds it, what sets it off, and what is expected.
#[derive(Debug, Clone)]
pub struct Case {
    pub id: String,
    pub title: String,
    /// Features of the engine that it needs, beyond what every engine has.
    pub requires: Vec<String>,
    /// Members of the file that mean nothing here.
    pub warnings: Vec<String>,
    /// The body of a deployment.
    pub(crate) workflow: String,
    /// Further workflows of the app, by name.
    pub(crate) others: Vec<(String, String)>,
    pub(crate) files: Value,
    pub(crate) mocks: Value,
    pub(crate) mock_default: Option<Value>,
    pub(crate) trigger: Value,
    pub(crate) expect: Value,
}

impl Case {
    /// A scenario that only runs a workflow: every request is answered by `answer` (a mock with
    /// `response`, and perhaps `callback`), the trigger gets `body`, and nothing is expected.
    #[must_use]
    pub fn stubbed(id: &str, workflow: &str, answer: &Value, body: Value) -> Self {
        let trigger = [
            ("body", body),
            ("path", Value::from("one/two")),
            ("run", Value::from(true)),
        ];
        Self {
            id: id.to_owned(),
            title: String::new(),
            requires: Vec::new(),
            warnings: Vec::new(),
            workflow: workflow.to_owned(),
            others: Vec::new(),
            files: Value::Null,
            mocks: Value::from(vec![answer.clone()]),
            mock_default: None,
            trigger: trigger.into_iter().collect(),
            expect: Value::Null,
        }
    }

    /// The scenario with other `files`: parameters, settings, connections.
    #[must_use]
    pub fn with_files(mut self, files: Value) -> Self {
        self.files = files;
        self
    }

    /// Reads a scenario file and the workflows that it names, each in a file of its own. Their paths
    /// are relative to the file's folder, or to one of the two around that.
    ///
    /// # Errors
    /// A file that cannot be read, or is no scenario.
    pub fn load(path: &Path) -> Result<Self, CaseFault> {
        Self::load_with(path, &|file| {
            std::fs::read_to_string(file).map_err(|error| error.to_string())
        })
    }

    /// The same, where `assemble` makes the body of a deployment of a workflow's file and of what
    /// lies around it.
    ///
    /// # Errors
    /// A file that cannot be read, or is no scenario.
    pub fn load_with(
        path: &Path,
        assemble: &dyn Fn(&Path) -> Result<String, String>,
    ) -> Result<Self, CaseFault> {
        let text = read(path)?;
        let fault = |why: String| CaseFault {
            path: path.to_owned(),
            why,
        };
        let plain: Value = serde_json::from_str(&text).map_err(|error| fault(error.to_string()))?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let id = plain
            .get("id")
            .map_or_else(|| stem.into_owned(), Value::to_text);
        let filled = |text: &str| {
            text.replace("{{MOCK}}", MOCK)
                .replace("{{BASE}}", BASE)
                .replace("{{NAME}}", &id)
        };
        let case: Value =
            serde_json::from_str(&filled(&text)).map_err(|error| fault(error.to_string()))?;
        let workflow_at = |at: &Value| match at {
            Value::String(relative) => {
                let file = beside(path, relative)
                    .ok_or_else(|| fault(format!("there is no file {relative} beside it")))?;
                assemble(&file)
                    .map(|text| filled(&text))
                    .map_err(|why| fault(format!("{}: {why}", file.display())))
            }
            inline => Ok(inline.to_string()),
        };
        let members = Members::of(&plain);
        if !members.faults.is_empty() {
            return Err(fault(members.faults.join("\n")));
        }
        if case.get("expect").is_none() {
            return Err(fault(
                "it says nothing of what is expected (`expect`)".to_owned(),
            ));
        }
        let named = case.get("workflow").or_else(|| case.get("definition"));
        let workflow = named.ok_or_else(|| fault("it names no `workflow`".to_owned()))?;
        let workflow = workflow_at(workflow)?;
        let given = case.get("files").cloned().unwrap_or_default();
        let (workflow, files) = merged(workflow, &given);
        let extra = case.get("extraWorkflows").and_then(Value::as_array);
        let others = extra
            .into_iter()
            .flat_map(|extra| extra.iter())
            .map(|other| {
                let name = other.get("name").map(Value::to_text).unwrap_or_default();
                let file = other.get("workflow").cloned().unwrap_or_default();
                Ok((name, workflow_at(&file)?))
            })
            .collect::<Result<_, CaseFault>>()?;
        let member = |name: &str| case.get(name).cloned().unwrap_or_default();
        let requires = member("requires");
        let requires = requires.as_array();
        Ok(Self {
            title: member("title").to_text(),
            requires: requires
                .into_iter()
                .flat_map(|all| all.iter().map(Value::to_text))
                .collect(),
            warnings: members.warnings,
            workflow,
            others,
            files,
            mocks: member("mocks"),
            mock_default: case.get("mockDefault").cloned(),
            trigger: member("trigger"),
            expect: member("expect"),
            id,
        })
    }
}

/// What surrounds a workflow in production, with what the scenario puts in its place: the workflow
/// without it, and all of it.
fn merged(workflow: String, given: &Value) -> (String, Value) {
    let Ok(Value::Object(mut document)) = serde_json::from_str::<Value>(&workflow) else {
        // Not JSON: the deployment says why.
        return (workflow, given.clone());
    };
    let mut all = given.as_object().cloned().unwrap_or_default();
    if document.get_exact("definition").is_none() {
        return (workflow, Value::Object(all));
    }
    for group in ["parameters", "connections", "appSettings", "artifacts"] {
        let Some(Value::Object(own)) = document.remove(group) else {
            continue;
        };
        all.insert(group, overlaid(&own, given.get(group)));
    }
    (Value::Object(document).to_string(), Value::Object(all))
}

/// The members of `own` and those that are given in their place; groups of connections are overlaid
/// one by one.
fn overlaid(own: &Object, given: Option<&Value>) -> Value {
    let mut all = own.clone();
    let given = given.and_then(Value::as_object);
    for (name, value) in given.into_iter().flat_map(|given| given.iter()) {
        let value = match (own.get_exact(name), value) {
            (Some(Value::Object(inner)), Value::Object(_)) if inner.get("type").is_none() => {
                overlaid(inner, Some(value))
            }
            _ => value.clone(),
        };
        all.insert(name.clone(), value);
    }
    Value::Object(all)
}

fn read(path: &Path) -> Result<String, CaseFault> {
    std::fs::read_to_string(path).map_err(|error| CaseFault {
        path: path.to_owned(),
        why: error.to_string(),
    })
}

fn beside(case: &Path, relative: &str) -> Option<PathBuf> {
    case.ancestors()
        .skip(1)
        .take(3)
        .map(|folder| folder.join(relative))
        .find(|path| path.is_file())
}
