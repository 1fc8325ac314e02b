//! Waiting for external events.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context as Poller, Poll};
use std::time::Duration;

use serde::de::DeserializeOwned;

use super::Context;
use super::call::parse_output;
use super::task::{Started, WhenDropped};
use crate::Failure;

/// The next event of a name.
#[must_use = "an event is taken when it is awaited"]
pub struct Event<T> {
    ctx: Context,
    name: String,
    started: Option<Started>,
    payload: PhantomData<fn() -> T>,
}

impl<T> Event<T> {
    pub(super) fn new(ctx: Context, name: &str) -> Self {
        Self {
            ctx,
            name: name.to_owned(),
            started: None,
            payload: PhantomData,
        }
    }
}

impl<T: DeserializeOwned> Event<T> {
    /// The event, or nothing when it has not come within that time.
    ///
    /// # Errors
    /// When the payload is not what is expected.
    pub async fn with_deadline(self, limit: Duration) -> Result<Option<T>, Failure> {
        let ctx = self.ctx.clone();
        ctx.timeout(limit, self).await.transpose()
    }
}

impl<T: DeserializeOwned> Future for Event<T> {
    type Output = Result<T, Failure>;

    fn poll(self: Pin<&mut Self>, poller: &mut Poller<'_>) -> Poll<Self::Output> {
        let Self {
            ctx, name, started, ..
        } = self.get_mut();
        let started = started.get_or_insert_with(|| {
            let task = ctx.engine().wait_for_event(name);
            Started::new(ctx.clone(), task, WhenDropped::IsCancelled)
        });
        let payload = std::task::ready!(started.poll(poller));
        Poll::Ready(payload.and_then(|payload| parse_output(name, &payload)))
    }
}
