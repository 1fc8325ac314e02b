//! The document of a workflow that lies in several files, as in Standard projects: the folder of a
//! `workflow.json`, with `parameters.json`, `connections.json`, `local.settings.json` and
//! `Artifacts` beside it or in the folder above.

use serde_json::{Map, Value};

use super::body::member;
use super::members;
use crate::fault::{Fault, Faults};

const WORKFLOW: &str = "workflow.json";
/// Folders of `Artifacts`, with what a document calls them.
const ARTIFACTS: [(&str, &str); 3] = [("Maps", "maps"), ("Schemas", "schemas"), ("Rules", "rules")];
/// Code that actions name by its file lies beside the workflow.
const SCRIPTS: [&str; 3] = [".csx", ".ps1", ".js"];

/// Where the files of a project are read from. Paths are relative to it, with `/` between names.
pub trait ProjectFiles {
    /// The text of a file; `None` where there is none, or where it is not UTF-8.
    fn read(&self, path: &str) -> Option<String>;

    /// The names of the files in a folder.
    fn list(&self, folder: &str) -> Vec<String>;
}

/// The document of the workflow at `path`: a file, or a folder that holds a `workflow.json`. Only
/// the latter is looked at together with what lies around it.
///
/// # Errors
/// Where a file is missing, or one of those around it is not JSON.
pub fn assemble(files: &dyn ProjectFiles, path: &str) -> Result<String, Faults> {
    let path = path.trim_end_matches('/');
    let folder = match path.rsplit_once('/') {
        Some((folder, WORKFLOW)) => Some(folder),
        None if path == WORKFLOW => Some("."),
        Some(_) | None => None,
    };
    let folder = match folder {
        Some(folder) => folder,
        None => match files.read(path) {
            Some(text) => return Ok(without_mark(&text).to_owned()),
            None => path,
        },
    };
    let file = join(folder, WORKFLOW);
    let text = files.read(&file).ok_or_else(|| {
        Faults::from(Fault::new("", format!("there is no file {path} or {file}")))
    })?;
    let around = Around::read(files, folder)?;
    Ok(compose(without_mark(&text), &around))
}

/// What the files around a `workflow.json` say.
#[derive(Debug, Default)]
struct Around {
    /// Members of the document with their texts.
    members: Vec<(&'static str, String)>,
}

impl Around {
    fn read(files: &dyn ProjectFiles, folder: &str) -> Result<Self, Faults> {
        let above = join(folder, "..");
        let folders = [folder, above.as_str()];
        let mut faults = Vec::new();
        let mut around = Self::default();
        for (member, name) in [
            ("parameters", "parameters.json"),
            ("connections", "connections.json"),
        ] {
            if let Some(text) = nearest(files, &folders, name) {
                let text = without_mark(&text).trim().to_owned();
                match members(&text) {
                    Some(_) => around.members.push((member, text)),
                    None => faults.push(Fault::new("", format!("{name} is no JSON object"))),
                }
            }
        }
        if let Some(text) = nearest(files, &folders, "local.settings.json") {
            match serde_json::from_str::<Value>(without_mark(&text)) {
                Ok(settings) => {
                    let values = settings.get("Values").cloned().unwrap_or_default();
                    if values.as_object().is_some_and(|values| !values.is_empty()) {
                        around.members.push(("appSettings", values.to_string()));
                    }
                }
                Err(error) => {
                    let message = format!("local.settings.json is not JSON: {error}");
                    faults.push(Fault::new("", message));
                }
            }
        }
        let artifacts = artifacts(files, &folders);
        if !artifacts.is_empty() {
            let text = Value::Object(artifacts).to_string();
            around.members.push(("artifacts", text));
        }
        Faults::check(faults)?;
        Ok(around)
    }
}

fn nearest(files: &dyn ProjectFiles, folders: &[&str], name: &str) -> Option<String> {
    let places = folders.iter().map(|folder| join(folder, name));
    places.into_iter().find_map(|place| files.read(&place))
}

fn artifacts(files: &dyn ProjectFiles, folders: &[&str]) -> Map<String, Value> {
    let mut all = Map::new();
    let mut add = |kind: &str, folder: &str, fits: &dyn Fn(&str) -> bool| {
        for name in files.list(folder).into_iter().filter(|name| fits(name)) {
            if let Some(text) = files.read(&join(folder, &name)) {
                let text = without_mark(&text).to_owned();
                let of_kind = all.entry(kind).or_insert_with(|| Map::new().into());
                let of_kind = of_kind.as_object_mut().expect("made as an object");
                of_kind.entry(name).or_insert_with(|| text.into());
            }
        }
    };
    for folder in folders {
        for (place, kind) in ARTIFACTS {
            add(kind, &join(folder, &format!("Artifacts/{place}")), &|_| {
                true
            });
        }
    }
    let is_script = |name: &str| SCRIPTS.iter().any(|ending| name.ends_with(ending));
    add("scripts", folders[0], &is_script);
    all
}

/// The author's text with further members, each of which yields to one that is there already.
fn compose(text: &str, around: &Around) -> String {
    let own = members(text).unwrap_or_default();
    let is_body = member(&own, "definition").is_some();
    let further: Vec<_> = around
        .members
        .iter()
        .filter(|(name, _)| !is_body || member(&own, name).is_none())
        .collect();
    if further.is_empty() {
        return text.to_owned();
    }
    let further = further
        .into_iter()
        .map(|(name, value)| format!(",\n  \"{name}\": {value}"));
    let further: String = further.collect();
    match text.trim_end().strip_suffix('}') {
        Some(open) if is_body => format!("{}{further}\n}}\n", open.trim_end()),
        _ => format!("{{\n  \"definition\": {}{further}\n}}\n", text.trim()),
    }
}

fn without_mark(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}

fn join(folder: &str, name: &str) -> String {
    match (folder, name) {
        (".", "..") => "..".to_owned(),
        (".", name) => name.to_owned(),
        ("..", "..") => "../..".to_owned(),
        (folder, "..") => match folder.rsplit_once('/') {
            Some((above, last)) if last != ".." => above.to_owned(),
            Some(_) => format!("{folder}/.."),
            None => ".".to_owned(),
        },
        (folder, name) => format!("{folder}/{name}"),
    }
}
