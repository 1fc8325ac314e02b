//! How a store fails. Outcomes that callers expect are variants to match on.

use weft_orchestration::{RewindError, Status};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such thing.
    #[error("not found")]
    NotFound,
    /// The id is in use, and the reuse policy does not allow replacing an instance of this status.
    #[error("an instance with this id exists and is {}", status.as_str())]
    AlreadyExists { status: Status },
    /// The instance has ended, so it takes no messages.
    #[error("the instance has ended: it is {}", status.as_str())]
    Ended { status: Status },
    /// The instance is still open, so it cannot be purged.
    #[error("the instance is still open: it is {}", status.as_str())]
    StillOpen { status: Status },
    /// The instance cannot be rewound; the text says why.
    #[error("the instance cannot be rewound: {0}")]
    NotRewindable(RewindError),
    /// Another node has the shard now, or the turn was committed already. Nothing was written.
    #[error("the lease was lost")]
    LeaseLost,
    /// Somebody else changed it first; read again and repeat.
    #[error("changed by somebody else at the same time")]
    Conflict,
    /// A bound was passed; the text names it.
    #[error("{0}")]
    TooLarge(String),
    /// A tenant keeps as much as it may: nothing was written, reads go on.
    #[error("the tenant keeps all it may: {quota} is limited to {max}")]
    QuotaExceeded {
        /// The field of the quota.
        quota: &'static str,
        max: u64,
    },
    /// The disk is full: nothing was written, reads go on.
    #[error("the disk is full")]
    Full,
    /// Nothing was written; another try may succeed.
    #[error("the store is unavailable: {reason}")]
    Unavailable { reason: String },
    /// What is stored cannot be read, or durability cannot be promised any more. The node must
    /// stop.
    #[error("the store failed for good: {reason}")]
    Broken { reason: String },
}
