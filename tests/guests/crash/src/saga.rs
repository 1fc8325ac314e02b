//! Steps that are undone when a later one fails for good.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weft_sdk::{Context, Failure, RetryPolicy};

use crate::Order;
use crate::sequence::PAUSE;
use crate::step::{Step, step};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Undone {
    /// The kind of the failure that ended the way forward.
    pub(crate) reason: String,
    /// What the compensations returned, the last step's first.
    pub(crate) values: Vec<u32>,
}

/// Goes forward until a step is refused, then undoes the steps before it; undoing fails once each
/// time before it succeeds.
#[weft_sdk::orchestrator]
pub(crate) async fn saga(ctx: Context, order: Order) -> Result<Undone, Failure> {
    let mut done = Vec::new();
    let mut value = order.value;
    let reason = loop {
        let stage = u32::try_from(done.len())?;
        let wanted = Step {
            refused: stage == order.size,
            ..order.step(stage, 0, value)
        };
        match ctx.call::<step>(&wanted).await {
            Ok(result) => {
                value = result;
                done.push(result);
            }
            Err(failure) => break failure.kind,
        }
    };
    let mut values = Vec::new();
    for (stage, value) in (order.size + 1..).zip(done.into_iter().rev()) {
        let wanted = order.step(stage, 0, value).failing(1);
        let policy = RetryPolicy::new(3, PAUSE / 4);
        values.push(ctx.call::<step>(&wanted).with_retry(policy).await?);
    }
    Ok(Undone { reason, values })
}
