//! Function chaining: each step takes what the one before has given.

use weft_sdk::{Context, Failure, orchestrator};

use crate::work::double;

#[orchestrator]
pub async fn chain(ctx: Context, number: i64) -> Result<i64, Failure> {
    let two = ctx.call::<double>(&number).await?;
    let four = ctx.call::<double>(&two).await?;
    ctx.call::<double>(&four).await
}

/// Calls an activity that is known by its name only: one of this app that runs elsewhere, for instance
/// in a worker of a Durable Task SDK.
#[orchestrator]
pub async fn call_by_name(ctx: Context, name: String) -> Result<serde_json::Value, Failure> {
    ctx.activity(&name, &1).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_sdk::testing::Orchestration;

    #[test]
    fn doubles_three_times() {
        let run = Orchestration::new(chain, 1).real_activity::<double>();
        assert_eq!(run.run::<i64, _>().result, Ok(8));
    }
}
