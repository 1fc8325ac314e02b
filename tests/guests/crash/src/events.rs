//! Waiting for events: in one history, and over many generations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weft_sdk::{Context, Failure};

use crate::Order;
use crate::step::step;

/// The payload of the event `go`. Whoever does not know whether an event arrived raises it again
/// with another `attempt`, so an orchestration may see a number twice and an event at most once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Go {
    /// From 0; absent in the last one.
    pub(crate) number: Option<u32>,
    pub(crate) attempt: u32,
}

/// What an orchestration has received.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Received {
    pub(crate) value: u32,
    /// Number and attempt of each event in its order, the last one excepted.
    pub(crate) events: Vec<(u32, u32)>,
}

impl Received {
    /// Takes an event; makes a step of it unless its number is known. Whether it was the last one.
    async fn take(&mut self, ctx: &Context, order: &Order, go: Go) -> Result<bool, Failure> {
        let Some(number) = go.number else {
            return Ok(true);
        };
        let known = self.events.iter().any(|(seen, _)| *seen == number);
        self.events.push((number, go.attempt));
        if !known {
            let value = self.value.wrapping_add(number);
            self.value = ctx.call::<step>(&order.step(number, 0, value)).await?;
        }
        Ok(false)
    }
}

/// One step for each event, until the last one has come.
#[weft_sdk::orchestrator]
pub(crate) async fn gather(ctx: Context, order: Order) -> Result<Received, Failure> {
    let mut received = Received {
        value: order.value,
        events: Vec::new(),
    };
    loop {
        let go = ctx.event::<Go>("go").await?;
        if received.take(&ctx, &order, go).await? {
            return Ok(received);
        }
    }
}

/// What a generation hands to the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Generation {
    #[serde(flatten)]
    order: Order,
    #[serde(default)]
    events: Vec<(u32, u32)>,
}

/// The same, with a generation for each event.
#[weft_sdk::orchestrator]
pub(crate) async fn roll(ctx: Context, generation: Generation) -> Result<Received, Failure> {
    let Generation { order, events } = generation;
    let mut received = Received {
        value: order.value,
        events,
    };
    let go = ctx.event::<Go>("GO").await?;
    if received.take(&ctx, &order, go).await? {
        return Ok(received);
    }
    ctx.continue_as_new(&Generation {
        order: Order {
            value: received.value,
            ..order
        },
        events: received.events,
    })
}
