//! How soon does a node go on after a kill with ten thousand open instances, and what do a hundred
//! thousand that only wait cost?

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::Value;

use crate::drive::{Until, drive};
use crate::node::Subject;
use crate::report::{Aim, Figure, Report};

const OPEN: u64 = 10_000;
const IDLE: u64 = 100_000;
const CONNECTIONS: u64 = 16;
/// How long the idle node is watched.
const WATCH: Duration = Duration::from_secs(10);

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let mut subject = Subject::start();
    subject.orchestrations().await?;
    let first = subject.start_one("park", &Value::Null).await?;
    start(&subject, OPEN).await?;
    let killed = Instant::now();
    subject.node.restart();
    subject.raise(&first, "go").await?;
    subject.ended(&first).await?;
    let recovered = killed.elapsed();
    // Read from the status line of each instance, in pages.
    let open = subject.count("Running").await?;
    ensure!(
        open == OPEN,
        "{open} of {OPEN} instances are open after the kill"
    );

    start(&subject, IDLE - OPEN).await?;
    // The last ones are evicted from memory after their turn.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (from, before) = (Instant::now(), subject.processor_seconds()?);
    tokio::time::sleep(WATCH).await;
    let spent = subject.processor_seconds()? - before;
    let share = spent / from.elapsed().as_secs_f64() * 100.0;
    let resident = subject.resident()? / f64::from(1 << 20);
    report.add(
        "Recovery, and instances that only wait",
        vec![
            Figure::of(
                "from a kill with 10000 open to a step of the first",
                "s",
                vec![recovered.as_secs_f64()],
            )
            .aiming(Aim::AtMost(5.0)),
            Figure::of("100000 waiting, resident", "MiB", vec![resident])
                .aiming(Aim::AtMost(100.0)),
            Figure::of("100000 waiting, processor", "%", vec![share]).aiming(Aim::AtMost(1.0)),
        ],
    );
    Ok(())
}

/// Starts instances that wait, and returns when each has had its first turn.
async fn start(subject: &Subject, count: u64) -> anyhow::Result<()> {
    let turns = subject.metric("weft_turns_total").await?;
    let request = subject.start_only("park", &Value::Null)?;
    let connections = usize::try_from(CONNECTIONS)?;
    drive(&request, connections, Until::Sent(count / CONNECTIONS)).await?;
    subject
        .until_metric("weft_turns_total", turns + count as f64)
        .await
}
