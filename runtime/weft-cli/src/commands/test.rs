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
    warnings: Vec<String>,
    outcome: Outcome,
    took: Duration,
}

/// Runs the scenarios; the code is 1 where any of them fails. One that cannot be read, or names a
/// workflow that cannot, is one that fails.
///
/// # Errors
/// There are none, or a folder cannot be read.
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
        let Some(done) = run_one(&bench, path, args.filter.as_deref()) else {
            continue;
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

/// `None` for one that is not wanted.
fn run_one(bench: &Bench, path: PathBuf, wanted: Option<&str>) -> Option<Done> {
    let started = Instant::now();
    let case = Case::load_with(&path, &assembled);
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let id = case.as_ref().map_or(&*stem, |case| &*case.id).to_owned();
    if wanted.is_some_and(|text| !id.contains(text)) {
        return None;
    }
    let (title, warnings, outcome) = match case {
        Ok(case) => {
            let outcome = bench.run(&case);
            (case.title, case.warnings, outcome)
        }
        Err(fault) => {
            let outcome = Outcome {
                faults: fault.why.lines().map(str::to_owned).collect(),
                ..Outcome::default()
            };
            (path.display().to_string(), Vec::new(), outcome)
        }
    };
    Some(Done {
        path,
        id,
        title,
        warnings,
        outcome,
        took: started.elapsed(),
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
    for warning in &done.warnings {
        output::note(format!("warning: {}: {warning}", done.path.display()));
    }
}

fn as_json(done: &Done) -> serde_json::Value {
    json!({
        "id": done.id,
        "title": done.title,
        "file": done.path,
        "passed": done.outcome.faults.is_empty(),
        "faults": done.outcome.faults,
        "warnings": done.warnings,
        "milliseconds": millis(done.took),
        "simulatedMilliseconds": done.outcome.virtual_ms,
        "actions": done.outcome.actions,
    })
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}
