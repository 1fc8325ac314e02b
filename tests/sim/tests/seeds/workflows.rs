//! Random workflows over the same faults, a crash at every point of one of them, and the planted bugs
//! that prove the harness.
//!
//! `WEFT_SIM_SEED=N` runs one seed again, `WEFT_SIM_SEEDS=N` runs that many.

use weft_sim::workflow::Report;
use weft_sim::{Failed, Plant, crash_everywhere, simulate_workflow};

use super::number;

#[test]
fn every_workflow_ends_as_without_faults() {
    let seeds = match number("WEFT_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("WEFT_SIM_SEEDS").unwrap_or(500),
    };
    let mut all = Report::default();
    for seed in seeds {
        match simulate_workflow(seed, None) {
            Ok(report) => {
                all.instances += report.instances;
                all.events += report.events;
                all.activities += report.activities;
                all.repeated += report.repeated;
            }
            Err(Failed { seed, what }) => {
                panic!("seed {seed}: {what}\nrun it again with WEFT_SIM_SEED={seed}")
            }
        }
    }
    println!("{all:?}");
}

#[test]
fn a_crash_at_every_point_changes_nothing() {
    let crashes = crash_everywhere(None).unwrap_or_else(|Failed { seed, what }| {
        panic!("with a crash at point {seed}: {what}");
    });
    println!("{crashes:?}");
    // The node has died with everything recorded that is ever recorded between two commits.
    let missed: Vec<_> = crashes.commits.difference(&crashes.recorded).collect();
    assert!(missed.is_empty(), "no crash at {missed:?} events");
    assert!(crashes.recorded.contains(&crashes.events));
    assert!(crashes.repeated > 0, "no activity ran again");
}

#[test]
fn catches_an_iteration_that_is_lost_on_replay() {
    catches(Plant::LostIteration, "", 100);
}

#[test]
fn catches_a_result_that_is_taken_twice() {
    catches(Plant::ResultTakenTwice, "expected", 100);
}

#[test]
fn catches_activities_of_a_workflow_outside_of_the_transaction() {
    catches(Plant::OutboxOutsideTransaction, "still open", 100);
}

#[test]
fn catches_a_finished_request_that_runs_again() {
    catches(Plant::TaskNotRemoved, "ran again", 100);
}

#[test]
fn one_workflow_catches_a_result_that_is_taken_twice() {
    crash_everywhere(Some(Plant::ResultTakenTwice)).unwrap_err();
}

fn catches(plant: Plant, symptom: &str, seeds: u64) {
    let failures = (0..seeds).filter_map(|seed| simulate_workflow(seed, Some(plant)).err());
    let mut others = Vec::new();
    for Failed { seed, what } in failures {
        if what.contains(symptom) {
            println!("{plant:?} is caught by seed {seed}: {what:.300}");
            return;
        }
        others.push(format!("seed {seed}: {what:.300}"));
    }
    panic!("{plant:?} was not caught by {seeds} seeds; other failures: {others:#?}");
}
