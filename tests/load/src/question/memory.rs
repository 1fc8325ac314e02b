//! How much memory does an orchestration take that waits, parked and ready to go on?

use serde_json::Value;

use crate::drive::{Until, drive};
use crate::node::Subject;
use crate::report::{Aim, Figure, Report};

/// Fewer than a node keeps parked by default.
const PARKED: u64 = 300;
const BEFORE: u64 = 60;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let subject = Subject::start();
    subject.orchestrations().await?;
    drive(&subject.run("sequence", 1)?, 4, Until::Sent(50)).await?;
    let request = subject.start_only("park", &Value::Null)?;
    // The first ones make the node take what all of them share.
    drive(&request, 1, Until::Sent(BEFORE)).await?;
    subject
        .until_metric("weft_parked_orchestrations", BEFORE as f64)
        .await?;
    let before = subject.resident()?;
    drive(&request, 1, Until::Sent(PARKED - BEFORE)).await?;
    subject
        .until_metric("weft_parked_orchestrations", PARKED as f64)
        .await?;
    let each = (subject.resident()? - before) / (PARKED - BEFORE) as f64 / 1024.0;
    report.add(
        "Memory",
        vec![Figure::of("a parked orchestration", "KiB", vec![each]).aiming(Aim::AtMost(64.0))],
    );
    Ok(())
}
