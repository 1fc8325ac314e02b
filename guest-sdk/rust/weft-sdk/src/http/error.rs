//! What goes wrong, as RFC 9457 problem details.

use serde::Serialize;

use crate::{Failure, client, config, kv};

use super::Response;

/// An answer that says why there is no other. It becomes `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Error {
    status: u16,
    kind: String,
    detail: String,
}

#[derive(Serialize)]
struct Problem<'a> {
    r#type: String,
    title: String,
    status: u16,
    detail: &'a str,
}

impl Error {
    /// `kind` is a stable name in words and hyphens, such as `bad-archive`; the problem's type is
    /// `urn:weft:problem:{kind}` and its title the same in words.
    pub fn new(status: u16, kind: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            status,
            kind: kind.into(),
            detail: detail.into(),
        }
    }

    /// 400
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(400, "bad-request", detail)
    }

    /// 404
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(404, "not-found", detail)
    }

    /// An error of the function itself: the caller learns no more than that, the log has the rest.
    fn internal(why: &dyn std::fmt::Display) -> Self {
        eprintln!("the request failed: {why}");
        Self::new(500, "internal", "The function failed; its log says why.")
    }

    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The stable name.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    pub(super) fn into_response(self) -> Response {
        let problem = Problem {
            r#type: format!("urn:weft:problem:{}", self.kind),
            title: self.kind.replace('-', " "),
            status: self.status,
            detail: &self.detail,
        };
        let body = serde_json::to_vec(&problem).expect("strings and numbers are valid JSON");
        Response::bytes("application/problem+json", body).with_status(self.status)
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::internal(&failure)
    }
}

impl From<client::Error> for Error {
    fn from(error: client::Error) -> Self {
        let detail = error.to_string();
        match error {
            client::Error::NotFound => Self::new(404, "not-found", detail),
            client::Error::AlreadyExists => Self::new(409, "already-exists", detail),
            client::Error::Ended => Self::new(410, "ended", detail),
            client::Error::Invalid(_) => Self::new(400, "bad-request", detail),
            client::Error::Unavailable(_) => Self::new(503, "unavailable", detail),
        }
    }
}

impl From<kv::Error> for Error {
    fn from(error: kv::Error) -> Self {
        Self::internal(&error)
    }
}

impl From<config::Error> for Error {
    fn from(error: config::Error) -> Self {
        Self::internal(&error)
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::internal(&error)
    }
}
