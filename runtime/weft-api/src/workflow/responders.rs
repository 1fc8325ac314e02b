//! Callers that wait for what others do: for the Response of a run, or for what comes of a firing.
//!
//! A run hands its answer over as an activity, so that it is recorded, and what has come of a firing is
//! told when it is committed; whoever waits on this node is told here. Nobody waiting is no failure: a
//! caller may have gone, or the node it waited on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use weft_id::InstanceKey;
use weft_orchestration::Payload;
use weft_workflow::trigger::Entry;

/// The activity by which a run hands over its answer.
pub const RESPOND: &str = "workflow/respond";

/// Who waits for the answer of a run: `{"statusCode", "headers", "body"}`, as JSON text.
pub type Responders = Waiters<Payload>;
/// Who waits for what comes of a firing, by the id of the run that it starts first.
pub type Deciders = Waiters<Entry>;

/// Cheap to clone.
#[derive(Debug)]
pub struct Waiters<T> {
    waiting: Arc<Mutex<HashMap<InstanceKey, oneshot::Sender<T>>>>,
}

/// A caller that waits. Dropping it ends the wait.
#[derive(Debug)]
pub struct Awaited<T> {
    key: InstanceKey,
    waiters: Waiters<T>,
    answer: oneshot::Receiver<T>,
}

impl<T> Default for Waiters<T> {
    fn default() -> Self {
        Self {
            waiting: Arc::default(),
        }
    }
}

impl<T> Clone for Waiters<T> {
    fn clone(&self) -> Self {
        Self {
            waiting: Arc::clone(&self.waiting),
        }
    }
}

impl<T> Waiters<T> {
    /// Begins to wait for the answer of a run, which is not yet created.
    #[must_use]
    pub fn wait_for(&self, key: InstanceKey) -> Awaited<T> {
        let (sender, answer) = oneshot::channel();
        self.all().insert(key.clone(), sender);
        Awaited {
            key,
            waiters: self.clone(),
            answer,
        }
    }

    /// Tells whoever waits.
    pub fn respond(&self, key: &InstanceKey, answer: T) {
        if let Some(waiting) = self.all().remove(key) {
            // Fails only where the caller has just gone.
            let _ = waiting.send(answer);
        }
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<InstanceKey, oneshot::Sender<T>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Awaited<T> {
    /// The answer. Never completes where none is given.
    pub async fn answer(&mut self) -> T {
        match (&mut self.answer).await {
            Ok(answer) => answer,
            Err(_) => std::future::pending().await,
        }
    }
}

impl<T> Drop for Awaited<T> {
    fn drop(&mut self) {
        self.waiters.all().remove(&self.key);
    }
}
