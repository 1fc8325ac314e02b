//! Why an upload is refused, and why a call did not give an answer.

use std::time::Duration;

use weft_orchestration::{Failure, failure_kind};
use weft_store::Digest;

use crate::metering::Limited;
use crate::quarantine::Quarantine;

/// The sandbox cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error("the engine refuses its configuration: {0}")]
    Engine(String),
    #[error("the folder for native code {path}")]
    NativeDir {
        path: String,
        #[source]
        source: std::io::Error,
    },
    #[error("the epoch thread cannot be started")]
    Ticker(#[source] std::io::Error),
}

/// Why a component is not accepted. All but [`Self::Internal`] and [`Self::Busy`] are the
/// uploader's.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("the upload is empty")]
    Empty,
    #[error("the upload has {len} bytes, the limit is {max}")]
    TooLarge { len: usize, max: usize },
    #[error("this is not WebAssembly: it does not begin with \\0asm")]
    NotWasm,
    #[error(
        "this is native code (ELF, for instance a .cwasm file): upload the WebAssembly component \
         itself, it is compiled here"
    )]
    NativeCode,
    #[error(
        "this is a core module, not a component: build for wasm32-wasip2, or wrap it with \
         `wasm-tools component new`"
    )]
    CoreModule,
    #[error("the component ends too early, or is damaged: {0}")]
    Malformed(String),
    #[error("{what} is limited to {max}, the component has {found}")]
    Limit {
        what: &'static str,
        max: u64,
        found: u64,
    },
    #[error("the component is not valid: {0}")]
    Invalid(String),
    #[error("compiling was stopped: {0}")]
    CompileLimit(String),
    #[error("{0}")]
    Quarantined(Quarantine),
    #[error(
        "{name} is an {kind}: guests of this tenant run in a process of their own, where HTTP functions \
         and activities run; deploy the {kind} under a tenant without that policy"
    )]
    Isolated {
        name: weft_id::Function,
        kind: &'static str,
    },
    /// It asks for more than an instance has, such as a memory of 4 GiB.
    #[error("no instance has room for it: {0}")]
    Unfit(String),
    #[error("the component imports what is not offered here: {0}")]
    Unlinkable(String),
    #[error(
        "the component exports nothing that can be run: it exports {exports}; expected \
         wasi:http/incoming-handler@0.2, weft:functions/activity@0.1.0, \
         weft:functions/orchestrator@0.1.0, or functions whose parameters and results JSON can \
         carry"
    )]
    WrongWorld { exports: String },
    #[error("`describe` of the component is wrong: {0}")]
    Describe(String),
    #[error("{0}")]
    Busy(String),
    #[error("internal error: {0}")]
    Internal(String),
}

/// Why a call gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CallError {
    /// Too much runs already; the same call may succeed later.
    #[error("{0}")]
    Busy(String),
    /// The tenant has used up what it may for now.
    #[error(transparent)]
    Limited(#[from] Limited),
    /// The host has failed over the component too often.
    #[error("{0}")]
    Quarantined(Box<Quarantine>),
    #[error("component {0} is not stored here")]
    NoComponent(Digest),
    #[error("the component holds no {0}")]
    NoRole(&'static str),
    #[error("the function did not finish within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// A bound of the sandbox or of the function's own limits.
    #[error("{what} is limited to {max}: {message}")]
    Limit {
        what: &'static str,
        max: u64,
        message: String,
    },
    #[error("the function trapped: {0}")]
    Trap(String),
    #[error("the function returned without a response")]
    NoResponse,
    /// The guest answered an HTTP request with an error in place of a response.
    #[error("the function answered with an error: {0}")]
    ErrorResponse(String),
    #[error("the request cannot be handed to a function: {0}")]
    BadRequest(String),
    #[error("internal error: {0}")]
    Internal(String),
}

impl CallError {
    /// Whether the guest, and not the platform or load on it, is the cause.
    #[must_use]
    pub fn is_guest_fault(&self) -> bool {
        match self {
            Self::Timeout(_)
            | Self::Limit { .. }
            | Self::Trap(_)
            | Self::NoResponse
            | Self::ErrorResponse(_)
            | Self::NoRole(_) => true,
            Self::Busy(_)
            | Self::Limited(_)
            | Self::Quarantined(_)
            | Self::NoComponent(_)
            | Self::BadRequest(_)
            | Self::Internal(_) => false,
        }
    }

    /// The failure that an orchestration records. What another attempt may not meet is retryable.
    #[must_use]
    pub fn to_failure(&self) -> Failure {
        let message = self.to_string();
        match self {
            Self::Busy(_) | Self::Limited(_) => Failure::transient("busy", message),
            Self::Quarantined(_) => Failure::transient("quarantined", message),
            Self::Internal(_) => Failure::transient("internal", message),
            Self::Timeout(_) => Failure::transient("timeout", message),
            Self::NoComponent(_) | Self::NoRole(_) => {
                Failure::permanent(failure_kind::NOT_FOUND, message)
            }
            Self::Limit { .. } => Failure::permanent(failure_kind::LIMIT, message),
            Self::Trap(_) | Self::NoResponse | Self::ErrorResponse(_) | Self::BadRequest(_) => {
                Failure::permanent(failure_kind::TRAP, message)
            }
        }
    }
}
