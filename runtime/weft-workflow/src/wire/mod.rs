//! What an action asks for as an HTTP message, and an answer as what a run keeps of it.
//!
//! Pure, so that whoever sends a request and whoever tests a workflow without sending any make the
//! same of the same action. Input is that of the activities `workflow/http`, `workflow/connection`
//! and `workflow/service-provider`.

mod answer;
mod authentication;
mod connection;
mod content;
mod request;
mod settings;

pub use answer::{answer_json, spelled};
pub use authentication::{credentials, is_credential};
pub use connection::{Call, Connection, Place, direct, find, over, service_over};
pub use content::{Content, body_of, content};
pub use request::{Message, header_value, message};
pub use settings::{Around, evaluate, fill_in, parameters};

/// Why an action cannot be made into a message. No other try fares better.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// As the peer has it: `BadRequest`, ...
    pub code: &'static str,
    pub message: String,
}

impl Refused {
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self {
            code: "BadRequest",
            message: message.into(),
        }
    }

    pub(crate) fn unconfigured(message: impl Into<String>) -> Self {
        Self {
            code: "ConnectionNotConfigured",
            message: message.into(),
        }
    }
}

pub(crate) fn text(input: &crate::value::Value, name: &str) -> Option<String> {
    input
        .get(name)
        .and_then(crate::value::Value::as_str)
        .map(str::to_owned)
}
