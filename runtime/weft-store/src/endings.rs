//! Who in this process waits for instances to end.
//!
//! Owns no instance and no time. The news is a hint that spares a waiter from asking the store
//! over and over: it comes from this process's own commits only, so whoever waits must also look
//! into the store now and then.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;
use weft_id::InstanceKey;
use weft_orchestration::Outcome;

use crate::{Error, Instance, Instances};

/// How often the store is asked while nothing is told.
const LOOK: Duration = Duration::from_millis(250);

/// The instance as it is when it has ended or when `deadline` has passed; `None` where there is
/// none or it was removed meanwhile.
///
/// # Errors
/// The store's.
pub async fn until_ended(
    store: &(impl Instances + ?Sized),
    key: &InstanceKey,
    deadline: Instant,
) -> Result<Option<Instance>, Error> {
    loop {
        // Before the look, so that no end falls between the two.
        let mut ending = store.ending(key);
        let Some(instance) = store.instance(key).await? else {
            return Ok(None);
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if instance.status.is_terminal() || left.is_zero() {
            return Ok(Some(instance));
        }
        // Whether told or tired of waiting, the store says how it is.
        let _ = tokio::time::timeout(LOOK.min(left), ending.outcome()).await;
    }
}

/// The waiters of one store. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Endings(Arc<Mutex<HashMap<InstanceKey, watch::Sender<Option<Outcome>>>>>);

impl Endings {
    /// From now on, an end of the instance is not missed.
    #[must_use]
    pub fn of(&self, key: &InstanceKey) -> Ending {
        let mut waiters = self.waiters();
        let ended = match waiters.get(key) {
            Some(sender) => sender.subscribe(),
            None => {
                let (sender, receiver) = watch::channel(None);
                waiters.insert(key.clone(), sender);
                receiver
            }
        };
        Ending {
            key: key.clone(),
            ended,
            endings: self.clone(),
        }
    }

    /// Tells all that wait for this instance; for stores, after the commit.
    pub fn tell(&self, key: &InstanceKey, outcome: Outcome) {
        let mut waiters = self.waiters();
        // Sent before anybody else can enter: see the drop of `Ending`.
        if let Some(told) = waiters.remove(key) {
            told.send_replace(Some(outcome));
        }
    }

    fn waiters(&self) -> MutexGuard<'_, HashMap<InstanceKey, watch::Sender<Option<Outcome>>>> {
        // The map is whole between any two calls on it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits for one instance to end.
#[derive(Debug)]
pub struct Ending {
    key: InstanceKey,
    ended: watch::Receiver<Option<Outcome>>,
    endings: Endings,
}

impl Ending {
    /// The outcome, once this process has committed it; at once where it did so since
    /// [`Endings::of`]. May be dropped and called again.
    pub async fn outcome(&mut self) -> Outcome {
        let told = match self.ended.wait_for(Option::is_some).await {
            Ok(told) => (*told).clone(),
            // Only a store that is gone drops its waiters untold.
            Err(_) => None,
        };
        match told {
            Some(outcome) => outcome,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let mut waiters = self.endings.waiters();
        // While its sender lives, the one that the map has for the key is its own.
        if self.ended.has_changed().is_ok()
            && let Some(sender) = waiters.get(&self.key)
            && sender.receiver_count() == 1
        {
            waiters.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> InstanceKey {
        InstanceKey::new(weft_id::AppId::default(), id.parse().unwrap())
    }

    #[tokio::test]
    async fn all_who_wait_are_told_and_nobody_else_is_remembered() {
        let endings = Endings::default();
        let (mut first, mut second) = (endings.of(&key("a")), endings.of(&key("a")));
        let other = endings.of(&key("b"));
        let outcome = Outcome::Terminated {
            reason: String::new(),
        };
        endings.tell(&key("a"), outcome.clone());
        assert_eq!(first.outcome().await, outcome);
        assert_eq!(second.outcome().await, outcome);
        // A new waiter of the same id is none of the business of those before it.
        let again = endings.of(&key("a"));
        drop((first, second));
        assert_eq!(endings.waiters().len(), 2);
        drop((again, other));
        assert!(endings.waiters().is_empty());
    }
}
