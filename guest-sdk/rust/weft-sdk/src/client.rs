//! Starting and managing orchestrations of the same app, from activities and HTTP functions.
//!
//! Works in a component only: natively every function panics.

use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::imports::weft::functions::client as wit;
use crate::{Orchestrator, millis, time};

pub use wit::RuntimeStatus;

/// Why the platform refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// There is no such orchestration, or no such orchestrator to start.
    #[error("not found")]
    NotFound,
    /// An orchestration of that id exists and has not ended.
    #[error("an instance of that id exists and has not ended")]
    AlreadyExists,
    /// The orchestration has ended, so nothing can be done with it.
    #[error("the instance has ended")]
    Ended,
    /// The call can never succeed as it is.
    #[error("{0}")]
    Invalid(String),
    /// Another try may succeed.
    #[error("{0}")]
    Unavailable(String),
}

impl From<wit::Error> for Error {
    fn from(error: wit::Error) -> Self {
        match error {
            wit::Error::NotFound => Self::NotFound,
            wit::Error::AlreadyExists => Self::AlreadyExists,
            wit::Error::Ended => Self::Ended,
            wit::Error::Invalid(why) => Self::Invalid(why),
            wit::Error::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

/// What is known of an orchestration.
#[derive(Debug, Clone)]
pub struct Status {
    /// The orchestration.
    pub instance_id: String,
    /// The orchestrator that it runs.
    pub name: String,
    /// How far it is.
    pub runtime_status: RuntimeStatus,
    /// When it was started.
    pub created: SystemTime,
    /// When it last changed.
    pub updated: SystemTime,
    /// The input as JSON text. A list leaves inputs and outputs of more than 64 KiB out.
    pub input: Option<String>,
    /// What it shows of itself, as JSON text.
    pub custom_status: Option<String>,
    /// The result, or the failure, as JSON text.
    pub output: Option<String>,
}

impl Status {
    /// Whether it is over: completed, failed or terminated.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        match self.runtime_status {
            RuntimeStatus::Completed | RuntimeStatus::Failed | RuntimeStatus::Terminated => true,
            RuntimeStatus::Pending | RuntimeStatus::Running | RuntimeStatus::Suspended => false,
        }
    }

    /// The result of a completed orchestration; nothing while there is none.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the result is of another type.
    pub fn output<T: DeserializeOwned>(&self) -> Result<Option<T>, Error> {
        match (self.runtime_status, &self.output) {
            (RuntimeStatus::Completed, Some(output)) => parse(output).map(Some),
            _ => Ok(None),
        }
    }

    pub(crate) fn from_wit(status: wit::Status) -> Self {
        Self {
            instance_id: status.instance_id,
            name: status.name,
            runtime_status: status.runtime_status,
            created: time(status.created_ms),
            updated: time(status.updated_ms),
            input: status.input,
            custom_status: status.custom_status,
            output: status.output,
        }
    }
}

/// Starts the orchestrator of that name and returns the id of the new orchestration. When this
/// returns, the start is on disk.
///
/// # Errors
/// See [`Error`].
pub fn start(name: &str, input: &impl Serialize) -> Result<String, Error> {
    Ok(wit::start(name, &to_json(input)?, None)?)
}

/// Starts the orchestrator of that name under an id of the caller's choice. The id of an
/// orchestration that has ended may be used again and then means the new one.
///
/// # Errors
/// [`Error::AlreadyExists`] where the id is in use; see [`Error`].
pub fn start_with_id(name: &str, input: &impl Serialize, id: &str) -> Result<String, Error> {
    Ok(wit::start(name, &to_json(input)?, Some(id))?)
}

/// Starts an orchestrator of this crate by its type, under a new id where none is given.
///
/// # Errors
/// See [`start_with_id`].
pub fn start_orchestrator<O: Orchestrator>(
    input: &O::Input,
    id: Option<&str>,
) -> Result<String, Error> {
    Ok(wit::start(O::NAME, &to_json(input)?, id)?)
}

/// # Errors
/// [`Error::NotFound`], or see [`Error`].
pub fn get_status(instance_id: &str) -> Result<Status, Error> {
    Ok(Status::from_wit(wit::get_status(instance_id)?))
}

/// Waits at most that long for the end; the status is that of the time when the wait ended.
///
/// # Errors
/// [`Error::NotFound`], or see [`Error`].
pub fn wait_for_completion(instance_id: &str, limit: Duration) -> Result<Status, Error> {
    let status = wit::wait_for_completion(instance_id, millis(limit))?;
    Ok(Status::from_wit(status))
}

/// # Errors
/// [`Error::NotFound`], [`Error::Ended`], or see [`Error`].
pub fn raise_event(instance_id: &str, name: &str, payload: &impl Serialize) -> Result<(), Error> {
    Ok(wit::raise_event(instance_id, name, &to_json(payload)?)?)
}

/// Ends an orchestration without its help.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Ended`], or see [`Error`].
pub fn terminate(instance_id: &str, reason: &str) -> Result<(), Error> {
    Ok(wit::terminate(instance_id, reason)?)
}

/// Lets an orchestration rest until it is resumed.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Ended`], or see [`Error`].
pub fn suspend(instance_id: &str, reason: &str) -> Result<(), Error> {
    Ok(wit::suspend(instance_id, reason)?)
}

/// Lets a suspended orchestration go on.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Ended`], or see [`Error`].
pub fn resume(instance_id: &str, reason: &str) -> Result<(), Error> {
    Ok(wit::resume(instance_id, reason)?)
}

fn to_json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|error| Error::Invalid(error.to_string()))
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    serde_json::from_str(text).map_err(|error| Error::Invalid(error.to_string()))
}
