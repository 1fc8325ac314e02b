//! The workload of the crash tests: every kind of durable call, with results that are pure
//! functions of the input, and an activity that tells an observer outside of each execution.

mod events;
mod family;
mod report;
mod saga;
mod sequence;
mod step;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an orchestration is started with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Order {
    /// The instance that the observer knows; children work for their parent's.
    pub(crate) root: String,
    /// Where the order stands in the root's work, as stages and lanes by turns; see [`step::Step`].
    #[serde(default)]
    pub(crate) at: Vec<u32>,
    /// What the steps compute with.
    pub(crate) value: u32,
    /// How much there is to do.
    pub(crate) size: u32,
}

impl Order {
    /// The step in a stage and a lane of this order.
    pub(crate) fn step(&self, stage: u32, lane: u32, value: u32) -> step::Step {
        let mut at = self.at.clone();
        at.extend([stage, lane]);
        step::Step {
            root: self.root.clone(),
            at,
            value,
            failures: 0,
            refused: false,
        }
    }
}

weft_sdk::export! {
    orchestrators: [
        sequence::chain,
        sequence::fan_out,
        sequence::timers,
        sequence::again,
        sequence::retries,
        sequence::deadlines,
        events::gather,
        events::roll,
        family::family,
        family::child,
        saga::saga,
    ],
    activities: [step::step],
}
