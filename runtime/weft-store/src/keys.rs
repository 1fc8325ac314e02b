//! API keys: who may do what. Only hashes are kept.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use weft_id::{App, Tenant};
use weft_orchestration::Timestamp;

use crate::Error;

#[async_trait]
pub trait Keys: Send + Sync {
    /// Adds a key, or replaces the one of that id.
    async fn put_key(&self, key: KeyRecord) -> Result<(), Error>;

    /// The key of that id; one index look-up.
    async fn key(&self, id: &KeyId) -> Result<Option<KeyRecord>, Error>;

    /// The keys of a tenant (`None`: the node's operator keys), oldest first.
    async fn keys(&self, tenant: Option<&Tenant>) -> Result<Vec<KeyRecord>, Error>;

    /// Adds a key in place of another one, which works until `until` and no longer than it would have
    /// anyway; both in one transaction.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    async fn rotate_key(&self, old: &KeyId, new: KeyRecord, until: Timestamp) -> Result<(), Error>;

    /// # Errors
    /// [`Error::NotFound`].
    async fn delete_key(&self, id: &KeyId) -> Result<(), Error>;
}

/// The public part of a key, by which it is looked up.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct KeyId(pub String);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    pub id: KeyId,
    /// `None` for a key of the node's operator.
    pub tenant: Option<Tenant>,
    pub role: Role,
    /// The apps that it is for; `None` for all of its tenant.
    pub apps: Option<Vec<App>>,
    /// SHA-256 of the whole key.
    pub hash: [u8; 32],
    /// What a person calls it.
    pub label: String,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
}

/// What the holder of a key may do, within the tenant of the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Read management objects.
    Reader,
    /// Call functions; start, query and manage instances.
    Invoker,
    /// Deploy apps, and all that an invoker and a reader may.
    Deployer,
    /// Everything in the tenant, keys included.
    Owner,
    /// The node and every tenant.
    Operator,
}
