//! Eternal orchestration: starts over with an empty history after each round. This one ends after
//! some rounds, so that it can be seen to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weft_sdk::{Context, Failure, orchestrator};

use crate::work::double;

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Round {
    pub left: u32,
    pub number: i64,
}

#[orchestrator]
pub async fn eternal(ctx: Context, round: Round) -> Result<i64, Failure> {
    let number = ctx.call::<double>(&round.number).await?;
    match round.left.checked_sub(1) {
        Some(left) => ctx.continue_as_new(&Round { left, number }),
        None => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_sdk::testing::Orchestration;

    #[test]
    fn starts_over_with_what_the_round_has_given() {
        let round = Round { left: 3, number: 1 };
        let report = Orchestration::new(eternal, round)
            .real_activity::<double>()
            .run::<i64, _>();
        assert_eq!((report.result, report.restarts), (Ok(16), 3));
    }
}
