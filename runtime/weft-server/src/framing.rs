//! What a request over HTTP/1 may not leave open: where it ends, and whom it is for. Another server
//! in front may read an ambiguous one differently and take what a stranger sent for the request of
//! somebody else.

use axum::body::Body;
use axum::response::IntoResponse;
use futures::future::{Either, MapOk, Ready, TryFutureExt, ready};
use http::{HeaderMap, HeaderValue, Request, Response, Version, header};
use hyper::body::Incoming;
use hyper::service::Service;
use weft_api::{Kind, Problem};

use crate::linger::RequestBody;

/// Refuses ambiguous requests, and gives the others bodies that are read on where the service
/// leaves them.
#[derive(Clone)]
pub(crate) struct Framed<S>(pub(crate) S);

type Answer<E> = Result<Response<Body>, E>;
type Then = fn(Response<Body>) -> Response<Body>;

impl<S> Service<Request<Incoming>> for Framed<S>
where
    S: Service<Request<RequestBody>, Response = Response<Body>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Either<Ready<Answer<S::Error>>, MapOk<S::Future, Then>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let version = request.version();
        if version < Version::HTTP_2
            && let Some(fault) = fault(&request)
        {
            let refused = Problem::new(Kind::InvalidRequest, fault).into_response();
            return Either::Left(ready(Ok(closing(refused))));
        }
        // A length that was sent as well may have been dropped unseen: nothing that follows such a
        // body on its connection is believed.
        let then: Then = match request.headers().contains_key(header::TRANSFER_ENCODING) {
            true => closing,
            false => std::convert::identity,
        };
        let request = request.map(|body| RequestBody::new(body, version));
        Either::Right(self.0.call(request).map_ok(then))
    }
}

fn closing(mut response: Response<Body>) -> Response<Body> {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

/// The first fault of a head, as whoever sent it should read it.
fn fault<B>(request: &Request<B>) -> Option<&'static str> {
    let headers = request.headers();
    let many = |name| headers.get_all(name).iter().count() > 1;
    if request.uri().scheme().is_some() || request.uri().authority().is_some() {
        return Some("this is no proxy");
    }
    if many(header::HOST) || (request.version() == Version::HTTP_11 && absent(headers)) {
        return Some("a request names exactly one host");
    }
    if headers.contains_key(header::TRANSFER_ENCODING)
        && (many(header::TRANSFER_ENCODING) || headers.contains_key(header::CONTENT_LENGTH))
    {
        return Some("a body has one length: either Content-Length or Transfer-Encoding");
    }
    if many(header::CONTENT_LENGTH) {
        return Some("a body has one length");
    }
    None
}

fn absent(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::HOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(uri: &str, headers: &[(&str, &str)], refused: bool) {
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).unwrap();
        assert_eq!(fault(&request).is_some(), refused, "{request:?}");
    }

    #[test]
    fn a_request_says_once_where_it_ends_and_whom_it_is_for() {
        let host = ("host", "a");
        check("/", &[host], false);
        check("/", &[host, ("content-length", "1")], false);
        check("/", &[host, ("transfer-encoding", "chunked")], false);
        check("/", &[], true);
        check("/", &[host, ("host", "b")], true);
        check("http://a/", &[host], true);
        let chunked = ("transfer-encoding", "chunked");
        check("/", &[host, chunked, ("content-length", "1")], true);
        check("/", &[host, chunked, chunked], true);
        let length = ("content-length", "1");
        check("/", &[host, length, length], true);
    }
}
