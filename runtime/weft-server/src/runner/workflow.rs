//! A run of a workflow as the worker drives it.

use std::sync::Arc;

use async_trait::async_trait;
use weft_orchestration::{Message, Timestamp, Turn};
use weft_store::{Store, fill_in};
use weft_worker::{Execution, TurnError};
use weft_workflow::run::Run;

/// The interpreter reads what it is given, so that nothing of it is left apart.
pub(super) struct Interpreted {
    pub(super) run: Run,
    pub(super) store: Arc<dyn Store>,
}

#[async_trait]
impl Execution for Interpreted {
    async fn turn(
        &mut self,
        mut messages: Vec<Message>,
        now: Timestamp,
    ) -> Result<Turn, TurnError> {
        let filled = fill_in(&*self.store, &mut messages).await;
        filled.map_err(|error| TurnError::Busy(error.to_string()))?;
        Ok(self.run.turn(messages, now))
    }
}
