//! SIGKILL at random instants: while the node works, while it starts, and in the very moment in
//! which an activity has told of its execution.

use std::time::Duration;

use rand::RngExt;

use super::site::{Base, Site};
use crate::report::Section;

/// Kills after which it is told how far it is.
const PROGRESS: u32 = 100;

/// Runs the load, kills the node so many times, and judges it.
///
/// # Errors
/// When the node cannot be started or used; what it does wrong is in the section.
pub async fn run(base: &Base, kills: u32) -> anyhow::Result<Section> {
    let dir = tempfile::tempdir()?;
    let mut site = Site::open(base, &dir.path().join("data")).await?;
    let mut during_start = 0_u32;
    for number in 1..=kills {
        wait_for_the_moment(&mut site).await;
        site.kill().await?;
        // Sometimes its successor goes before it is ready.
        while site.rng.random_bool(0.1) {
            site.node = site.setup.spawn()?;
            let micros = site.rng.random_range(0..80_000);
            tokio::time::sleep(Duration::from_micros(micros)).await;
            site.kill().await?;
            during_start += 1;
        }
        site.start().await?;
        if number.is_multiple_of(PROGRESS) {
            let violations = site.record.tally().violations;
            eprintln!("{number} of {kills} kills, {violations} violations");
        }
    }
    let first_steps = site.record.first_steps();
    let mut section = site.close("SIGKILL at random instants").await?;
    section.figure("kills", kills + during_start);
    section.figure("kills before it was ready", during_start);
    section.times(
        "first step after restart, p50 ms",
        "first step after restart, max ms",
        first_steps,
    );
    Ok(section)
}

/// Some time, or some executions.
async fn wait_for_the_moment(site: &mut Site) {
    if site.rng.random_bool(0.4) {
        let executions = site.rng.random_range(1..40);
        // A node that is busy otherwise is killed all the same.
        site.work(executions, Duration::from_millis(300)).await;
    } else {
        let micros = site.rng.random_range(0..250_000);
        tokio::time::sleep(Duration::from_micros(micros)).await;
    }
}
