//! A run of a workflow as the worker drives it.

use async_trait::async_trait;
use weft_orchestration::{Message, Timestamp, Turn};
use weft_worker::{Execution, TurnError};
use weft_workflow::run::Run;

pub(super) struct Interpreted(pub(super) Run);

#[async_trait]
impl Execution for Interpreted {
    async fn turn(&mut self, messages: Vec<Message>, now: Timestamp) -> Result<Turn, TurnError> {
        Ok(self.0.turn(messages, now))
    }
}
