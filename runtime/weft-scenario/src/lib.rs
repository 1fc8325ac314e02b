//! Scenarios of workflows: a definition, mocked services, a request, and what is expected of the run.
//!
//! Owns the format of scenario files and a world in which they run: the interpreter that production
//! uses over the same replay, requests as they would be sent, and a clock that jumps to whatever
//! comes next, so that an hour of waiting takes no time. Refuses to reach anything outside.
//! Invariants:
//! - the same scenario gives the same result, to the millisecond;
//! - every run is replayed from its history when it has ended, and has to come out the same.

mod batch;
mod case;
mod deployed;
mod expect;
mod matcher;
mod members;
mod mock;
mod outside;
mod trigger;
mod world;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use weft_orchestration::Failure;

pub use case::Case;
pub use matcher::{Mismatch, fits, is_matcher};

/// A file that is no scenario.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {why}", path.display())]
pub struct CaseFault {
    pub path: PathBuf,
    pub why: String,
}

/// Carries out what needs an engine of its own: the name of the activity and its input, as JSON.
pub type Local = dyn Fn(&str, &str) -> Result<String, Failure> + Send + Sync;

/// Runs scenarios.
#[derive(Clone, Default)]
pub struct Bench {
    /// Scripts; without it these actions fail.
    pub local: Option<Arc<Local>>,
}

/// What came of a scenario.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    /// What is not as expected; empty for one that has passed.
    pub faults: Vec<String>,
    /// How long it took, by the clock of its world.
    pub virtual_ms: u64,
    /// Actions that have ended, over all runs and repetitions.
    pub actions: u64,
    /// How each run has ended that the trigger started, in the peer's words.
    pub statuses: Vec<String>,
    /// What the caller of the trigger was answered: status and body.
    pub answer: Option<String>,
    /// The first action that has failed in the first run, and its error.
    pub first_error: Option<String>,
}

impl Bench {
    /// Runs a scenario and compares.
    #[must_use]
    pub fn run(&self, case: &Case) -> Outcome {
        let deployed = match deployed::deploy(case) {
            Ok(deployed) => deployed,
            Err(refused) => return expect::refused(case, &refused),
        };
        if case.expect.get("deploy").is_some() {
            return Outcome {
                faults: vec!["the deployment is accepted".to_owned()],
                ..Outcome::default()
            };
        }
        let mut world = world::World::new(case, deployed, self.local.clone());
        let call = trigger::call(case, &mut world);
        world.run_to_the_end();
        let answered = call.answered(&world);
        expect::check(case, &world, &answered)
    }
}

/// The scenario files at `path`: the file itself, or all in the folder that hold a scenario.
///
/// # Errors
/// A folder that cannot be read.
pub fn find(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if path.is_file() {
        return Ok(vec![path.to_owned()]);
    }
    let mut found = Vec::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let skipped = name.starts_with('.') || name == "target" || name == "node_modules";
            if path.is_dir() && !skipped {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "json")
                && is_scenario(&path)
            {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a file is meant as a scenario; one that has a fault is, so that the fault is told.
fn is_scenario(path: &Path) -> bool {
    let Ok(bytes) = std::fs::read(path) else {
        return false;
    };
    let text = String::from_utf8_lossy(&bytes);
    let value: Result<weft_workflow::value::Value, _> = serde_json::from_str(&text);
    match value {
        Ok(value) => {
            let has = |name: &str| value.get(name).is_some();
            has("workflow") && (has("expect") || has("mocks") || has("mockDefault"))
        }
        Err(_) => text.contains("\"workflow\"") && text.contains("\"expect\""),
    }
}
