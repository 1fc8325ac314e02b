//! Errors as they leave the node: RFC 9457 problem documents with a stable `type`.
//!
//! `docs/problems.md` lists every kind; a test compares it with [`Kind::ALL`]. Causes that are the
//! node's own business go to the log, never into a body.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};
use weft_app::Faults;

use crate::{InvokeError, PrepareError};

/// A kind of problem: what clients compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    MalformedJson,
    InvalidRequest,
    Unauthenticated,
    Forbidden,
    NotFound,
    MethodNotAllowed,
    Conflict,
    InstanceExists,
    InstanceOpen,
    Diverges,
    InstanceEnded,
    TooLarge,
    UnsupportedMediaType,
    InvalidDocument,
    InvalidWorkflow,
    NotAComponent,
    WrongWorld,
    ComponentLimit,
    NameConflict,
    NotInvocable,
    Busy,
    RateLimited,
    Internal,
    FunctionFailed,
    FunctionTrapped,
    Quarantined,
    Unavailable,
    FunctionTimeout,
    QuotaExceeded,
    StorageFull,
}

impl Kind {
    pub const ALL: [Self; 30] = [
        Self::MalformedJson,
        Self::InvalidRequest,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::InstanceExists,
        Self::InstanceOpen,
        Self::Diverges,
        Self::InstanceEnded,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::InvalidDocument,
        Self::InvalidWorkflow,
        Self::NotAComponent,
        Self::WrongWorld,
        Self::ComponentLimit,
        Self::NameConflict,
        Self::NotInvocable,
        Self::Busy,
        Self::RateLimited,
        Self::Internal,
        Self::FunctionFailed,
        Self::FunctionTrapped,
        Self::Quarantined,
        Self::Unavailable,
        Self::FunctionTimeout,
        Self::QuotaExceeded,
        Self::StorageFull,
    ];

    /// Status, last part of the `type`, title.
    fn row(self) -> (StatusCode, &'static str, &'static str) {
        use StatusCode as S;
        match self {
            Self::MalformedJson => (S::BAD_REQUEST, "malformed-json", "The body is not JSON"),
            Self::InvalidRequest => (S::BAD_REQUEST, "invalid-request", "Invalid request"),
            Self::Unauthenticated => (S::UNAUTHORIZED, "unauthenticated", "A valid key is needed"),
            Self::Forbidden => (
                S::FORBIDDEN,
                "forbidden",
                "The key's role does not allow this",
            ),
            Self::NotFound => (S::NOT_FOUND, "not-found", "Not found"),
            Self::MethodNotAllowed => (
                S::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Method not allowed",
            ),
            Self::Conflict => (S::CONFLICT, "conflict", "Changed by somebody else"),
            Self::InstanceExists => (S::CONFLICT, "instance-exists", "The instance id is in use"),
            Self::InstanceOpen => (S::CONFLICT, "instance-open", "The instance has not ended"),
            Self::InstanceEnded => (S::GONE, "instance-ended", "The instance has ended"),
            Self::Diverges => (
                S::CONFLICT,
                "diverges",
                "The code does not follow what was recorded",
            ),
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, "too-large", "Too large"),
            Self::UnsupportedMediaType => (
                S::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported content type",
            ),
            Self::InvalidDocument => (
                S::UNPROCESSABLE_ENTITY,
                "invalid-document",
                "The document has faults",
            ),
            Self::InvalidWorkflow => (
                S::BAD_REQUEST,
                "invalid-workflow",
                "The workflow has faults",
            ),
            Self::NotAComponent => (
                S::UNPROCESSABLE_ENTITY,
                "not-a-component",
                "Not a WebAssembly component",
            ),
            Self::WrongWorld => (
                S::UNPROCESSABLE_ENTITY,
                "wrong-world",
                "The component does not fit",
            ),
            Self::ComponentLimit => (
                S::UNPROCESSABLE_ENTITY,
                "component-limit",
                "The component passes a limit",
            ),
            Self::NameConflict => (
                S::UNPROCESSABLE_ENTITY,
                "name-conflict",
                "Names or routes collide",
            ),
            Self::NotInvocable => (
                S::UNPROCESSABLE_ENTITY,
                "not-invocable",
                "This kind of function is called in another way",
            ),
            Self::Busy => (S::TOO_MANY_REQUESTS, "busy", "Too many calls at one time"),
            Self::RateLimited => (
                S::TOO_MANY_REQUESTS,
                "rate-limited",
                "The tenant has used up a rate of its quota",
            ),
            Self::Internal => (S::INTERNAL_SERVER_ERROR, "internal", "The node failed"),
            Self::FunctionFailed => (S::BAD_GATEWAY, "function-failed", "The function failed"),
            Self::FunctionTrapped => (
                S::BAD_GATEWAY,
                "function-trapped",
                "The function crashed or passed a limit",
            ),
            Self::Quarantined => (
                S::BAD_GATEWAY,
                "quarantined",
                "The component is quarantined",
            ),
            Self::Unavailable => (S::SERVICE_UNAVAILABLE, "unavailable", "Not available now"),
            Self::FunctionTimeout => (
                S::GATEWAY_TIMEOUT,
                "function-timeout",
                "The function took too long",
            ),
            Self::QuotaExceeded => (
                S::INSUFFICIENT_STORAGE,
                "quota-exceeded",
                "The tenant keeps all that its quota allows",
            ),
            Self::StorageFull => (
                S::INSUFFICIENT_STORAGE,
                "storage-full",
                "The node's disk is full",
            ),
        }
    }

    #[must_use]
    pub fn status(self) -> StatusCode {
        self.row().0
    }

    /// The last part of the `type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The problem document's `type`.
    #[must_use]
    pub fn uri(self) -> String {
        format!("urn:weft:problem:{}", self.row().1)
    }

    #[must_use]
    pub fn title(self) -> &'static str {
        self.row().2
    }
}

/// A problem of one request.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    kind: Kind,
    /// What happened, for a person.
    detail: String,
    /// Members beyond those of the RFC.
    members: Map<String, Value>,
    retry_after_s: Option<u32>,
}

impl Problem {
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            members: Map::new(),
            retry_after_s: None,
        }
    }

    /// A tenant has used up a rate of its quota.
    #[must_use]
    pub fn limited(quota: &str, max: u64, retry_after: std::time::Duration) -> Self {
        let seconds = u32::try_from(retry_after.as_secs()).unwrap_or(u32::MAX);
        let detail = format!("the tenant has used up its quota: {quota} is limited to {max}");
        Self::new(Kind::RateLimited, detail)
            .with("quota", quota)
            .with("limit", max)
            .retry_after(seconds.saturating_add(1))
    }

    /// Adds a member to the document.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }

    #[must_use]
    /// The document that stands for it where no body of its own can.
    pub(crate) fn document(&self) -> Value {
        self.to_json()
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// `what` is a noun with its name: `instance 7`.
    #[must_use]
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(Kind::NotFound, format!("there is no {what}"))
    }

    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Kind::InvalidRequest, detail)
    }

    /// A failure of the node itself: the cause is logged, the caller only learns that it failed.
    #[must_use]
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed");
        Self::new(Kind::Internal, "the cause is in the node's log")
    }

    /// Faults of a document, each under `errors` with its JSON pointer.
    #[must_use]
    pub fn faults(kind: Kind, faults: &Faults) -> Self {
        let errors = serde_json::to_value(faults.as_slice()).expect("strings only");
        Self::new(kind, faults.to_string()).with("errors", errors)
    }

    /// The document itself.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut document = Map::new();
        document.insert("type".into(), self.kind.uri().into());
        document.insert("title".into(), self.kind.title().into());
        document.insert("status".into(), self.kind.status().as_u16().into());
        document.insert("detail".into(), self.detail.clone().into());
        document.extend(self.members.clone());
        document.into()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = self.to_json().to_string();
        let mut response = (self.kind.status(), body).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        if self.kind == Kind::Unauthenticated {
            let challenge = HeaderValue::from_static("Bearer realm=\"weft\"");
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        // For whoever writes down what became of the request.
        response.extensions_mut().insert(self.kind);
        response
    }
}

impl From<weft_store::Error> for Problem {
    fn from(error: weft_store::Error) -> Self {
        use weft_store::Error;
        let detail = error.to_string();
        match error {
            Error::NotFound => Self::new(Kind::NotFound, detail),
            Error::AlreadyExists { status } => {
                Self::new(Kind::InstanceExists, detail).with("runtime_status", status.as_str())
            }
            Error::Ended { status } => {
                Self::new(Kind::InstanceEnded, detail).with("runtime_status", status.as_str())
            }
            Error::StillOpen { status } => {
                Self::new(Kind::InstanceOpen, detail).with("runtime_status", status.as_str())
            }
            Error::NotRewindable(_) => Self::new(Kind::Conflict, detail),
            Error::Conflict => Self::new(Kind::Conflict, detail),
            Error::TooLarge(_) => Self::new(Kind::TooLarge, detail),
            Error::QuotaExceeded { quota, max } => Self::new(Kind::QuotaExceeded, detail)
                .with("quota", quota)
                .with("limit", max),
            Error::Full => Self::new(Kind::StorageFull, detail),
            Error::LeaseLost | Error::Unavailable { .. } => {
                tracing::warn!(cause = %detail, "the store did not answer a request");
                Self::new(Kind::Unavailable, "the store does not answer now").retry_after(1)
            }
            Error::Broken { .. } => Self::internal(detail),
        }
    }
}

impl From<PrepareError> for Problem {
    fn from(error: PrepareError) -> Self {
        let detail = error.to_string();
        match error {
            PrepareError::NotAComponent(_) => Self::new(Kind::NotAComponent, detail),
            PrepareError::WrongWorld(_) => Self::new(Kind::WrongWorld, detail),
            PrepareError::Limit(_) => Self::new(Kind::ComponentLimit, detail),
            PrepareError::Busy => Self::new(Kind::Busy, detail).retry_after(1),
            PrepareError::Internal(_) => Self::internal(detail),
        }
    }
}

impl From<InvokeError> for Problem {
    fn from(error: InvokeError) -> Self {
        let detail = error.to_string();
        match error {
            InvokeError::Failed(failure) => {
                let details = failure.details.as_deref().map(crate::model::json_or_text);
                Self::new(Kind::FunctionFailed, detail).with(
                    "failure",
                    json!({
                        "kind": failure.kind,
                        "message": failure.message,
                        "retryable": failure.retryable,
                        "details": details,
                    }),
                )
            }
            InvokeError::Trapped(_) => Self::new(Kind::FunctionTrapped, detail),
            InvokeError::TimedOut { .. } => Self::new(Kind::FunctionTimeout, detail),
            InvokeError::Busy(_) => Self::new(Kind::Busy, detail).retry_after(1),
            InvokeError::Limited(limited) => limited,
            InvokeError::Quarantined(_) => Self::new(Kind::Quarantined, detail),
            InvokeError::Internal(_) => Self::internal(detail),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_lists_every_kind_and_no_other() {
        let documented = include_str!("../../../docs/problems.md");
        let listed: Vec<_> = documented
            .lines()
            .filter_map(|line| line.strip_prefix("| `urn:"))
            .filter_map(|row| {
                row.split_once("` | ")?
                    .1
                    .split_once(" |")
                    .map(|(s, _)| (row, s))
            })
            .map(|(row, status)| format!("urn:{} {status}", row.split('`').next().unwrap()))
            .collect();
        let known = Kind::ALL.map(|kind| format!("{} {}", kind.uri(), kind.status().as_u16()));
        assert_eq!(listed, known);
    }

    #[test]
    fn a_failure_of_the_node_says_nothing_of_its_cause() {
        let broken = weft_store::Error::Broken {
            reason: "/secret/path".into(),
        };
        let body = Problem::from(broken).to_json().to_string();
        assert!(!body.contains("secret"), "{body}");
    }
}
