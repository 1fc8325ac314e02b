//! Calls of HTTP functions.
//!
//! The guest is polled by whoever awaits the call, and then by whoever reads the body: a request
//! needs no task of its own.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::sync::oneshot;
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use crate::body::Work;
use crate::config::Invocation;
use crate::reuse::Warm;
use crate::running::in_slices;
use crate::state::Role;
use crate::{Body, CallError, Sandbox};

/// Tells a component that holds several HTTP functions which one is meant.
const FUNCTION: HeaderName = HeaderName::from_static("x-weft-function");

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Answer = Result<Response<HyperOutgoingBody>, ErrorCode>;

impl Sandbox {
    /// Calls an HTTP function: in a new instance, unless the function asks for instances to be
    /// kept and one waits for it. Bodies stream in both directions; dropping the
    /// future or the response's body stops the guest.
    ///
    /// # Errors
    /// See [`CallError`]. After the response has begun, errors come out of its body.
    pub async fn http<B>(
        &self,
        call: Invocation,
        request: Request<B>,
    ) -> Result<Response<Body>, CallError>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let limits = self.config().guest;
        let meter = self.metering().call(&call.app, &call.function.name);
        meter.tenant().admit_request()?;
        let admitted = self.gate().admit(&call, &meter).await?;
        self.check(&call)?;
        let running = meter.begin();
        if let Some(apart) = self.apart(&call.app.tenant) {
            let held = (admitted, running);
            let answer = apart.http(self, &call, request, held, &meter).await;
            if answer.is_err() {
                meter.failed();
            }
            return answer;
        }
        let loaded = self.load(&call).await?;
        loaded.http()?;
        let request = prepare(&call, request, limits.request_bytes_max)?;
        let timeout = Duration::from_millis(call.function.limits.timeout_ms.into());
        let uses = call.function.limits.requests_per_instance;
        let (tenant, digest) = (call.app.tenant.clone(), call.component);
        let mut share = self.share(&tenant);
        let kept = match uses > 1 {
            true => self.rested().take(&call),
            false => None,
        };
        let (mut store, proxy, left) = match kept {
            Some(warm) => {
                let left = warm.left();
                let Warm {
                    mut store, proxy, ..
                } = *warm;
                store.data_mut().begin_again();
                store.set_epoch_deadline(1);
                (store, Some(proxy), left)
            }
            None => (self.store(call, Role::Http, timeout), None, uses),
        };
        let (sender, receiver) = oneshot::channel();
        let bad = |error: wasmtime::Error| CallError::BadRequest(error.to_string());
        let http = &mut store.data_mut().http();
        let incoming = http
            .new_incoming_request(Scheme::Http, request)
            .map_err(bad)?;
        let out = http.new_response_outparam(sender).map_err(bad)?;
        let home = Arc::downgrade(self.rested());
        let counted = meter.clone();
        let sandbox = self.clone();
        let guest = async move {
            let handle = async {
                let proxy = match proxy {
                    Some(proxy) => proxy,
                    None => {
                        let proxy = loaded.http().expect("it was just there");
                        proxy.instantiate_async(&mut store).await?
                    }
                };
                let handler = proxy.wasi_http_incoming_handler();
                handler.call_handle(&mut store, incoming, out).await?;
                Ok(proxy)
            };
            let handle = in_slices(&mut share, handle);
            let result = tokio::time::timeout(timeout, handle).await;
            let result: Result<Result<_, wasmtime::Error>, _> = match result {
                Ok(result) => result,
                Err(_) => {
                    counted.failed();
                    return Err(CallError::Timeout(timeout));
                }
            };
            let result = match result {
                Ok(Ok(proxy)) => Ok(share.measure(|| Warm::after(store, proxy, left, &home))),
                Ok(Err(error)) => {
                    counted.failed();
                    Err(store.data().explain(&error))
                }
                Err(panicked) => {
                    counted.failed();
                    Err(sandbox.ward().panicked(&tenant, digest, panicked))
                }
            };
            drop((admitted, running));
            result
        };
        let guest = async move { meter.timed(guest).await };
        let (answer, work) = first_answer(Box::pin(guest), receiver).await?;
        let response = answer.map_err(|code| CallError::ErrorResponse(format!("{code:?}")))?;
        let (bytes_max, idle_max) = (limits.output_bytes_max, limits.idle_max);
        Ok(response.map(|body| Body::new(body, work, bytes_max, idle_max)))
    }
}

/// Runs the guest up to its response; returns what is left of it to run.
async fn first_answer(
    work: Work,
    mut receiver: oneshot::Receiver<Answer>,
) -> Result<(Answer, Option<Work>), CallError> {
    let (mut work, mut warm) = (Some(work), None);
    let answer = poll_fn(|cx| {
        if let Some(running) = &mut work
            && let Poll::Ready(result) = running.as_mut().poll(cx)
        {
            work = None;
            match result {
                Ok(after) => warm = after,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        match Pin::new(&mut receiver).poll(cx) {
            Poll::Ready(Ok(answer)) => Poll::Ready(Ok(answer)),
            Poll::Ready(Err(_)) if work.is_none() => Poll::Ready(Err(CallError::NoResponse)),
            // The guest gave up the right to answer; how it ends says why.
            Poll::Ready(Err(_)) | Poll::Pending => Poll::Pending,
        }
    });
    let answer = answer.await?;
    // One that gives no answer serves nobody again.
    if let Some(warm) = warm {
        warm.rest();
    }
    Ok((answer, work))
}

fn prepare<B>(
    call: &Invocation,
    request: Request<B>,
    bytes_max: usize,
) -> Result<
    Request<impl http_body::Body<Data = Bytes, Error = wasmtime_wasi_http::Error> + use<B>>,
    CallError,
>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (mut parts, body) = request.into_parts();
    let name = HeaderValue::from_str(call.function.name.as_str());
    let name = name.map_err(|error| CallError::Internal(error.to_string()))?;
    parts.headers.insert(FUNCTION, name);
    if parts.uri.authority().is_none() && !parts.headers.contains_key(header::HOST) {
        parts
            .headers
            .insert(header::HOST, HeaderValue::from_static("localhost"));
    }
    let body = Limited::new(body, bytes_max).map_err(move |error: BoxError| {
        if error.is::<LengthLimitError>() {
            wasmtime_wasi_http::Error::HttpRequestBodySize(Some(bytes_max as u64))
        } else {
            wasmtime_wasi_http::Error::InternalError(Some(error.to_string()))
        }
    });
    Ok(Request::from_parts(parts, body))
}
