//! Runs the operations of entities, as many in a turn as have arrived.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use weft_id::{EntityId, InstanceKey};
use weft_orchestration::{Entity, EntityRecord, Limits, Message, Timestamp, Turn};
use weft_store::{Loaded, Store, fill_in};

use crate::turn::Shared;
use crate::{EntityBatch, Execution, Runner, TurnError};

/// How many operations are handed out at one time.
const OPERATIONS_MAX: usize = 100;
/// Bytes of the state and of the inputs of operations that are handed out at one time; one operation
/// is handed out however long its input is.
const BATCH_BYTES_MAX: usize = 16 << 20;
/// A turn that has run so long begins no further batch; what is left is taken up by the next.
const TURN_MAX: Duration = Duration::from_secs(1);

/// An entity between turns.
pub(crate) struct RunningEntity {
    key: InstanceKey,
    id: EntityId,
    record: EntityRecord,
    store: Arc<dyn Store>,
    runner: Arc<dyn Runner>,
    limits: Limits,
    turns: u64,
}

impl RunningEntity {
    /// An entity as it was loaded.
    pub(crate) fn new(shared: &Shared, id: EntityId, loaded: Loaded) -> Self {
        Self {
            key: loaded.instance.key,
            id,
            record: loaded.entity,
            store: Arc::clone(&shared.store),
            runner: Arc::clone(&shared.runner),
            limits: shared.config.limits,
            turns: loaded.instance.turns,
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
            && let Some(mut batch) = entity.next_batch(OPERATIONS_MAX, BATCH_BYTES_MAX)
        {
            let filled = fill_in(&*self.store, &mut batch).await;
            filled.map_err(|error| TurnError::Busy(error.to_string()))?;
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
