//! Long payloads on every way that one can take.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use weft_sdk::entity::{Answer, Operation};
use weft_sdk::{Context, Entity, EntityId, Failure, client};

/// Returns what it is given.
#[weft_sdk::activity]
fn pass(text: String) -> Result<String, Failure> {
    Ok(text)
}

/// Returns a text of so many bytes.
#[weft_sdk::activity]
fn grow(bytes: usize) -> Result<String, Failure> {
    Ok("g".repeat(bytes))
}

/// Starts an orchestration, waits for it and returns what it returned, as an activity of somebody
/// else's orchestration or a caller over HTTP may want it.
#[weft_sdk::activity]
fn errand(text: String) -> Result<String, Failure> {
    let id = client::start_orchestrator::<carry>(&text, None)?;
    let status = client::wait_for_completion(&id, Duration::from_secs(30))?;
    let output = status.output()?;
    output.ok_or_else(|| Failure::transient("late", "it has not ended"))
}

/// Keeps one text.
#[derive(Default, Serialize, Deserialize)]
struct Shelf {
    text: String,
}

impl Entity for Shelf {
    const NAME: &'static str = "shelf";

    fn operate(&mut self, operation: &Operation) -> Result<Answer, Failure> {
        match operation.name() {
            "set" => self.text = operation.input()?,
            "get" => {}
            _ => return operation.unknown(),
        }
        operation.answer(&self.text)
    }
}

/// Sends its input through an activity, a child and an entity, waits for the event `more`, and
/// begins anew with both; ends with what it began with then.
#[weft_sdk::orchestrator]
async fn haul(ctx: Context, freight: (u32, String)) -> Result<String, Failure> {
    let (round, text) = freight;
    if round > 0 {
        return Ok(text);
    }
    let text: String = ctx.call::<pass>(&text).await?;
    let text: String = ctx.call_sub::<carry>(&text).await?;
    let shelf = EntityId::of::<Shelf>(ctx.instance_id());
    let text: String = ctx.call_entity(&shelf, "set", &text).await?;
    let more: String = ctx.event("more").await?;
    ctx.continue_as_new(&(round + 1, text + &more))
}

/// A child of `haul`.
#[weft_sdk::orchestrator]
async fn carry(_ctx: Context, text: String) -> Result<String, Failure> {
    Ok(text)
}

/// A workflow of the app, which is no code of this component.
#[weft_sdk::orchestrator]
async fn flow(_ctx: Context, _order: Order) -> Result<Ended, Failure> {
    Err(Failure::permanent(
        "nowhere",
        "only a workflow is called so",
    ))
}

/// What the workflow is started with.
#[derive(Serialize, Deserialize, schemars::JsonSchema)]
struct Order {
    text: String,
}

/// How the workflow ended.
#[derive(Serialize, Deserialize, schemars::JsonSchema)]
struct Ended {
    status: String,
    outputs: std::collections::BTreeMap<String, Output>,
}

#[derive(Serialize, Deserialize, schemars::JsonSchema)]
struct Output {
    value: String,
}

/// Starts the workflow, waits for it, and tells what it gave.
#[weft_sdk::orchestrator]
async fn dispatch(ctx: Context, text: String) -> Result<String, Failure> {
    let ended = ctx.call_sub::<flow>(&Order { text }).await?;
    let said = ended
        .outputs
        .get("said")
        .map(|output| output.value.as_str());
    Ok(format!("{}: {}", ended.status, said.unwrap_or_default()))
}

/// Lets an activity return so many bytes.
#[weft_sdk::orchestrator]
async fn lift(ctx: Context, bytes: usize) -> Result<usize, Failure> {
    Ok(ctx.call::<grow>(&bytes).await?.len())
}

weft_sdk::export! {
    orchestrators: [haul, carry, lift, dispatch],
    activities: [pass, grow, errand],
    entities: [Shelf],
}
