//! Sub-orchestrations: an orchestration of orchestrations. The children fail the first time; when
//! the parent is rewound, so are they.

use weft_sdk::{Context, Failure, orchestrator, try_join_all};

use crate::work::flaky;

#[orchestrator]
pub async fn parent(ctx: Context, name: String) -> Result<u64, Failure> {
    let names = (1..=3).map(|number| format!("{name}-{number}"));
    let children = names.map(|name| ctx.call_sub::<child>(&name));
    Ok(try_join_all(children).await?.into_iter().sum())
}

#[orchestrator]
pub async fn child(ctx: Context, name: String) -> Result<u64, Failure> {
    ctx.call::<flaky>(&name).await
}
