//! The one activity: tells the observer that it runs, then computes or fails as it is told.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use weft_sdk::{Call, Failure};

use crate::report;

/// One step of a root's work.
///
/// `at` names it: a stage, a lane in that stage, a stage within that lane and so on. A stage begins
/// when all lanes of the stage before have ended, so that a step which runs proves that every step
/// of an earlier stage has been completed for good. Lanes run side by side and prove nothing of
/// each other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Step {
    pub(crate) root: String,
    pub(crate) at: Vec<u32>,
    pub(crate) value: u32,
    /// How many attempts fail before one succeeds.
    pub(crate) failures: u32,
    /// Whether no attempt ever succeeds.
    pub(crate) refused: bool,
}

impl Step {
    /// The same, failing so many times first.
    pub(crate) fn failing(self, failures: u32) -> Self {
        Self { failures, ..self }
    }
}

/// Mixes the value; fails first where it is told so.
#[weft_sdk::activity]
pub(crate) fn step(call: Call, step: Step) -> Result<u32, Failure> {
    report::execution(&call, &step)?;
    if step.refused {
        return Err(Failure::permanent("refused", "this step never succeeds"));
    }
    if call.attempt <= step.failures {
        let message = format!("attempt {} fails", call.attempt);
        return Err(Failure::transient("unsteady", message));
    }
    let place = step
        .at
        .iter()
        .fold(7, |sum: u32, part| sum.wrapping_mul(31).wrapping_add(*part));
    Ok(step
        .value
        .wrapping_mul(1_664_525)
        .wrapping_add(1_013_904_223)
        ^ place)
}
