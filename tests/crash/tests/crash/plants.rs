//! The checks find bugs that were put in.

use std::path::PathBuf;
use std::time::Duration;

use weft_crash::faults::{Base, clock, kills};
use weft_crash::plant::{Plant, hunt};

fn rigged() -> PathBuf {
    env!("CARGO_BIN_EXE_weft-rigged").into()
}

fn base() -> Base {
    Base {
        binary: rigged(),
        env: Vec::new(),
        seed: 1,
        open: 16,
        patience: Duration::from_secs(60),
    }
}

async fn catches(plant: Plant, symptoms: &[&str]) {
    let section = hunt(plant, rigged(), 1).await.expect("the node runs");
    let mut violations = section.violations.iter();
    assert!(
        violations.any(|what| symptoms.iter().any(|symptom| what.contains(symptom))),
        "{section:#?}"
    );
}

/// What the others find is the bug and not the program that has it.
#[tokio::test]
async fn finds_nothing_where_nothing_was_put_in() {
    let section = kills::run(&base(), 8).await.unwrap();
    assert!(section.violations.is_empty(), "{section:#?}");
}

#[tokio::test]
async fn catches_an_outbox_outside_of_the_transaction() {
    catches(Plant::OutboxOutside, &["still open"]).await;
}

#[tokio::test]
async fn catches_commits_without_fencing() {
    catches(Plant::FencingOff, &["ran again"]).await;
}

#[tokio::test]
async fn catches_a_completion_that_comes_twice() {
    catches(Plant::CompletionTwice, &["ran again"]).await;
}

#[tokio::test]
async fn catches_a_message_that_comes_twice() {
    catches(Plant::MessageTwice, &["acknowledged were"]).await;
}

#[tokio::test]
async fn catches_a_start_that_is_lost() {
    catches(Plant::StartLost, &["is lost"]).await;
}

#[tokio::test]
async fn catches_an_event_that_is_lost() {
    // It shows in many ways, always in an instance that takes events.
    catches(Plant::EventLost, &["gather-", "roll-", "family-"]).await;
}

#[tokio::test]
async fn a_clock_that_jumps_by_a_year_changes_nothing() {
    let section = clock::run(&base()).await.unwrap();
    assert!(section.violations.is_empty(), "{section:#?}");
}
