//! Runs the operations of entities, as many in a turn as have arrived.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use weft_id::{EntityId, InstanceKey};
use weft_orchestration::{Entity, EntityRecord, Limits, Message, Timestamp, Turn};

use crate::{EntityBatch, Execution, Runner, TurnError};

/// How many operations are handed out at one time.
const OPERATIONS_MAX: usize = 100;
/// A turn that has run so long begins no further batch; what is left is taken up by the next.
const TURN_MAX: Duration = Duration::from_secs(1);

/// An entity between turns.
pub(crate) struct RunningEntity {
    key: InstanceKey,
    id: EntityId,
    record: EntityRecord,
    runner: Arc<dyn Runner>,
    limits: Limits,
    turns: u64,
}

impl RunningEntity {
    /// An entity that has had so many turns.
    pub(crate) fn new(
        key: InstanceKey,
        id: EntityId,
        record: EntityRecord,
        turns: u64,
        runner: Arc<dyn Runner>,
        limits: Limits,
    ) -> Self {
        Self {
            key,
            id,
            record,
            runner,
            limits,
            turns,
        }
    }
}

#[async_trait::async_trait]
impl Execution for RunningEntity {
    async fn turn(&mut self, messages: Vec<Message>, now: Timestamp) -> Result<Turn, TurnError> {
        let mut entity = Entity::new(
            self.id.clone(),
            self.record.clone(),
            self.turns,
            self.limits,
        );
        entity.deliver(messages, now);
        let begun = Instant::now();
        while begun.elapsed() < TURN_MAX
            && let Some(batch) = entity.next_batch(OPERATIONS_MAX)
        {
            let done = self
                .runner
                .operate(EntityBatch {
                    key: self.key.clone(),
                    batch,
                })
                .await?;
            entity.complete(done);
        }
        let turn = entity.take_turn();
        if let weft_orchestration::After::Entity(record) = &turn.after {
            self.record = record.clone();
        }
        self.turns += 1;
        Ok(turn)
    }
}
