//! The node is stopped for longer than its leases last, and goes on.

use std::time::Duration;

use super::site::{Base, Site};
use crate::report::Section;

/// Leases last ten seconds.
const STOPPED: Duration = Duration::from_secs(12);
const WORK_MAX: Duration = Duration::from_secs(30);

/// # Errors
/// When the node cannot be started or used; what it does wrong is in the section.
pub async fn run(base: &Base, times: u32) -> anyhow::Result<Section> {
    let dir = tempfile::tempdir()?;
    let mut site = Site::open(base, &dir.path().join("data")).await?;
    for _ in 0..times {
        site.work(50, WORK_MAX).await;
        site.node.stop()?;
        tokio::time::sleep(STOPPED).await;
        site.node.go_on()?;
        site.work(50, WORK_MAX).await;
        if let Some(status) = site.node.try_ended()? {
            let what = format!("the node ended with {status}: {}", site.node.said());
            site.record.violation(what);
            site.kill().await?;
            site.start().await?;
        }
    }
    let mut section = site.close("Stopped past its leases").await?;
    section.figure("stops", times);
    Ok(section)
}
