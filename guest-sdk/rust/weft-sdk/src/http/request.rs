//! A request and its body, which is read on demand and never beyond a bound.

use serde::de::DeserializeOwned;
use wasip2::http::types::IncomingBody;
use wasip2::io::streams::StreamError;

use super::{Error, route};

/// A request to an HTTP function.
pub struct Request {
    method: String,
    path: String,
    query: String,
    /// Names in lower case.
    headers: Vec<(String, Vec<u8>)>,
    /// The parameters of the route template and their decoded values.
    params: Vec<(String, String)>,
    body: Body,
}

enum Body {
    Ready(Vec<u8>),
    Incoming(IncomingBody),
}

/// What [`Request::json`] reads at most.
const JSON_BYTES_MAX: usize = 1 << 20;
/// What one read from the body asks for.
const CHUNK_BYTES: u64 = 64 << 10;

impl Request {
    /// A request for tests: `Request::new("POST", "/api/photos?size=96", body)`.
    pub fn new(method: &str, target: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::of(method, target, Vec::new(), Body::Ready(body.into()))
    }

    pub(super) fn incoming(
        method: &str,
        target: &str,
        headers: Vec<(String, Vec<u8>)>,
        body: IncomingBody,
    ) -> Self {
        Self::of(method, target, headers, Body::Incoming(body))
    }

    fn of(method: &str, target: &str, headers: Vec<(String, Vec<u8>)>, body: Body) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            headers,
            params: Vec::new(),
            body,
        }
    }

    /// Adds a header, for tests.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Takes the parameters of a route template from the path, for tests; requests from outside
    /// have them already.
    #[must_use]
    pub fn with_route(mut self, template: &str) -> Self {
        self.params = route::params(template, &self.path).unwrap_or_default();
        self
    }

    /// The method in upper case.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The path within the app, which begins with `/api/`, percent-encoded as it came.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path as the caller sees it, for links: with what stands before an app's own paths.
    #[must_use]
    pub fn public_path(&self) -> String {
        let prefix = self.header("x-forwarded-prefix").unwrap_or_default();
        format!("{prefix}{}", self.path)
    }

    /// The first header of that name, if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| std::str::from_utf8(value).ok())
    }

    /// The value of a parameter of the route template, decoded. The template is the one that
    /// stands at the function; a manifest that sets another route keeps the parameters' places.
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        let mut params = self.params.iter();
        params
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first value of a query parameter, decoded.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<String> {
        self.query.split('&').find_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let plain = |text: &str| route::decode(&text.replace('+', " "));
            (plain(key) == name).then(|| plain(value))
        })
    }

    /// Reads the body. It can be read once; afterwards it is empty.
    ///
    /// # Errors
    /// 413 for a body of more than `bytes_max`, 400 when the caller stops in the middle.
    pub fn body(&mut self, bytes_max: usize) -> Result<Vec<u8>, Error> {
        let bytes = match std::mem::replace(&mut self.body, Body::Ready(Vec::new())) {
            Body::Ready(bytes) => bytes,
            Body::Incoming(body) => read(&body, bytes_max)?,
        };
        if bytes.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        Ok(bytes)
    }

    /// Reads the body as JSON, at most 1 MiB of it.
    ///
    /// # Errors
    /// 400 for malformed or unexpected JSON; see [`Request::body`].
    pub fn json<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        serde_json::from_slice(&self.body(JSON_BYTES_MAX)?)
            .map_err(|error| Error::bad_request(format!("The body is not as expected: {error}.")))
    }
}

fn read(body: &IncomingBody, bytes_max: usize) -> Result<Vec<u8>, Error> {
    let stream = body
        .stream()
        .expect("a body's stream is taken for the first time");
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(CHUNK_BYTES) {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(_)) => {
                return Err(Error::bad_request("The body ended too early."));
            }
        }
        if bytes.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
    }
}

fn too_large(bytes_max: usize) -> Error {
    let detail = format!("The body has more than {bytes_max} bytes.");
    Error::new(413, "body-too-large", detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_parameters_are_decoded() {
        let request = Request::new("GET", "/api/x?name=J%C3%BCrgen+K&empty", "");
        assert_eq!(request.query("name").as_deref(), Some("Jürgen K"));
        assert_eq!(request.query("empty").as_deref(), Some(""));
        assert_eq!(request.query("absent"), None);
    }

    #[test]
    fn links_lead_to_the_same_app() {
        let request = Request::new("GET", "/api/x?y", "");
        assert_eq!(request.public_path(), "/api/x");
        let request = request.with_header("X-Forwarded-Prefix", "/@acme/shop");
        assert_eq!(request.public_path(), "/@acme/shop/api/x");
    }

    #[test]
    fn a_body_over_the_bound_is_refused() {
        let mut request = Request::new("POST", "/api/x", "12345");
        assert_eq!(request.body(4).unwrap_err().status(), 413);
        let mut request = Request::new("POST", "/api/x", "12345");
        assert_eq!(request.json::<u32>().unwrap(), 12345);
    }
}
