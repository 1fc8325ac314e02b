//! Why nothing came of a call.

use weft_sandbox::OutboundError;
use weft_workflow::wire::Refused;

/// A failure as the run of a workflow shows it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failed {
    /// As the peer has it: `BadRequest`, `ActionTimedOut`, ...
    pub code: &'static str,
    pub message: String,
    /// Whether another try may fare better.
    pub retryable: bool,
}

impl Failed {
    fn new(code: &'static str, message: impl Into<String>, retryable: bool) -> Self {
        Self {
            code,
            message: message.into(),
            retryable,
        }
    }

    /// The action asks for what cannot be done.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("BadRequest", message, false)
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new("NotSupported", message, false)
    }

    /// A connection, a setting or an identity that nobody has configured.
    pub(crate) fn unconfigured(message: impl Into<String>) -> Self {
        Self::new("ConnectionNotConfigured", message, false)
    }

    pub(crate) fn unauthorized(message: impl Into<String>, retryable: bool) -> Self {
        Self::new("AuthorizationFailed", message, retryable)
    }

    pub(crate) fn timed_out(message: impl Into<String>) -> Self {
        Self::new("ActionTimedOut", message, true)
    }

    /// For good, with a code of whoever tells it.
    pub(crate) fn of_code(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, message, false)
    }

    pub(crate) fn unreachable(message: impl Into<String>) -> Self {
        Self::new("HttpRequestFailed", message, true)
    }
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Self::of_code(refused.code, refused.message)
    }
}

impl From<OutboundError> for Failed {
    fn from(error: OutboundError) -> Self {
        let text = error.to_string();
        match error {
            OutboundError::Denied(_) => Self::invalid(text),
            OutboundError::Unreachable(_) => Self::unreachable(text),
            OutboundError::TimedOut(_) => Self::timed_out(text),
            OutboundError::TooLarge(_) => Self::new("HttpResponseTooLarge", text, false),
        }
    }
}
