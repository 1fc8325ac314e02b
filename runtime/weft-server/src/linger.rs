//! Bodies of requests that are answered before they were read.
//!
//! Closing a connection while a peer still sends destroys the answer on its way: the peer sees a
//! broken pipe in place of the problem document. So what a handler leaves unread is read on and
//! thrown away, for a while.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Version;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

const TIME_MAX: Duration = Duration::from_secs(5);
const BYTES_MAX: usize = 256 << 20;

/// The body of a request that is read on when it is dropped before its end.
pub(crate) struct RequestBody {
    inner: Option<Incoming>,
    /// Streams of HTTP/2 are refused one by one, without harm to their connection.
    lingers: bool,
}

impl RequestBody {
    pub(crate) fn new(inner: Incoming, version: Version) -> Self {
        Self {
            inner: Some(inner),
            lingers: version < Version::HTTP_2,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.inner {
            Some(inner) => Pin::new(inner).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner
            .as_ref()
            .map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        let unread = self.inner.take().filter(|inner| !inner.is_end_stream());
        if let Some(mut inner) = unread.filter(|_| self.lingers)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            runtime.spawn(async move {
                // Whether the peer finished or was given up makes no difference here.
                let _ = tokio::time::timeout(TIME_MAX, discard(&mut inner)).await;
            });
        }
    }
}

async fn discard(body: &mut Incoming) {
    let mut left = BYTES_MAX;
    let next = |body: &mut Incoming, cx: &mut Context<'_>| Pin::new(body).poll_frame(cx);
    while let Some(Ok(frame)) = std::future::poll_fn(|cx| next(body, cx)).await {
        let len = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(len) {
            Some(rest) => left = rest,
            None => return,
        }
    }
}
