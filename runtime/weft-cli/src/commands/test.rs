//! `weft test`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;
use weft_scenario::{Bench, Case, Outcome, find};

use crate::context::{Target, Usage};
use crate::output;
use crate::project;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scenario files, and folders that hold some
    #[arg(default_value = ".")]
    paths: Vec<PathBuf>,
    /// Only those whose id holds this text
    #[arg(long, short, value_name = "TEXT")]
    filter: Option<String>,
}

/// A scenario that has run.
struct Done {
    path: PathBuf,
    id: String,
    title: String,
    outcome: Outcome,
    took: Duration,
}

/// Runs the scenarios; the code is 1 where any of them fails.
///
/// # Errors
/// There are none, or a file cannot be read.
pub(crate) fn run(args: &Args, target: &Target) -> Result<ExitCode> {
    let mut files = Vec::new();
    for path in &args.paths {
        let found = find(path).with_context(|| format!("read {}", path.display()))?;
        files.extend(found);
    }
    files.sort();
    files.dedup();
    let bench = Bench::default();
    let began = Instant::now();
    let mut all = Vec::new();
    for path in files {
        let case = Case::load_with(&path, &assembled)?;
        let wanted = args.filter.as_deref();
        if wanted.is_some_and(|text| !case.id.contains(text)) {
            continue;
        }
        let started = Instant::now();
        let outcome = bench.run(&case);
        let done = Done {
            path,
            id: case.id,
            title: case.title,
            outcome,
            took: started.elapsed(),
        };
        if !target.json {
            show(&done);
        }
        all.push(done);
    }
    if all.is_empty() {
        return Err(Usage("there is no scenario at these paths".to_owned()).into());
    }
    let failed = all.iter().filter(|done| !done.outcome.faults.is_empty());
    let failed = failed.count();
    let (passed, took) = (all.len() - failed, began.elapsed());
    if target.json {
        let scenarios: Vec<_> = all.iter().map(as_json).collect();
        output::print_json(&json!({
            "passed": passed,
            "failed": failed,
            "milliseconds": millis(took),
            "scenarios": scenarios,
        }));
    } else {
        output::note(format!(
            "{passed} passed, {failed} failed, in {} ms",
            millis(took)
        ));
    }
    Ok(match failed {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// The workflow with what lies around it, as it would be deployed.
fn assembled(file: &Path) -> Result<String, String> {
    project::assembled(file).map_err(|error| format!("{error:#}"))
}

fn show(done: &Done) {
    let ok = done.outcome.faults.is_empty();
    let word = if ok { "ok    " } else { "FAILED" };
    output::print_text(&format!(
        "{word} {} ({} ms, {} ms simulated) {}",
        done.id,
        millis(done.took),
        done.outcome.virtual_ms,
        done.title
    ));
    for fault in &done.outcome.faults {
        output::print_text(&format!("       {fault}"));
    }
}

fn as_json(done: &Done) -> serde_json::Value {
    json!({
        "id": done.id,
        "title": done.title,
        "file": done.path,
        "passed": done.outcome.faults.is_empty(),
        "faults": done.outcome.faults,
        "milliseconds": millis(done.took),
        "simulatedMilliseconds": done.outcome.virtual_ms,
        "actions": done.outcome.actions,
    })
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
