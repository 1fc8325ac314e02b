//! Human interaction: waits for an answer, but not for ever.

use std::time::Duration;

use weft_sdk::{Context, Failure, orchestrator};

/// Waits that many milliseconds for the event `Approval`, whose payload is true or false.
#[orchestrator]
pub async fn approval(ctx: Context, deadline_ms: u64) -> Result<String, Failure> {
    ctx.set_custom_status(&"waiting");
    let answer = ctx.event::<bool>("Approval");
    let answer = ctx
        .timeout(Duration::from_millis(deadline_ms), answer)
        .await;
    Ok(match answer.transpose()? {
        Some(true) => "approved",
        Some(false) => "rejected",
        None => "escalated",
    }
    .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use weft_sdk::testing::Orchestration;

    #[test]
    fn takes_the_answer_or_escalates() {
        let run = Orchestration::new(approval, 1_000).event("approval", true);
        assert_eq!(run.run::<String, _>().result.as_deref(), Ok("approved"));
        let run = Orchestration::new(approval, 1_000);
        assert_eq!(run.run::<String, _>().result.as_deref(), Ok("escalated"));
    }
}
