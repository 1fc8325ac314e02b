//! HTTP functions: from a request's head to the guest that answers it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header};
use http_body::{Body, Frame, SizeHint};
use weft_app::{Auth, scope};
use weft_id::AppId;
use weft_sandbox::{CallError, Limited, Sandbox};

use crate::headers::{path_and_query, strip_hop_by_hop, strip_keys};
use crate::{AppRoutes, Match, Target};

const FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the data plane asks of the node that it is part of.
#[async_trait]
pub trait Host: Send + Sync {
    /// The routes of an app's active revision; `None` where there is no such app.
    ///
    /// # Errors
    /// [`Refused::Unavailable`] when the store does not answer.
    async fn routes(&self, app: &AppId) -> Result<Option<Arc<AppRoutes>>, Refused>;

    /// Whether the request shows a key that opens functions of the app with this setting; never
    /// asked for anonymous ones.
    ///
    /// # Errors
    /// [`Refused::Unauthenticated`], [`Refused::Forbidden`], [`Refused::Unavailable`].
    async fn authorize(&self, request: &Parts, app: &AppId, auth: Auth) -> Result<(), Refused>;

    /// Told of every call of a function when its response's head is known; must not block.
    fn observe(&self, observed: Observed<'_>);
}

/// One call of a function.
#[derive(Debug)]
pub struct Observed<'a> {
    pub target: &'a Target,
    /// From the request's head to the response's head.
    pub duration: Duration,
    /// The status of the function's own response, or why there is none.
    pub outcome: Result<StatusCode, &'a CallError>,
}

/// Why a request got no answer of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    NotFound,
    /// The path has functions that take these methods.
    MethodNotAllowed(Vec<Method>),
    BadRequest(&'static str),
    Unauthenticated,
    Forbidden,
    TooLarge {
        bytes_max: u64,
    },
    /// Too many calls run; the text is for the caller.
    Busy(String),
    /// The tenant has used up what it may for now.
    Limited(Limited),
    /// The node has failed over the function's component too often to run it.
    Quarantined,
    /// The node cannot answer now.
    Unavailable,
    /// The guest crashed or passed a bound; why stands in the function's log.
    Crashed,
    TimedOut {
        limit_ms: u64,
    },
    /// The node failed; why stands in its own log.
    Internal,
}

/// Calls HTTP functions.
#[derive(Debug)]
pub struct Gateway<H> {
    sandbox: Sandbox,
    host: Arc<H>,
    body_bytes_max: u64,
}

impl<H: Host> Gateway<H> {
    /// Bodies of requests may have `body_bytes_max` bytes.
    #[must_use]
    pub fn new(sandbox: Sandbox, host: Arc<H>, body_bytes_max: u64) -> Self {
        Self {
            sandbox,
            host,
            body_bytes_max,
        }
    }

    /// Answers one request. Dropping the future, or the response's body, stops the guest.
    ///
    /// # Errors
    /// [`Refused`].
    pub async fn call<B>(
        &self,
        request: Request<B>,
    ) -> Result<Response<weft_sandbox::Body>, Refused>
    where
        B: Body<Data = Bytes> + Unpin + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let started = Instant::now();
        let (parts, body) = request.into_parts();
        if parts.version < Version::HTTP_2 && parts.uri.scheme().is_some() {
            return Err(Refused::BadRequest("this is no proxy"));
        }
        let scope = scope::parse(parts.uri.path()).map_err(|_| Refused::NotFound)?;
        let path = scope.rest.strip_prefix("/api");
        let path = path.filter(|path| path.is_empty() || path.starts_with('/'));
        let path = path.ok_or(Refused::NotFound)?;
        let routes = self.host.routes(&scope.app).await?;
        let routes = routes.ok_or(Refused::NotFound)?;
        let path = path.strip_prefix('/').unwrap_or(path);
        let target = match routes.find(path, &parts.method) {
            Match::Found(target) => Arc::clone(target),
            Match::MethodNotAllowed(methods) => return Err(Refused::MethodNotAllowed(methods)),
            Match::NotFound => return Err(Refused::NotFound),
        };
        if target.auth != Auth::Anonymous {
            self.host.authorize(&parts, &scope.app, target.auth).await?;
        }
        let bytes_max = self.body_bytes_max;
        if announced(&parts).is_some_and(|len| len > bytes_max) {
            return Err(Refused::TooLarge { bytes_max });
        }
        let (prefix, rest) = (scope.prefix.to_owned(), scope.rest.to_owned());
        let parts = forwarded(parts, &prefix, &rest, target.auth)?;
        let exceeded = Arc::new(AtomicBool::new(false));
        let body = Bounded {
            inner: body,
            left: bytes_max,
            exceeded: Arc::clone(&exceeded),
        };
        let request = Request::from_parts(parts, body);
        let answer = self.sandbox.http(target.invocation.clone(), request).await;
        self.host.observe(Observed {
            target: &target,
            duration: started.elapsed(),
            outcome: answer.as_ref().map(Response::status),
        });
        match answer {
            Ok(mut response) => {
                strip_hop_by_hop(response.headers_mut());
                Ok(response)
            }
            Err(_) if exceeded.load(Ordering::Relaxed) => Err(Refused::TooLarge { bytes_max }),
            Err(error) => Err(refused(error)),
        }
    }
}

fn announced(parts: &Parts) -> Option<u64> {
    let length = parts.headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// The head as the function sees it.
fn forwarded(mut parts: Parts, prefix: &str, rest: &str, auth: Auth) -> Result<Parts, Refused> {
    let checked = auth != Auth::Anonymous;
    strip_hop_by_hop(&mut parts.headers);
    strip_keys(&mut parts.headers, checked);
    parts.headers.remove(FORWARDED_PREFIX);
    if !prefix.is_empty() {
        let prefix = HeaderValue::from_str(prefix).map_err(|_| Refused::NotFound)?;
        parts.headers.insert(FORWARDED_PREFIX, prefix);
    }
    let path = path_and_query(&parts.uri, rest, checked);
    let path = path.ok_or(Refused::BadRequest("the path is not valid"))?;
    let mut uri = std::mem::take(&mut parts.uri).into_parts();
    uri.path_and_query = Some(path);
    parts.uri = Uri::from_parts(uri).map_err(|_| Refused::BadRequest("the URL is not valid"))?;
    Ok(parts)
}

fn refused(error: CallError) -> Refused {
    match error {
        CallError::Busy(why) => Refused::Busy(why),
        CallError::Limited(limited) => Refused::Limited(limited),
        CallError::Quarantined(_) => Refused::Quarantined,
        CallError::Timeout(limit) => Refused::TimedOut {
            limit_ms: u64::try_from(limit.as_millis()).unwrap_or(u64::MAX),
        },
        CallError::Limit { .. }
        | CallError::Trap(_)
        | CallError::NoResponse
        | CallError::ErrorResponse(_) => Refused::Crashed,
        CallError::BadRequest(why) => {
            tracing::debug!(%why, "a request could not be handed to a function");
            Refused::BadRequest("the request cannot be handed to a function")
        }
        CallError::NoComponent(_) | CallError::NoRole(_) | CallError::Internal(_) => {
            tracing::error!(%error, "a function could not be run");
            Refused::Internal
        }
    }
}

/// A request's body that ends with an error past its bound and remembers that it did.
struct Bounded<B> {
    inner: B,
    left: u64,
    exceeded: Arc<AtomicBool>,
}

#[derive(Debug, thiserror::Error)]
#[error("the body of the request is too large")]
struct Exceeded;

impl<B> Body for Bounded<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = std::task::ready!(Pin::new(&mut self.inner).poll_frame(cx));
        Poll::Ready(frame.map(|frame| {
            let frame = frame.map_err(Into::into)?;
            let len = frame.data_ref().map_or(0, |data| data.len() as u64);
            match self.left.checked_sub(len) {
                Some(left) => {
                    self.left = left;
                    Ok(frame)
                }
                None => {
                    self.exceeded.store(true, Ordering::Relaxed);
                    Err(Exceeded.into())
                }
            }
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{BodyExt, Full};

    use super::*;

    #[tokio::test]
    async fn a_body_past_its_bound_fails_and_says_so() {
        let exceeded = Arc::new(AtomicBool::new(false));
        let bounded = |len: usize| Bounded {
            inner: Full::new(Bytes::from(vec![0; len])),
            left: 10,
            exceeded: Arc::clone(&exceeded),
        };
        assert_eq!(bounded(10).collect().await.unwrap().to_bytes().len(), 10);
        assert!(!exceeded.load(Ordering::Relaxed));
        assert!(bounded(11).collect().await.is_err());
        assert!(exceeded.load(Ordering::Relaxed));
    }

    #[test]
    fn a_function_sees_the_path_within_its_app() {
        let request = Request::get("/@t/a/api/x?y=1&code=k").body(()).unwrap();
        let (parts, ()) = request.into_parts();
        let parts = forwarded(parts, "/@t/a", "/api/x", Auth::Function).unwrap();
        assert_eq!(parts.uri, "/api/x?y=1");
        assert_eq!(parts.headers[FORWARDED_PREFIX], "/@t/a");
    }
}
