//! What the two processes say to each other.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use http_body::Body as _;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::net::UnixStream;
use weft_app::Function;
use weft_id::{AppId, InstanceId};
use weft_store::Digest;

use crate::CallError;
use crate::config::{GuestLimits, Invocation};

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;
pub(super) type BoxBody = UnsyncBoxBody<Bytes, io::Error>;
pub(super) type Sender = SendRequest<BoxBody>;

/// What belongs to a message beside its body, as JSON.
const HEAD: HeaderName = HeaderName::from_static("x-weft-head");
const HEAD_BYTES_MAX: u32 = 1 << 20;
const STREAMS_MAX: u32 = 4096;

/// What a child is told when it is started.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Setup {
    pub(super) memory_bytes: u64,
    pub(super) instances: u32,
    pub(super) threads: usize,
    pub(super) guest: Guest,
}

/// [`GuestLimits`] in numbers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Guest {
    table_elements_max: usize,
    resources_max: usize,
    payload_bytes_max: usize,
    hostcall_bytes_max: usize,
    random_bytes_max: u64,
    header_bytes_max: usize,
    request_bytes_max: usize,
    output_bytes_max: u64,
    idle_ms: u64,
    log_bytes_max: usize,
}

impl From<GuestLimits> for Guest {
    fn from(limits: GuestLimits) -> Self {
        Self {
            table_elements_max: limits.table_elements_max,
            resources_max: limits.resources_max,
            payload_bytes_max: limits.payload_bytes_max,
            hostcall_bytes_max: limits.hostcall_bytes_max,
            random_bytes_max: limits.random_bytes_max,
            header_bytes_max: limits.header_bytes_max,
            request_bytes_max: limits.request_bytes_max,
            output_bytes_max: limits.output_bytes_max,
            idle_ms: u64::try_from(limits.idle_max.as_millis()).unwrap_or(u64::MAX),
            log_bytes_max: limits.log_bytes_max,
        }
    }
}

impl From<Guest> for GuestLimits {
    fn from(guest: Guest) -> Self {
        Self {
            table_elements_max: guest.table_elements_max,
            resources_max: guest.resources_max,
            payload_bytes_max: guest.payload_bytes_max,
            hostcall_bytes_max: guest.hostcall_bytes_max,
            random_bytes_max: guest.random_bytes_max,
            header_bytes_max: guest.header_bytes_max,
            request_bytes_max: guest.request_bytes_max,
            output_bytes_max: guest.output_bytes_max,
            idle_max: Duration::from_millis(guest.idle_ms),
            log_bytes_max: guest.log_bytes_max,
            ..Self::default()
        }
    }
}

/// An [`Invocation`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Called {
    #[serde(with = "app_id")]
    pub(super) app: AppId,
    pub(super) function: Function,
    pub(super) component: Digest,
    pub(super) instance: Option<InstanceId>,
}

impl From<&Invocation> for Called {
    fn from(call: &Invocation) -> Self {
        Self {
            app: call.app.clone(),
            function: (*call.function).clone(),
            component: call.component,
            instance: call.instance.clone(),
        }
    }
}

impl From<Called> for Invocation {
    fn from(called: Called) -> Self {
        Self {
            app: called.app,
            function: called.function.into(),
            component: called.component,
            instance: called.instance,
        }
    }
}

/// An app's id as the names of its tenant and of itself.
pub(crate) mod app_id {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use weft_id::{App, AppId, Tenant};

    pub(crate) fn serialize<S: Serializer>(id: &AppId, serializer: S) -> Result<S::Ok, S::Error> {
        (&id.tenant, &id.app).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<AppId, D::Error> {
        let (tenant, app) = <(Tenant, App)>::deserialize(input)?;
        Ok(AppId { tenant, app })
    }
}

/// The head of an HTTP request or response.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct HttpHead {
    method: String,
    uri: String,
    status: u16,
    headers: Vec<(String, Vec<u8>)>,
}

impl HttpHead {
    pub(super) fn of_request<B>(request: &Request<B>) -> Self {
        Self {
            method: request.method().to_string(),
            uri: request.uri().to_string(),
            headers: pairs(request.headers()),
            ..Self::default()
        }
    }

    pub(super) fn of_response<B>(response: &Response<B>) -> Self {
        Self {
            status: response.status().as_u16(),
            headers: pairs(response.headers()),
            ..Self::default()
        }
    }

    pub(super) fn into_request<B>(self, body: B) -> Result<Request<B>, BoxError> {
        let mut request = Request::new(body);
        *request.method_mut() = Method::from_bytes(self.method.as_bytes())?;
        *request.uri_mut() = self.uri.parse::<Uri>()?;
        *request.headers_mut() = headers(self.headers)?;
        Ok(request)
    }

    pub(super) fn into_response<B>(self, body: B) -> Result<Response<B>, BoxError> {
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status)?;
        *response.headers_mut() = headers(self.headers)?;
        Ok(response)
    }
}

fn pairs(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    let pairs = headers.iter();
    pairs
        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
        .collect()
}

fn headers(pairs: Vec<(String, Vec<u8>)>) -> Result<HeaderMap, BoxError> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let name = HeaderName::from_bytes(name.as_bytes())?;
        headers.append(name, HeaderValue::from_bytes(&value)?);
    }
    Ok(headers)
}

/// A [`CallError`] on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Refusal {
    Busy(String),
    NoComponent(Digest),
    NoRole,
    TimeoutMs(u64),
    Limit {
        what: String,
        max: u64,
        message: String,
    },
    Trap(String),
    NoResponse,
    ErrorResponse(String),
    BadRequest(String),
    Internal(String),
}

/// What bounds are called, which have to be constants.
const BOUNDS: [&str; 5] = [
    "memory",
    "table elements",
    "the bytes of one call of a host function",
    "the bytes of an output",
    "the bytes of a response",
];

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Busy(why) => Self::Busy(why),
            CallError::Limited(limited) => Self::Busy(limited.to_string()),
            CallError::NoComponent(digest) => Self::NoComponent(digest),
            CallError::NoRole(_) => Self::NoRole,
            CallError::Timeout(after) => {
                Self::TimeoutMs(u64::try_from(after.as_millis()).unwrap_or(u64::MAX))
            }
            CallError::Limit { what, max, message } => Self::Limit {
                what: what.to_owned(),
                max,
                message,
            },
            CallError::Trap(why) => Self::Trap(why),
            CallError::NoResponse => Self::NoResponse,
            CallError::ErrorResponse(why) => Self::ErrorResponse(why),
            CallError::BadRequest(why) => Self::BadRequest(why),
            CallError::Quarantined(why) => Self::Internal(why.to_string()),
            CallError::Internal(why) => Self::Internal(why),
        }
    }
}

impl From<Refusal> for CallError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Busy(why) => Self::Busy(why),
            Refusal::NoComponent(digest) => Self::NoComponent(digest),
            Refusal::NoRole => Self::NoRole("function of that name and kind"),
            Refusal::TimeoutMs(after) => Self::Timeout(Duration::from_millis(after)),
            Refusal::Limit { what, max, message } => {
                let known = BOUNDS.into_iter().find(|known| *known == what);
                Self::Limit {
                    what: known.unwrap_or("what a guest may take"),
                    max,
                    message,
                }
            }
            Refusal::Trap(why) => Self::Trap(why),
            Refusal::NoResponse => Self::NoResponse,
            Refusal::ErrorResponse(why) => Self::ErrorResponse(why),
            Refusal::BadRequest(why) => Self::BadRequest(why),
            Refusal::Internal(why) => Self::Internal(why),
        }
    }
}

/// A body that is there as a whole.
pub(super) fn whole(bytes: impl Into<Bytes>) -> BoxBody {
    let body = Full::new(bytes.into());
    body.map_err(|never| match never {}).boxed_unsync()
}

/// A message to one of the other process's paths.
pub(super) fn message<T: Serialize>(
    path: &'static str,
    head: &T,
    body: BoxBody,
) -> Result<Request<BoxBody>, BoxError> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = format!("http://weft{path}").parse()?;
    request.headers_mut().insert(HEAD, encode(head)?);
    Ok(request)
}

/// The answer to one.
pub(super) fn answer<T: Serialize>(head: &T, body: BoxBody) -> Result<Response<BoxBody>, BoxError> {
    let mut response = Response::new(body);
    response.headers_mut().insert(HEAD, encode(head)?);
    Ok(response)
}

fn encode<T: Serialize>(head: &T) -> Result<HeaderValue, BoxError> {
    // The one character below 128 that JSON leaves as it is and a header may not have.
    let text = serde_json::to_string(head)?.replace('\u{7f}', "\\u007f");
    Ok(HeaderValue::from_bytes(text.as_bytes())?)
}

pub(super) fn head<T: DeserializeOwned>(headers: &HeaderMap) -> Result<T, BoxError> {
    let head = headers.get(HEAD).ok_or("the message has no head")?;
    Ok(serde_json::from_slice(head.as_bytes())?)
}

/// Sends a message and reads the head of its answer.
pub(super) async fn ask<T: DeserializeOwned>(
    sender: &Sender,
    message: Request<BoxBody>,
) -> Result<(T, Incoming), BoxError> {
    let response = sender.clone().send_request(message).await?;
    if response.status() != StatusCode::OK {
        return Err(format!("the other process answers {}", response.status()).into());
    }
    let (parts, body) = response.into_parts();
    Ok((head(&parts.headers)?, body))
}

/// All of a body, up to a bound.
pub(super) async fn collect(body: Incoming, bytes_max: usize) -> Result<Bytes, BoxError> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    Ok(Limited::new(body, bytes_max).collect().await?.to_bytes())
}

/// The calling end of a socket; the connection runs in a task until it ends.
pub(super) async fn connect(socket: UnixStream) -> Result<Sender, BoxError> {
    let (sender, connection) = hyper::client::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_BYTES_MAX)
        .initial_max_send_streams(STREAMS_MAX as usize)
        .handshake(TokioIo::new(socket))
        .await?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to another process ended");
        }
    });
    Ok(sender)
}

/// The answering end of a socket, until the other closes it.
pub(super) async fn answer_all<S, F>(socket: UnixStream, answer: S) -> Result<(), hyper::Error>
where
    S: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Result<Response<BoxBody>, BoxError>> + Send + 'static,
{
    let service = move |request| {
        let answer = answer(request);
        async move { answer.await.map_err(io::Error::other) }
    };
    hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_header_list_size(HEAD_BYTES_MAX)
        .max_concurrent_streams(STREAMS_MAX)
        .serve_connection(TokioIo::new(socket), hyper::service::service_fn(service))
        .await
}
