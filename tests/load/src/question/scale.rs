//! What do many orchestrations at once cost, and does a long one stay as fast as it began?

use anyhow::Context;
use serde_json::Value;

use crate::drive::{Until, drive};
use crate::node::Subject;
use crate::report::{Aim, Figure, Report};

const AT_ONCE: usize = 1000;
/// What Netherite's authors published for two cores.
const NETHERITE_PER_SECOND: f64 = 171.0;
const LONG_STEPS: u32 = 10_000;
const PIECE: u64 = 1000;
const ROUNDS: usize = 3;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let subject = Subject::start();
    subject.orchestrations().await?;
    let request = subject.run("sequence", 5)?;
    drive(&request, 16, Until::Sent(20)).await?;
    let mut per_second = Vec::new();
    let mut growth = Vec::new();
    for _ in 0..ROUNDS {
        let sample = drive(&request, AT_ONCE, Until::Sent(1)).await?;
        per_second.push(sample.per_second());
        growth.push(long(&subject).await?);
    }
    report.add(
        "Scale",
        vec![
            Figure::of(
                "5 in sequence, 1000 orchestrations at once",
                "/s",
                per_second,
            )
            .aiming(Aim::AtLeast(20.0 * NETHERITE_PER_SECOND)),
            Figure::of("10000 in sequence, last 1000 beside the first", "x", growth)
                .aiming(Aim::AtMost(1.2)),
        ],
    );
    Ok(())
}

/// How much longer the last thousand steps took than the first.
async fn long(subject: &Subject) -> anyhow::Result<f64> {
    let id = subject.start_one("sequence", &LONG_STEPS.into()).await?;
    subject.ended(&id).await?;
    let steps = u64::from(LONG_STEPS);
    let mut times = Vec::new();
    // Past the first steps, in which the component may still be loaded.
    for turn in [10, 10 + PIECE, steps - PIECE, steps] {
        let history = subject.turns(&id, turn, 1).await?;
        times.push(time(&history).with_context(|| format!("no time in {history}"))?);
    }
    Ok((times[3] - times[2]) / (times[1] - times[0]))
}

/// Seconds of the day at which the first of the events was recorded.
fn time(history: &Value) -> Option<f64> {
    let at = history["events"][0]["at"].as_str()?;
    let (_, clock) = at.split_once('T')?;
    let mut seconds = 0.0;
    for part in clock.trim_end_matches('Z').split(':') {
        seconds = seconds * 60.0 + part.parse::<f64>().ok()?;
    }
    Some(seconds)
}
