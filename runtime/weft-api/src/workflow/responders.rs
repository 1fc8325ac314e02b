//! Callers that wait for the Response of a run.
//!
//! A run hands its answer over as an activity, so that it is recorded; whoever waits on this node is
//! told here. Nobody waiting is no failure: a caller may have gone, or the node it waited on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use weft_id::InstanceKey;
use weft_orchestration::Payload;

/// The activity by which a run hands over its answer.
pub const RESPOND: &str = "workflow/respond";

/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Responders {
    waiting: Arc<Mutex<HashMap<InstanceKey, oneshot::Sender<Payload>>>>,
}

/// A caller that waits. Dropping it ends the wait.
#[derive(Debug)]
pub struct Awaited {
    key: InstanceKey,
    responders: Responders,
    answer: oneshot::Receiver<Payload>,
}

impl Responders {
    /// Begins to wait for the answer of a run, which is not yet created.
    #[must_use]
    pub fn wait_for(&self, key: InstanceKey) -> Awaited {
        let (sender, answer) = oneshot::channel();
        self.all().insert(key.clone(), sender);
        Awaited {
            key,
            responders: self.clone(),
            answer,
        }
    }

    /// Tells whoever waits for the run's answer: `{"statusCode", "headers", "body"}`.
    pub fn respond(&self, key: &InstanceKey, answer: Payload) {
        if let Some(waiting) = self.all().remove(key) {
            // Fails only where the caller has just gone.
            let _ = waiting.send(answer);
        }
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<InstanceKey, oneshot::Sender<Payload>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Awaited {
    /// The answer, as JSON text. Never completes where none is given.
    pub async fn answer(&mut self) -> Payload {
        match (&mut self.answer).await {
            Ok(answer) => answer,
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.responders.all().remove(&self.key);
    }
}
