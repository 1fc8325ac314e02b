//! How SQLite's failures become the store's.

use rusqlite::ErrorCode;
use weft_store::Error;

/// Why a statement or a write did not go through.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// An outcome that the caller expects. A write that is refused has changed nothing.
    #[error(transparent)]
    Refused(#[from] Error),
    /// SQLite failed: the transaction cannot be committed.
    #[error(transparent)]
    Sql(#[from] rusqlite::Error),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Refused(error) => error,
            Fault::Sql(error) => of_sql(error),
        }
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        unreadable(error).into()
    }
}

/// For a value that no version of this program has written.
pub(crate) fn unreadable(error: impl std::fmt::Display) -> Error {
    Error::Broken {
        reason: format!("the stored data cannot be read: {error}"),
    }
}

pub(crate) fn of_sql(error: rusqlite::Error) -> Error {
    let reason = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::Full,
        Some(ErrorCode::TooBig) => Error::TooLarge(reason),
        // After a failed write or fsync nobody knows what is on the disk.
        Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Error::Broken { reason }
        }
        // Conversions fail when a column holds what this program does not write there.
        None => unreadable(reason),
        Some(_) => Error::Unavailable { reason },
    }
}

/// Errors go to every write of a failed batch.
pub(crate) fn copy(error: &Error) -> Error {
    match error {
        Error::NotFound => Error::NotFound,
        Error::AlreadyExists { status } => Error::AlreadyExists { status: *status },
        Error::Ended { status } => Error::Ended { status: *status },
        Error::StillOpen { status } => Error::StillOpen { status: *status },
        Error::NotRewindable(why) => Error::NotRewindable(why.clone()),
        Error::LeaseLost => Error::LeaseLost,
        Error::Conflict => Error::Conflict,
        Error::TooLarge(text) => Error::TooLarge(text.clone()),
        Error::QuotaExceeded { quota, max } => Error::QuotaExceeded { quota, max: *max },
        Error::Full => Error::Full,
        Error::Unavailable { reason } => Error::Unavailable {
            reason: reason.clone(),
        },
        Error::Broken { reason } => Error::Broken {
            reason: reason.clone(),
        },
    }
}
