//! Function chaining: each step takes what the one before has given.

use weft_sdk::{Context, Failure, orchestrator};

use crate::work::double;

#[orchestrator]
pub async fn chain(ctx: Context, number: i64) -> Result<i64, Failure> {
    let two = ctx.call::<double>(&number).await?;
    let four = ctx.call::<double>(&two).await?;
    ctx.call::<double>(&four).await
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
