//! Many seeds, and the planted bugs that prove the harness.
//!
//! `WEFT_SIM_SEED=N` runs one seed again, `WEFT_SIM_SEEDS=N` runs that many.

mod workflows;

use std::time::Duration;

use weft_sim::{Failed, Plant, crowd, simulate, simulate_one_node};
use weft_worker::Config;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().expect("a number of seeds"))
}

#[test]
fn every_seed_behaves_like_the_model() {
    let seeds = match number("WEFT_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("WEFT_SIM_SEEDS").unwrap_or(2_000),
    };
    for seed in seeds {
        if let Err(Failed { seed, what }) = simulate(seed, None) {
            panic!("seed {seed}: {what}\nrun it again with WEFT_SIM_SEED={seed}");
        }
    }
}

#[test]
fn a_node_alone_makes_up_for_commits_reported_as_failed() {
    for seed in 0..number("WEFT_SIM_SEEDS").unwrap_or(500) {
        if let Err(Failed { seed, what }) = simulate_one_node(seed) {
            panic!("seed {seed}: {what}");
        }
    }
}

#[test]
fn a_seed_runs_the_same_each_time() {
    let caught = |seed| simulate(seed, Some(Plant::LostStart)).map_err(|failed| failed.what);
    for seed in 0..20 {
        assert_eq!(caught(seed), caught(seed), "seed {seed}");
    }
}

/// The simulation has to find the bug within `seeds` seeds, by a failure that names `symptom`.
fn catches(plant: Plant, symptom: &str, seeds: u64) {
    let failures = (0..seeds).filter_map(|seed| simulate(seed, Some(plant)).err());
    let mut others = Vec::new();
    for Failed { seed, what } in failures {
        if what.contains(symptom) {
            return;
        }
        others.push(format!("seed {seed}: {what}"));
    }
    panic!("{plant:?} was not caught by {seeds} seeds; other failures: {others:#?}");
}

#[test]
fn catches_commits_without_fencing() {
    catches(Plant::NoFencing, "ran again", 400);
}

#[test]
fn catches_an_acknowledged_start_that_is_lost() {
    catches(Plant::LostStart, "still open", 200);
}

#[test]
fn catches_an_outbox_outside_of_the_transaction() {
    catches(Plant::OutboxOutsideTransaction, "still open", 200);
}

#[test]
fn catches_a_finished_activity_that_runs_again() {
    catches(Plant::TaskNotRemoved, "ran again", 200);
}

#[test]
fn catches_an_orchestrator_that_draws_lots() {
    catches(Plant::DrawsLots, "non-determinism", 200);
}

#[test]
fn catches_an_event_that_is_lost() {
    catches(Plant::LostEvent, "expected", 200);
}

#[test]
fn a_tenant_with_slow_activities_does_not_starve_another() {
    // Few places in memory, so that most of the slow ones wait in the store.
    let config = Config {
        activities_queued_max: 500,
        ..Config::default()
    };
    let took = crowd(4_000, config).unwrap();
    assert!(took.light < Duration::from_secs(1), "{took:?}");
    // 224 places at a time, 60 s each: none is idle while something waits.
    assert!(took.heavy < Duration::from_secs(19 * 60), "{took:?}");
}
