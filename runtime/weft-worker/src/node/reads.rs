//! Reading from the store what a shard has to do: at take-over, after missed news, and past what
//! memory holds.
//!
//! A read that fails is repeated after a pause and costs nothing else: the shard stays ours, and
//! what runs goes on.

use std::time::Duration;

use tokio::time::Instant;
use weft_store::{Error as StoreError, Shard};

use super::Loop;
use super::overflow::Read;

/// How many rows are read at one time.
const READ_LIMIT: u32 = 1_000;
/// How long no read is tried after one has failed.
const PAUSE: Duration = Duration::from_millis(100);

impl Loop {
    /// Reads whatever is wanted, unless a read has failed a moment ago.
    pub(super) async fn read_wanted(&mut self) {
        if Instant::now() < self.reads_paused_until {
            return;
        }
        if let Err((shard, error)) = self.try_read_wanted().await {
            self.read_failed(shard, &error);
        }
    }

    async fn try_read_wanted(&mut self) -> Result<(), (Shard, StoreError)> {
        self.load_ready().await?;
        self.load_timers().await?;
        self.load_activities().await
    }

    /// When to read again: at once where more is wanted, later where a read has failed.
    pub(super) fn next_read_at(&self) -> Option<Instant> {
        let wanted = !self.ready_unread.is_empty() || self.next_activities().is_some();
        wanted.then_some(self.reads_paused_until)
    }

    /// Queues every instance that has messages, of the shards of which that is not known.
    async fn load_ready(&mut self) -> Result<(), (Shard, StoreError)> {
        while let Some((shard, after)) = self.ready_unread.first_key_value() {
            let shard = *shard;
            let ready = self.shared.store.ready(shard, after.as_ref(), READ_LIMIT);
            let keys = ready.await.map_err(|error| (shard, error))?;
            if keys.len() < READ_LIMIT as usize {
                self.ready_unread.remove(&shard);
            } else {
                self.ready_unread.insert(shard, keys.last().cloned());
            }
            for key in keys {
                self.wake(key);
            }
        }
        Ok(())
    }

    async fn load_timers(&mut self) -> Result<(), (Shard, StoreError)> {
        if Instant::now() < self.timers_quiet_until {
            return Ok(());
        }
        let wanting: Vec<Shard> = self
            .timers
            .iter()
            .filter(|(_, timers)| timers.wants_load())
            .map(|(shard, _)| *shard)
            .collect();
        for shard in wanting {
            let limit = self.shared.config.timers_loaded_max;
            let earliest = self.shared.store.pending_timers(shard, limit).await;
            let earliest = earliest.map_err(|error| (shard, error))?;
            let timers = self.timers.get_mut(&shard).expect("listed just now");
            timers.load(earliest);
            for (key, execution, id) in &self.firing {
                timers.remove_fired(key, *execution, *id);
            }
            if timers.wants_load() {
                self.timers_quiet_until = Instant::now() + PAUSE;
            }
        }
        Ok(())
    }

    /// Reads a page of activities of the store into the queue, as far as there is room. One page,
    /// so that what runs meanwhile does not wait for a long way through what others have.
    async fn load_activities(&mut self) -> Result<(), (Shard, StoreError)> {
        let Some(next) = self.next_activities() else {
            return Ok(());
        };
        let (shard, after) = (next.shard, next.after);
        let read = self.shared.store.pending_tasks(shard, after, READ_LIMIT);
        let tasks = read.await.map_err(|error| (shard, error))?;
        let is_last = tasks.len() < READ_LIMIT as usize;
        let on = tasks.last().filter(|_| !is_last).map(|task| task.seq);
        self.overflow.advance(&next, on);
        for task in tasks {
            self.queue_stored(task);
        }
        Ok(())
    }

    fn next_activities(&self) -> Option<Read> {
        self.overflow.next(|tenant| self.activities.is_low(tenant))
    }

    /// Looks in the store for timers and activities that are not known here.
    pub(super) fn read_again(&mut self, shard: Shard) {
        if let Some(timers) = self.timers.get_mut(&shard) {
            timers.reload();
            self.timers_quiet_until = Instant::now();
            self.overflow.read_all(shard);
        }
    }

    fn read_failed(&mut self, shard: Shard, error: &StoreError) {
        match error {
            StoreError::Broken { .. } => self.broken(error.to_string()),
            StoreError::NotFound
            | StoreError::AlreadyExists { .. }
            | StoreError::Ended { .. }
            | StoreError::StillOpen { .. }
            | StoreError::NotRewindable(_)
            | StoreError::LeaseLost
            | StoreError::Conflict
            | StoreError::TooLarge(_)
            | StoreError::QuotaExceeded { .. }
            | StoreError::Full
            | StoreError::Unavailable { .. } => {
                tracing::warn!(shard = shard.index(), %error, "shard not read");
                self.reads_paused_until = Instant::now() + PAUSE;
            }
        }
    }
}
