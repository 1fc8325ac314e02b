//! What is deployed: revisions of apps, and the components that they refer to.
//!
//! An app is a row of revisions, each a complete and unchanging description (JSON text whose shape
//! `weft-app` owns). One is active. Every deployment makes a new revision, so rolling back and
//! pinning an instance to what it started on need nothing further. Components are kept by digest.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use weft_id::{AppId, Tenant};
use weft_orchestration::{Payload, Timestamp};

use crate::Error;

#[async_trait]
pub trait Apps: Send + Sync {
    /// Keeps a component. Idempotent: equal bytes have equal digests.
    async fn put_component(&self, digest: &Digest, wasm: &[u8]) -> Result<(), Error>;

    async fn component(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Error>;

    /// Appends a revision, creates the app where it is new, and activates the revision; returns
    /// its number, which is one more than the app's latest.
    ///
    /// # Errors
    /// [`Error::Conflict`] when `expected` is not the active revision (`None`: the app must not
    /// exist).
    async fn append_revision(&self, app: &AppId, new: NewRevision) -> Result<RevisionId, Error>;

    /// Makes an existing revision the active one.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    async fn activate_revision(&self, app: &AppId, id: RevisionId) -> Result<(), Error>;

    async fn active_revision(&self, app: &AppId) -> Result<Option<Revision>, Error>;

    async fn revision(&self, app: &AppId, id: RevisionId) -> Result<Option<Revision>, Error>;

    /// All revisions, newest first.
    async fn revisions(&self, app: &AppId) -> Result<Vec<Revision>, Error>;

    /// The apps of all tenants, in order.
    async fn all_apps(&self) -> Result<Vec<AppId>, Error>;

    /// The apps of a tenant, by name.
    async fn apps(&self, tenant: &Tenant) -> Result<Vec<AppId>, Error>;

    /// Removes an app with its revisions, instances, inboxes, tasks, timers and key-value pairs.
    /// Components that no revision refers to any more may go at any later time.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    async fn delete_app(&self, app: &AppId) -> Result<(), Error>;
}

/// What [`Apps::append_revision`] takes.
#[derive(Debug, Clone)]
pub struct NewRevision {
    pub expected: Option<RevisionId>,
    pub deployment: Payload,
    pub now: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    pub id: RevisionId,
    pub deployment: Payload,
    pub created_at: Timestamp,
    pub active: bool,
}

/// The number of a revision within its app, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RevisionId(pub u32);

impl fmt::Display for RevisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// SHA-256 of a component's bytes, written as 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A text that is not 64 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 hexadecimal digits")]
pub struct NoDigest;

impl FromStr for Digest {
    type Err = NoDigest;

    fn from_str(text: &str) -> Result<Self, NoDigest> {
        if text.len() != 64 || !text.is_ascii() {
            return Err(NoDigest);
        }
        let mut bytes = [0; 32];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let digits = &text[2 * index..2 * index + 2];
            *byte = u8::from_str_radix(digits, 16).map_err(|_| NoDigest)?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
