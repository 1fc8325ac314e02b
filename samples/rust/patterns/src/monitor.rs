//! Monitor: looks again and again, with a pause in between, until something is so or time is up.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weft_sdk::{Context, Failure, orchestrator};

use crate::work::probe;

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Watch {
    pub name: String,
    /// What has to be reached.
    pub goal: u64,
    pub every_ms: u64,
    pub looks_max: u32,
}

#[orchestrator]
pub async fn monitor(ctx: Context, watch: Watch) -> Result<String, Failure> {
    for _ in 0..watch.looks_max {
        let found = ctx.call::<probe>(&watch.name).await?;
        ctx.set_custom_status(&found);
        if found >= watch.goal {
            return Ok("reached".to_owned());
        }
        ctx.timer(Duration::from_millis(watch.every_ms)).await;
    }
    Ok("given up".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_sdk::testing::Orchestration;

    #[test]
    fn looks_until_the_goal_is_reached() {
        let watch = Watch {
            name: "w".to_owned(),
            goal: 3,
            every_ms: 60_000,
            looks_max: 10,
        };
        let run = Orchestration::new(monitor, watch).real_activity::<probe>();
        let report = run.run::<String, _>();
        assert_eq!(report.result.as_deref(), Ok("reached"));
        assert_eq!(report.elapsed, Duration::from_secs(120));
    }
}
