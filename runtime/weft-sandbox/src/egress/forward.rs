//! Requests of guests that run in another process.

use std::pin::Pin;

use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::task::JoinHandle;
use wasmtime_wasi_http::{Error, WasiBody};
use weft_app::OutboundHost;

use super::Egress;
use super::counted::Counted;
use super::send::{Denied, Timeouts};
use crate::apart::Waits;
use crate::metering::CallMeter;

/// A connection that is driven until nobody reads from it.
struct Driven(JoinHandle<()>);

impl Drop for Driven {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Egress {
    /// Checks where a request goes, and sends it; its bytes count as the function's.
    ///
    /// # Errors
    /// What the guest is told, and what stands in its log.
    pub(crate) async fn forward(
        &self,
        grants: &[OutboundHost],
        meter: CallMeter,
        request: Request<WasiBody>,
        waits: Waits,
    ) -> Result<Response<WasiBody>, (Error, Option<String>)> {
        let timeouts = Timeouts {
            connect: waits.connect,
            first_byte: waits.first_byte,
            between_bytes: waits.between_bytes,
        };
        if meter.tenant().admit_egress().is_err() {
            return Err((Error::ConnectionLimitReached, None));
        }
        let of_tenant = meter.tenant().grants();
        let target = self.target(request.uri(), grants, &of_tenant, timeouts.connect);
        let target = target.await;
        let target = target.map_err(|denied| {
            let said = denied.to_string();
            (Denied::into_code(denied), Some(said))
        })?;
        let counted = meter.clone();
        let request = request.map(|body| Counted::new(body, counted).boxed_unsync());
        let sent = self.send(target, request, timeouts).await;
        let (response, connection) = sent.map_err(|error| (error, None))?;
        let driven = Driven(tokio::spawn(async move {
            // Whoever reads the response learns how it ended.
            drop(Pin::from(connection).await);
        }));
        Ok(response.map(|body| {
            let body = Counted::new(body, meter).map_err(move |error| {
                let _driven = &driven;
                error
            });
            body.boxed_unsync()
        }))
    }
}
