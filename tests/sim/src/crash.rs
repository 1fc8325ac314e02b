//! The death of a node at one point of what it does.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts the points that a node passes, before and after each commit and each activity, and lets it
/// die at one of them: whoever comes there never goes on.
#[derive(Debug)]
pub struct Crash {
    /// From 0; beyond the last point nothing happens.
    at: u64,
    passed: AtomicU64,
    dead: Notify,
}

impl Crash {
    #[must_use]
    pub fn at(at: u64) -> Self {
        Self {
            at,
            passed: AtomicU64::new(0),
            dead: Notify::new(),
        }
    }

    /// A crash that does not come, to count the points.
    #[must_use]
    pub fn never() -> Self {
        Self::at(u64::MAX)
    }

    /// Passes a point, or stays there for ever.
    pub async fn pass(&self) {
        if self.passed.fetch_add(1, Ordering::Relaxed) == self.at {
            self.dead.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Waits until the node has died.
    pub async fn died(&self) {
        self.dead.notified().await;
    }

    /// The points passed so far.
    #[must_use]
    pub fn points(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }
}
