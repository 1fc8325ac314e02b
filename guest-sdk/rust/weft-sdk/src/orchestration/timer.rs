//! Durable timers.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use super::Context;
use super::task::{Started, WhenDropped};

/// A durable timer. Its time runs from when it was made, whenever it is first polled.
pub struct Timer {
    ctx: Context,
    /// Milliseconds since 1970.
    due_ms: f64,
    started: Option<Started>,
}

impl Timer {
    pub(super) fn new(ctx: Context, now_ms: f64, delay: Duration) -> Self {
        Self {
            ctx,
            due_ms: now_ms + crate::millis(delay),
            started: None,
        }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<()> {
        let Self {
            ctx,
            due_ms,
            started,
        } = self.get_mut();
        let started = started.get_or_insert_with(|| {
            // Also nought for a timer that is due already: negative numbers saturate.
            let left = crate::duration(*due_ms - ctx.engine().now_ms());
            let task = ctx.engine().create_timer(left);
            Started::new(ctx.clone(), task, WhenDropped::IsCancelled)
        });
        started.poll(poller).map(|_null| ())
    }
}
