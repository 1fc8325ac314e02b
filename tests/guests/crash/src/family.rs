//! Children, and events that they send to their parent.

use weft_sdk::{Context, Failure, join_all};

use crate::Order;
use crate::step::step;

/// Children side by side, each a chain that greets its parent before it ends; then one step with
/// the sum of what they returned and said. Every other child is named by its parent.
#[weft_sdk::orchestrator]
pub(crate) async fn family(ctx: Context, order: Order) -> Result<u32, Failure> {
    let children = (0..order.size).map(|lane| {
        let child = Order {
            at: vec![0, lane],
            value: order.value.wrapping_add(lane),
            ..order.clone()
        };
        let call = ctx.call_sub::<child>(&child);
        if lane % 2 == 0 {
            call.with_instance_id(format!("{}-child-{lane}", order.root))
        } else {
            call
        }
    });
    let mut sum = 0_u32;
    for result in join_all(children).await {
        sum = sum.wrapping_add(result?);
    }
    for _ in 0..order.size {
        let greeting = ctx.event::<u32>("greeting").await?;
        sum = sum.wrapping_add(greeting);
    }
    ctx.call::<step>(&order.step(1, 0, sum)).await
}

/// Two steps; greets the root with the result of the first.
#[weft_sdk::orchestrator]
pub(crate) async fn child(ctx: Context, order: Order) -> Result<u32, Failure> {
    let value = ctx.call::<step>(&order.step(0, 0, order.value)).await?;
    ctx.send_event(&order.root, "greeting", &value)?;
    ctx.call::<step>(&order.step(1, 0, value)).await
}
