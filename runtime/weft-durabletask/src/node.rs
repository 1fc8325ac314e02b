//! What the service asks of the node that it is part of.

use async_trait::async_trait;
use http::HeaderMap;
use tonic::Status;
use weft_id::AppId;
use weft_orchestration::Timestamp;
use weft_store::{Error, Instance};

/// The node as the service sees it.
#[async_trait]
pub trait Node: Send + Sync + 'static {
    /// The app that a call is for, by its metadata: `taskhub` names it, `authorization` holds the
    /// key.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, `PERMISSION_DENIED`, `INVALID_ARGUMENT`.
    async fn app(&self, metadata: &HeaderMap, permission: Permission) -> Result<AppId, Status>;

    /// Whether a component of the app is an orchestrator of that name.
    ///
    /// # Errors
    /// The store's.
    async fn has_orchestrator(&self, app: &AppId, name: &str) -> Result<bool, Error>;

    /// Whether the events of an instance are shown without payloads.
    ///
    /// # Errors
    /// The store's.
    async fn conceals(&self, instance: &Instance) -> Result<bool, Error>;

    /// Bytes of one input or event.
    fn payload_bytes_max(&self) -> usize;

    fn now(&self) -> Timestamp;
}

/// What a call needs a key for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// Looking at instances.
    Read,
    /// Starting and managing them.
    Invoke,
    /// Running the app's code.
    Serve,
}
