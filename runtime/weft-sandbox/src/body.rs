//! The body of a response, which drives the guest that writes it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::Sleep;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use crate::CallError;
use crate::reuse::Warm;

/// A guest that still runs; dropping it frees the instance. One that may serve again comes out of
/// it, to be put to rest at once: nobody's reading of the response holds it.
pub(crate) type Work = Pin<Box<dyn Future<Output = Result<Option<Box<Warm>>, CallError>> + Send>>;

/// A response's body, streamed from the guest while it is read. Nothing runs behind it but what
/// polling it runs. Dropped before its end, it stops the guest; dropped at its end, it leaves the
/// guest to finish what it does after responding, within its time.
pub struct Body {
    inner: HyperOutgoingBody,
    work: Option<Work>,
    ended: bool,
    /// Why it ends, to be told at the next poll.
    failing: Option<CallError>,
    /// Bytes that may still come.
    bytes_left: u64,
    bytes_max: u64,
    idle: Option<Pin<Box<Sleep>>>,
    idle_max: Duration,
}

impl Body {
    pub(crate) fn new(
        inner: HyperOutgoingBody,
        work: Option<Work>,
        bytes_max: u64,
        idle_max: Duration,
    ) -> Self {
        Self {
            inner,
            work,
            ended: false,
            failing: None,
            bytes_left: bytes_max,
            bytes_max,
            idle: None,
            idle_max,
        }
    }

    fn count(&mut self, frame: &Frame<Bytes>) -> Result<(), CallError> {
        let len = frame.data_ref().map_or(0, |data| data.remaining() as u64);
        if len > self.bytes_left {
            return Err(CallError::Limit {
                what: "the bytes of a response",
                max: self.bytes_max,
                message: "the function sends more".to_owned(),
            });
        }
        self.bytes_left -= len;
        Ok(())
    }

    fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<CallError> {
        let idle_max = self.idle_max;
        let idle = self
            .idle
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(idle_max)));
        idle.as_mut().poll(cx).map(|()| CallError::Limit {
            what: "the seconds between two parts of a response",
            max: idle_max.as_secs(),
            message: "the function sends nothing".to_owned(),
        })
    }

    /// Ends the guest, and the body when it is polled again: an error makes a connection drop what it
    /// has not sent yet, which may be the head of the response.
    fn fail(
        &mut self,
        cx: &Context<'_>,
        error: CallError,
    ) -> Poll<Option<Result<Frame<Bytes>, CallError>>> {
        self.work = None;
        self.failing = Some(error);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = CallError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CallError>>> {
        let this = &mut *self;
        if let Some(error) = this.failing.take() {
            this.ended = true;
            return Poll::Ready(Some(Err(error)));
        }
        if this.ended {
            return Poll::Ready(None);
        }
        if let Some(work) = &mut this.work {
            match work.as_mut().poll(cx) {
                Poll::Ready(Ok(warm)) => {
                    this.work = None;
                    if let Some(warm) = warm {
                        warm.rest();
                    }
                }
                Poll::Ready(Err(error)) => return this.fail(cx, error),
                Poll::Pending => {}
            }
        }
        match Pin::new(&mut this.inner).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                this.idle = None;
                match this.count(&frame) {
                    Ok(()) => Poll::Ready(Some(Ok(frame))),
                    Err(error) => this.fail(cx, error),
                }
            }
            Poll::Ready(Some(Err(error))) => {
                this.fail(cx, CallError::ErrorResponse(error.to_string()))
            }
            Poll::Ready(None) => {
                this.ended = true;
                Poll::Ready(None)
            }
            Poll::Pending => match this.poll_idle(cx) {
                Poll::Ready(error) => this.fail(cx, error),
                Poll::Pending => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let complete = self.ended || self.inner.is_end_stream();
        if let Some(work) = self.work.take().filter(|_| complete)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                match work.await {
                    Ok(Some(warm)) => warm.rest(),
                    Ok(None) => {}
                    Err(error) => {
                        tracing::debug!(%error, "a function failed after its response");
                    }
                }
            });
        }
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
