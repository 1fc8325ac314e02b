//! How many operations do entities take: one of them, and a thousand?
//!
//! A signal counts when it has run, not when it was accepted. A call is one of an orchestration that
//! does nothing else, answered at its end; a transfer locks two accounts, reads one and writes both.

use std::time::{Duration, Instant};

use serde_json::json;
use weft_testkit::guests::component;

use super::{Plan, millis};
use crate::drive::{Request, Until, drive, drive_in_turn};
use crate::node::Subject;
use crate::report::{Figure, Report};

const CLIENTS: usize = 64;
const MANY: usize = 1_000;
const TRANSFERS: usize = 16;

pub(crate) async fn measure(plan: Plan, report: &mut Report) -> anyhow::Result<()> {
    let subject = Subject::start();
    let wasm = component("samples/rust/patterns", "patterns");
    subject.upload("patterns", wasm).await?;
    let one = signals(&subject, 1)?;
    let many = signals(&subject, MANY)?;
    let call = subject.run_json("aggregate", &json!(1))?;
    let transfer = json!({"from": "a", "to": "b", "amount": 0});
    let transfer = subject.run_json("transfer", &transfer)?;
    // Each once, so that nothing is loaded or created in the first round.
    for requests in [&one, &many, &vec![call.clone()], &vec![transfer.clone()]] {
        drive_in_turn(requests, 1, Until::Sent(requests.len() as u64)).await?;
    }
    let mut sent = MANY as u64 + 1;
    let mut figures = [const { Vec::new() }; 5];
    for _ in 0..plan.rounds {
        figures[0].push(round(&subject, &one, plan, &mut sent).await?);
        figures[1].push(round(&subject, &many, plan, &mut sent).await?);
        let alone = drive(&call, 1, Until::Passed(plan.round / 2)).await?;
        figures[2].push(millis(alone.quantile(0.5)));
        let busy = drive(&call, CLIENTS, Until::Passed(plan.round)).await?;
        figures[3].push(busy.per_second());
        let moved = drive(&transfer, TRANSFERS, Until::Passed(plan.round)).await?;
        figures[4].push(moved.per_second());
    }
    let [one, many, alone, busy, moved] = figures;
    report.add(
        "Entities",
        vec![
            Figure::of("signals to one entity, 64 clients", "/s", one),
            Figure::of("signals to 1,000 entities, 64 clients", "/s", many),
            Figure::of("signal and call, 1 client, p50", "ms", alone),
            Figure::of("signals and calls, 64 clients", "/s", busy),
            Figure::of("transfers under a lock, one pair, 16 clients", "/s", moved),
        ],
    );
    Ok(())
}

fn signals(subject: &Subject, entities: usize) -> anyhow::Result<Vec<Request>> {
    let signal = |number| subject.signal(&format!("counter/{entities}-{number}"), "add", 1);
    (0..entities).map(signal).collect()
}

/// Operations in a second, until the last of them has run.
async fn round(
    subject: &Subject,
    signals: &[Request],
    plan: Plan,
    sent: &mut u64,
) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let sample = drive_in_turn(signals, CLIENTS, Until::Passed(plan.round)).await?;
    let count = sample.latencies.len() as u64;
    *sent += count;
    while subject.counted(&["1-", "1000-"]).await? < *sent {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(count as f64 / begun.elapsed().as_secs_f64())
}
