//! Who managed what: one entry for every action of management.
//!
//! An entry is written before its action takes place, and completed with what came of it: an action
//! without an entry does not happen, and an entry without an outcome is one of which a crash has
//! taken the answer away.

use async_trait::async_trait;
use weft_id::Tenant;
use weft_orchestration::Timestamp;

use crate::{Error, KeyId, Role};

#[async_trait]
pub trait Audit: Send + Sync {
    /// Writes an entry; returns its number, which is higher than all before it.
    async fn begin_audit(&self, new: NewAudit) -> Result<AuditSeq, Error>;

    /// Completes an entry. One that is gone by then is none to complete.
    async fn end_audit(&self, seq: AuditSeq, outcome: AuditOutcome) -> Result<(), Error>;

    /// At most `limit` entries that fulfil the filter, the newest first.
    async fn audit(&self, filter: &AuditFilter, limit: u32) -> Result<Vec<AuditEntry>, Error>;

    /// Removes at most `limit` entries that are older; returns how many.
    async fn trim_audit(&self, before: Timestamp, limit: u32) -> Result<u64, Error>;
}

/// The place of an entry in the order of all entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AuditSeq(pub i64);

/// An action that is about to take place. Nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAudit {
    pub at: Timestamp,
    /// Whom it concerns; `None` for the node as a whole.
    pub tenant: Option<Tenant>,
    /// Whose key it was; `None` for the node itself.
    pub key: Option<KeyId>,
    pub role: Role,
    /// A verb and a noun: `put secret`.
    pub action: String,
    /// What it was done to: a path of names.
    pub target: String,
}

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditOutcome {
    /// As the status of an HTTP response.
    pub status: u16,
    /// The kind of problem, where it was refused or failed; else what was made by it.
    pub detail: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    pub seq: AuditSeq,
    pub of: NewAudit,
    /// `None` where it is under way, or was when the node ended.
    pub outcome: Option<AuditOutcome>,
}

/// All conditions must hold; empty ones always do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuditFilter {
    pub tenant: Option<Tenant>,
    /// Entries before this one.
    pub before: Option<AuditSeq>,
    /// Inclusive.
    pub from: Option<Timestamp>,
}

impl AuditFilter {
    /// Whether an entry fulfils every condition; stores with indexes must agree with this.
    #[must_use]
    pub fn matches(&self, entry: &AuditEntry) -> bool {
        let of = &entry.of;
        (self.tenant.is_none() || self.tenant == of.tenant)
            && self.before.is_none_or(|before| entry.seq < before)
            && self.from.is_none_or(|from| of.at >= from)
    }
}
