//! The place where `wasi:http` hands over a guest's request.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use weft_id::AppId;

use super::Egress;
use super::counted::Counted;
use super::send::{Denied, Timeouts};
use crate::apart::Waits;
use crate::config::Invocation;
use crate::logs::Logs;
use crate::metering::CallMeter;
use crate::services::LogLevel;
use crate::state::Role;

/// The bound on every single wait of a request; the call's own deadline is above it.
const WAIT_MAX: Duration = Duration::from_secs(120);
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// Requests of one guest that are open at a time; one more fails at once.
const OPEN_MAX: usize = 64;

/// Requests of one guest.
pub(crate) struct Hooks {
    egress: Arc<Egress>,
    app: AppId,
    function: Arc<weft_app::Function>,
    logs: Logs,
    meter: CallMeter,
    /// Made for the first request: most guests make none.
    open: Option<Arc<Semaphore>>,
    /// Why this guest makes no requests at all.
    refusal: Option<String>,
}

impl Hooks {
    pub(crate) fn new(
        egress: &Arc<Egress>,
        call: &Invocation,
        role: &Role,
        logs: &Logs,
        meter: &CallMeter,
    ) -> Self {
        let refusal = match role {
            Role::Http | Role::Activity | Role::Entity(_) => None,
            Role::Orchestrator(_) | Role::Describe => Some(format!(
                "HTTP requests are not for {}: the answers differ between replays; call an \
                 activity that makes the request",
                role.plural()
            )),
        };
        Self {
            egress: Arc::clone(egress),
            app: call.app.clone(),
            function: Arc::clone(&call.function),
            logs: logs.clone(),
            meter: meter.clone(),
            open: None,
            refusal,
        }
    }
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Io,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, Io), Error>> + Send> {
        if let Some(refusal) = self.refusal.clone() {
            self.logs.message(LogLevel::Error, "http", &refusal);
            return Box::new(async move { Err(Error::InternalError(Some(refusal))) });
        }
        if let Err(limited) = self.meter.tenant().admit_egress() {
            self.logs
                .message(LogLevel::Error, "http", &limited.to_string());
            return Box::new(async { Err(Error::ConnectionLimitReached) });
        }
        let open = self
            .open
            .get_or_insert_with(|| Arc::new(Semaphore::new(OPEN_MAX)));
        let Ok(place) = Arc::clone(open).try_acquire_owned() else {
            return Box::new(async { Err(Error::ConnectionLimitReached) });
        };
        let (egress, function) = (Arc::clone(&self.egress), Arc::clone(&self.function));
        let logs = self.logs.clone();
        let meter = self.meter.clone();
        let bounded = |asked: Option<Duration>, max: Duration| asked.map_or(max, |t| t.min(max));
        let options = options.unwrap_or_default();
        let timeouts = Timeouts {
            connect: bounded(options.connect_timeout, CONNECT_MAX),
            first_byte: bounded(options.first_byte_timeout, WAIT_MAX),
            between_bytes: bounded(options.between_bytes_timeout, WAIT_MAX),
        };
        if let Some(remote) = egress.way.clone() {
            let app = self.app.clone();
            let waits = Waits {
                connect: timeouts.connect,
                first_byte: timeouts.first_byte,
                between_bytes: timeouts.between_bytes,
            };
            return Box::new(async move {
                let response = remote.send(&app, &function.name, request, waits).await?;
                let io = async move {
                    drop(place);
                    Ok(())
                };
                Ok((response, Box::new(io) as Io))
            });
        }
        Box::new(async move {
            let grants = &function.allowed_outbound_hosts;
            let of_tenant = meter.tenant().grants();
            let target = egress.target(request.uri(), grants, &of_tenant, timeouts.connect);
            let target = match target.await {
                Ok(target) => target,
                Err(denied) => {
                    // The codes of wasi:http carry no text.
                    logs.message(LogLevel::Warn, "http", &denied.to_string());
                    return Err(Denied::into_code(denied));
                }
            };
            let sent = meter.clone();
            let request = request.map(|body| Counted::new(body, sent).boxed_unsync());
            let (response, io) = egress.send(target, request, timeouts).await?;
            let response = response.map(|body| Counted::new(body, meter).boxed_unsync());
            let io = async move {
                let ended = Pin::from(io).await;
                drop(place);
                ended
            };
            Ok((response, Box::new(io) as Io))
        })
    }
}
