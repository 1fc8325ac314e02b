//! Bodies that count against the quota of whoever sends or gets them.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

use crate::metering::CallMeter;

/// A body of a guest's request, or of the response to it. It breaks off where the tenant has used
/// up its quota with it.
pub(super) struct Counted {
    inner: WasiBody,
    meter: CallMeter,
}

impl Counted {
    pub(super) fn new(inner: WasiBody, meter: CallMeter) -> Self {
        Self { inner, meter }
    }
}

impl Body for Counted {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if self.meter.tenant().admit_egress().is_err() {
            return Poll::Ready(Some(Err(Error::ConnectionLimitReached)));
        }
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(cx));
        if let Some(Ok(frame)) = &frame {
            let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
            self.meter.egress(bytes);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
