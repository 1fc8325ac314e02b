//! An fsync fails: the node must stop with a message, since nobody knows what is on the disk, and
//! must have lost nothing when it is started again.

use std::time::Duration;

use rand::RngExt;

use super::site::{Base, Site};
use super::tracer::{self, Attached, Harm, Injection};
use crate::report::Section;

const END_MAX: Duration = Duration::from_secs(30);
const MESSAGE: &str = "cannot promise durability";

/// # Errors
/// When strace is missing, or the node cannot be started or used.
pub async fn run(base: &Base, times: u32) -> anyhow::Result<Section> {
    tracer::require().await?;
    let dir = tempfile::tempdir()?;
    let mut site = Site::open(base, &dir.path().join("data")).await?;
    for _ in 0..times {
        let injection = Injection {
            calls: "fsync,fdatasync",
            when: site.rng.random_range(1..60).to_string(),
            harm: Harm::Error("EIO"),
        };
        let tracer = Attached::to(site.node.pid()?, &injection).await?;
        match site.node.ended_within(END_MAX).await {
            Ok(status) if !status.success() && site.node.said().contains(MESSAGE) => {}
            Ok(status) => {
                let said = site.node.said();
                site.record
                    .violation(format!("an fsync failed, the end was {status}: {said}"));
            }
            Err(_) => site
                .record
                .violation("an fsync failed and the node goes on".to_owned()),
        }
        drop(tracer);
        site.kill().await?;
        site.start().await?;
    }
    let mut section = site.close("fsync fails").await?;
    section.figure("failed fsyncs", times);
    Ok(section)
}
