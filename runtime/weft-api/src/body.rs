//! Bodies: bounded in length and in time, of the right type, and JSON where JSON is due.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use weft_orchestration::Payload;

use crate::{Api, Kind, Problem};

/// The longest that a body may take: 128 MiB over a slow line.
const READ_TIME_MAX: Duration = Duration::from_secs(600);
/// The longest that an upload waits for others before it is refused.
const UPLOAD_WAIT_MAX: Duration = Duration::from_secs(10);

/// Admits so many uploads at one time, because each is held in memory as a whole.
#[derive(Clone)]
pub(crate) struct Uploads(Arc<Semaphore>);

impl Uploads {
    pub(crate) fn new(max: usize) -> Self {
        Self(Arc::new(Semaphore::new(max)))
    }

    /// To be held until the upload is no longer in memory. Nothing of the body is read before.
    ///
    /// # Errors
    /// [`Kind::Busy`].
    pub(crate) async fn admit(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let permit = timeout(UPLOAD_WAIT_MAX, Arc::clone(&self.0).acquire_owned()).await;
        match permit {
            Ok(permit) => Ok(permit.expect("the semaphore is never closed")),
            Err(_) => Err(Problem::new(Kind::Busy, "too many uploads at one time").retry_after(5)),
        }
    }
}

/// Reads a body of at most `max` bytes, and stops reading there.
///
/// # Errors
/// [`Kind::TooLarge`]; 400 when the body breaks off or takes too long.
pub(crate) async fn read(headers: &HeaderMap, body: Body, max: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("the body is limited to {max} bytes");
        Problem::new(Kind::TooLarge, detail).with("limit_bytes", max)
    };
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<usize>().ok());
    if announced.is_some_and(|len| len > max) {
        return Err(too_large());
    }
    let read = timeout(READ_TIME_MAX, Limited::new(body, max).collect()).await;
    let read = read.map_err(|_| Problem::invalid("the body takes too long"))?;
    match read {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(Problem::invalid("the body broke off")),
    }
}

/// The media type in lower case, without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default();
    Some(essence.trim().to_ascii_lowercase())
}

/// # Errors
/// [`Kind::UnsupportedMediaType`] unless the content type is one of `accepted`.
pub(crate) fn require_media_type(headers: &HeaderMap, accepted: &[&str]) -> Result<(), Problem> {
    let given = media_type(headers);
    if given.as_deref().is_some_and(|own| accepted.contains(&own)) {
        return Ok(());
    }
    let given = given.unwrap_or_else(|| "none".into());
    let accepted = accepted.join(" or ");
    Err(Problem::new(
        Kind::UnsupportedMediaType,
        format!("the content type must be {accepted}; it is {given}"),
    ))
}

/// A JSON body.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Api> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        require_media_type(&parts.headers, &["application/json"])?;
        let bytes = read(&parts.headers, body, api.config.json_bytes_max).await?;
        parse(&bytes).map(Self)
    }
}

/// A JSON body that may be left out altogether.
pub(crate) struct OptionalJsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned + Default> FromRequest<Api> for OptionalJsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body, api.config.json_bytes_max).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        require_media_type(&parts.headers, &["application/json"])?;
        parse(&bytes).map(Self)
    }
}

/// JSON that passes through unread; an empty body is `null`.
pub(crate) struct PayloadBody(pub(crate) Payload);

impl FromRequest<Api> for PayloadBody {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(&parts.headers, body, api.config.json_bytes_max).await?;
        if bytes.is_empty() {
            return Ok(Self(Payload::null()));
        }
        require_media_type(&parts.headers, &["application/json"])?;
        payload(&bytes).map(Self)
    }
}

/// # Errors
/// [`Kind::MalformedJson`].
pub(crate) fn payload(bytes: &[u8]) -> Result<Payload, Problem> {
    let raw: &serde_json::value::RawValue = parse(bytes)?;
    Ok(Payload::from(raw.get()))
}

fn parse<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        let kind = if error.is_data() {
            Kind::InvalidDocument
        } else {
            Kind::MalformedJson
        };
        Problem::new(kind, error.to_string())
    })
}
