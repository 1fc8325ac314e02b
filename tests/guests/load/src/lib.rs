//! Orchestrations that do nothing but take steps, for measuring what a step costs.

use weft_sdk::{Context, Failure, join_all};

/// Returns what it is given.
#[weft_sdk::activity]
fn echo(number: u32) -> Result<u32, Failure> {
    Ok(number)
}

/// Calls one activity after the other, as many as asked for; returns the sum of their results.
#[weft_sdk::orchestrator]
async fn sequence(ctx: Context, steps: u32) -> Result<u64, Failure> {
    let mut sum = 0;
    for step in 0..steps {
        sum += u64::from(ctx.call::<echo>(&step).await?);
    }
    Ok(sum)
}

/// Calls so many activities at once; returns the sum of their results.
#[weft_sdk::orchestrator]
async fn parallel(ctx: Context, width: u32) -> Result<u64, Failure> {
    let calls: Vec<_> = (0..width).map(|step| ctx.call::<echo>(&step)).collect();
    let mut sum = 0;
    for result in join_all(calls).await {
        sum += u64::from(result?);
    }
    Ok(sum)
}

/// Waits for the event `go`.
#[weft_sdk::orchestrator]
async fn park(ctx: Context, _input: ()) -> Result<(), Failure> {
    ctx.event::<()>("go").await
}

weft_sdk::export! {
    orchestrators: [sequence, parallel, park],
    activities: [echo],
}
