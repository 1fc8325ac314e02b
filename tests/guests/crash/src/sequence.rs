//! Work of one orchestration by itself: steps, fan-outs, timers, retries, deadlines, generations.

use std::time::Duration;

use weft_sdk::{Context, Failure, RetryPolicy, join_all};

use crate::Order;
use crate::step::step;

/// A pause that is long beside a step and short beside the life of a node.
pub(crate) const PAUSE: Duration = Duration::from_millis(40);

/// One step after the other.
#[weft_sdk::orchestrator]
pub(crate) async fn chain(ctx: Context, order: Order) -> Result<u32, Failure> {
    let mut value = order.value;
    for stage in 0..order.size {
        value = ctx.call::<step>(&order.step(stage, 0, value)).await?;
    }
    Ok(value)
}

/// All steps at once, and one with their sum.
#[weft_sdk::orchestrator]
pub(crate) async fn fan_out(ctx: Context, order: Order) -> Result<u32, Failure> {
    let calls = (0..order.size).map(|lane| {
        let value = order.value.wrapping_add(lane);
        ctx.call::<step>(&order.step(0, lane, value))
    });
    let mut sum = 0_u32;
    for result in join_all(calls).await {
        sum = sum.wrapping_add(result?);
    }
    ctx.call::<step>(&order.step(1, 0, sum)).await
}

/// A pause before each step.
#[weft_sdk::orchestrator]
pub(crate) async fn timers(ctx: Context, order: Order) -> Result<u32, Failure> {
    let mut value = order.value;
    for stage in 0..order.size {
        ctx.timer(PAUSE).await;
        value = ctx.call::<step>(&order.step(stage, 0, value)).await?;
    }
    Ok(value)
}

/// Two steps a generation, then anew; `at` counts the generations.
#[weft_sdk::orchestrator]
pub(crate) async fn again(ctx: Context, order: Order) -> Result<u32, Failure> {
    let done = order.at.first().copied().unwrap_or(0);
    let bare = Order {
        at: Vec::new(),
        ..order.clone()
    };
    let value = ctx.call::<step>(&bare.step(done, 0, order.value)).await?;
    let value = ctx.call::<step>(&bare.step(done + 1, 0, value)).await?;
    if order.size <= 1 {
        return Ok(value);
    }
    ctx.continue_as_new(&Order {
        at: vec![done + 2],
        value,
        size: order.size - 1,
        ..order
    })
}

/// Steps that fail before they succeed, once more each time.
#[weft_sdk::orchestrator]
pub(crate) async fn retries(ctx: Context, order: Order) -> Result<u32, Failure> {
    let mut value = order.value;
    for stage in 0..order.size {
        let wanted = order.step(stage, 0, value).failing(stage);
        let policy = RetryPolicy::new(order.size, PAUSE / 4).with_coefficient(1.5);
        value = ctx.call::<step>(&wanted).with_retry(policy).await?;
    }
    Ok(value)
}

/// Steps that win against a deadline, and events that lose against one.
#[weft_sdk::orchestrator]
pub(crate) async fn deadlines(ctx: Context, order: Order) -> Result<u32, Failure> {
    let mut value = order.value;
    for stage in 0..order.size {
        let call = ctx.call::<step>(&order.step(stage, 0, value));
        // Farther than the clock ever jumps.
        let far = Duration::from_secs(10 * 365 * 24 * 60 * 60);
        value = match ctx.timeout(far, call).await {
            Some(result) => result?,
            None => return Err(Failure::permanent("late", "ten years have passed")),
        };
        let never = ctx.event::<u32>("never").with_deadline(PAUSE / 2).await?;
        if never.is_some() {
            return Err(Failure::permanent("event", "nobody raised that event"));
        }
    }
    Ok(value)
}
