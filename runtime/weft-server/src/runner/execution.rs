//! An execution of the sandbox as the worker drives it.

use async_trait::async_trait;
use weft_orchestration::{Message, Timestamp, Turn};
use weft_sandbox::CallError;
use weft_worker::{Execution, TurnError};

pub(super) struct Parked(pub(super) weft_sandbox::Execution);

#[async_trait]
impl Execution for Parked {
    async fn turn(&mut self, messages: Vec<Message>, now: Timestamp) -> Result<Turn, TurnError> {
        self.0.turn(messages, now).await.map_err(transient)
    }
}

/// What did not come from the code itself.
pub(super) fn transient(error: CallError) -> TurnError {
    let why = error.to_string();
    match error {
        // Instances wait until the component is released.
        CallError::Busy(_) | CallError::Limited(_) | CallError::Quarantined(_) => {
            TurnError::Busy(why)
        }
        CallError::NoComponent(_)
        | CallError::NoRole(_)
        | CallError::Timeout(_)
        | CallError::Limit { .. }
        | CallError::Trap(_)
        | CallError::NoResponse
        | CallError::ErrorResponse(_)
        | CallError::BadRequest(_)
        | CallError::Internal(_) => TurnError::Host(why),
    }
}
