//! An execution of the sandbox as the worker drives it.

use async_trait::async_trait;
use weft_orchestration::{Message, Timestamp, Turn};
use weft_worker::Execution;

pub(super) struct Parked(pub(super) weft_sandbox::Execution);

#[async_trait]
impl Execution for Parked {
    async fn turn(&mut self, messages: Vec<Message>, now: Timestamp) -> Result<Turn, String> {
        self.0
            .turn(messages, now)
            .await
            .map_err(|error| error.to_string())
    }
}
