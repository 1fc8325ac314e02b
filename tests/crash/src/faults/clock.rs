//! The machine's clock is wrong by a year, in both directions, from one start of the node to the
//! next. A running node does not look at it.

use std::time::Duration;

use super::site::{Base, Site};
use crate::report::Section;

/// The environment variable that tells `weft-rigged` by how many milliseconds.
pub const VARIABLE: &str = "WEFT_RIGGED_CLOCK";

const YEAR_MS: i64 = 365 * 24 * 60 * 60 * 1_000;
const WORK_MAX: Duration = Duration::from_secs(10);

/// With `weft-rigged` as the program.
///
/// # Errors
/// When the node cannot be started or used; what it does wrong is in the section.
pub async fn run(base: &Base) -> anyhow::Result<Section> {
    let dir = tempfile::tempdir()?;
    let mut site = Site::open(base, &dir.path().join("data")).await?;
    let jumps = [YEAR_MS, 0, -YEAR_MS, YEAR_MS, -YEAR_MS, 0];
    for wrong_by in jumps {
        site.work(150, WORK_MAX).await;
        site.kill().await?;
        site.setup.env.retain(|(name, _)| *name != VARIABLE);
        site.setup.env.push((VARIABLE, wrong_by.to_string()));
        site.start().await?;
    }
    site.work(150, WORK_MAX).await;
    let mut section = site.close("The clock jumps by a year").await?;
    section.figure("jumps", jumps.len());
    Ok(section)
}
