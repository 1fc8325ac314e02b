//! Fan-out and fan-in: many steps at once, and one result of all of them.

use weft_sdk::{Context, Failure, orchestrator, try_join_all};

use crate::work::double;

#[orchestrator]
pub async fn fan_out(ctx: Context, count: i64) -> Result<i64, Failure> {
    let calls = (0..count).map(|number| ctx.call::<double>(&number));
    Ok(try_join_all(calls).await?.into_iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_sdk::testing::Orchestration;

    #[test]
    fn adds_up_what_all_have_given() {
        let run = Orchestration::new(fan_out, 10).real_activity::<double>();
        assert_eq!(run.run::<i64, _>().result, Ok(90));
    }
}
