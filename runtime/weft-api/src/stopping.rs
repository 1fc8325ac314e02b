//! Whether the node shuts down: whoever waits for something else is told, and answers at once.

use tokio::sync::watch;

/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Stopping(watch::Receiver<bool>);

impl Stopping {
    /// Of a node that shuts down when the value becomes true.
    #[must_use]
    pub fn new(stopping: watch::Receiver<bool>) -> Self {
        Self(stopping)
    }

    /// Completes when the shutdown begins.
    pub(crate) async fn asked(mut self) {
        if self.0.wait_for(|stopping| *stopping).await.is_err() {
            // Whoever would ask is gone, and nobody else will.
            std::future::pending::<()>().await;
        }
    }
}
