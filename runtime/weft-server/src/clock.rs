//! The node's time, shared by everything that records or compares times.

use std::sync::Arc;

use weft_worker::{Clock, SystemClock};

/// The clock of this node.
#[must_use]
pub(crate) fn start() -> Arc<dyn Clock> {
    Arc::new(SystemClock::start())
}
