//! A run of a workflow as the worker drives it.

use std::sync::Arc;

use async_trait::async_trait;
use weft_id::Tenant;
use weft_orchestration::{Carries, Message, Timestamp, Turn};
use weft_sandbox::Sandbox;
use weft_store::{INLINE_BYTES_MAX, Room, Store, fill_in};
use weft_worker::{Execution, TurnError};
use weft_workflow::run::Run;

/// The interpreter reads what it is given, so that nothing of it is left apart.
pub(super) struct Interpreted {
    pub(super) run: Run,
    pub(super) store: Arc<dyn Store>,
    pub(super) sandbox: Sandbox,
    pub(super) tenant: Tenant,
    pub(super) room: Arc<Room>,
    /// Of its history and of what it was told since.
    pub(super) long_bytes: usize,
}

/// Bytes of payloads that are kept apart.
pub(super) fn long_bytes(carrier: &(impl Carries + ?Sized)) -> usize {
    carrier.all_kept().iter().map(|kept| kept.bytes).sum()
}

#[async_trait]
impl Execution for Interpreted {
    async fn turn(
        &mut self,
        mut messages: Vec<Message>,
        now: Timestamp,
    ) -> Result<Turn, TurnError> {
        let long = long_bytes(&messages);
        let _held = self.room.take(&self.tenant, long).await;
        let filled = fill_in(&*self.store, &mut messages).await;
        filled.map_err(|error| TurnError::Busy(error.to_string()))?;
        messages.each(&mut |payload| {
            if payload.len() > INLINE_BYTES_MAX {
                self.long_bytes += payload.len();
            }
        });
        let run = &mut self.run;
        let turn = self
            .sandbox
            .compute(&self.tenant, || run.turn(messages, now));
        Ok(turn.await)
    }

    fn held_bytes(&self) -> usize {
        self.long_bytes
    }
}
