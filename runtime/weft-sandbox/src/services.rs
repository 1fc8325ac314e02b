//! What guests reach through the sandbox: seams that the server fills, and tests as well.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use weft_id::{AppId, EntityId, Function, InstanceId};
use weft_orchestration::{Payload, Status, Timestamp};
use weft_store::{
    Blobs, Digest, EntityFilter, EntityPage, Family, Filter, IdReuse, KeyValue, LargePayloads,
    PageRequest,
};

use crate::metering::Metering;

/// Everything that is handed to a sandbox.
#[derive(Clone)]
pub struct Services {
    pub components: Arc<dyn Components>,
    pub client: Arc<dyn Client>,
    pub management: Arc<dyn Management>,
    pub key_value: Arc<dyn KeyValue>,
    pub blobs: Arc<dyn Blobs>,
    /// What replays name and guests are to read.
    pub payloads: Arc<dyn LargePayloads>,
    pub log: Arc<dyn LogSink>,
    pub secrets: Arc<dyn Secrets>,
    /// What tenants use, and may use.
    pub metering: Metering,
}

/// Where components are kept, for those whose native code is gone.
#[async_trait]
pub trait Components: Send + Sync {
    /// The WebAssembly of `digest`; `Ok(None)` when it is not stored.
    ///
    /// # Errors
    /// The store does not answer; the text goes to the log.
    async fn wasm(&self, digest: &Digest) -> Result<Option<Vec<u8>>, String>;
}

/// What apps keep secret.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// The secrets of an app, by name.
    ///
    /// # Errors
    /// For the guest, without a secret.
    async fn of_app(&self, app: &AppId) -> Result<Arc<BTreeMap<String, String>>, String>;
}

/// What the interface `client` offers to HTTP functions and activities: instances of one app.
#[async_trait]
pub trait Client: Send + Sync {
    /// Starts an orchestration and returns its instance id once the start is durable.
    ///
    /// # Errors
    /// [`ClientError::AlreadyExists`], [`ClientError::NotFound`] for an unknown orchestrator.
    async fn start(
        &self,
        app: &AppId,
        name: &str,
        input: Payload,
        instance: Option<InstanceId>,
    ) -> Result<InstanceId, ClientError>;

    /// # Errors
    /// [`ClientError::NotFound`].
    async fn status(
        &self,
        app: &AppId,
        instance: &InstanceId,
    ) -> Result<InstanceStatus, ClientError>;

    /// Waits at most `timeout_ms` for the instance to end, and returns its status then.
    ///
    /// # Errors
    /// [`ClientError::NotFound`].
    async fn wait_for_completion(
        &self,
        app: &AppId,
        instance: &InstanceId,
        timeout_ms: u64,
    ) -> Result<InstanceStatus, ClientError>;

    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ended`].
    async fn raise_event(
        &self,
        app: &AppId,
        instance: &InstanceId,
        name: &str,
        payload: Payload,
    ) -> Result<(), ClientError>;

    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ended`].
    async fn control(
        &self,
        app: &AppId,
        instance: &InstanceId,
        control: Control,
        reason: &str,
    ) -> Result<(), ClientError>;

    /// Sends an operation to an entity, which is created where it does not exist; durable when it
    /// returns.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] where the app has no such entity.
    async fn signal_entity(
        &self,
        app: &AppId,
        entity: &EntityId,
        operation: &str,
        input: Payload,
        at: Option<Timestamp>,
    ) -> Result<(), ClientError>;

    /// The state of an entity; `None` where it has none.
    ///
    /// # Errors
    /// [`ClientError::Unavailable`].
    async fn entity_state(
        &self,
        app: &AppId,
        entity: &EntityId,
    ) -> Result<Option<Payload>, ClientError>;
}

/// What the interface `management` offers to HTTP functions and activities: instances and entities of
/// one app.
#[async_trait]
pub trait Management: Send + Sync {
    /// As [`Client::start`].
    ///
    /// # Errors
    /// Those of [`Client::start`], and [`ClientError::Invalid`] for labels that are too many or too
    /// long.
    async fn start(
        &self,
        app: &AppId,
        name: &str,
        input: Payload,
        options: StartOptions,
    ) -> Result<InstanceId, ClientError>;

    /// Instances, newest first, and where the next page begins.
    ///
    /// # Errors
    /// [`ClientError::NotFound`] for a page token that no page gave.
    async fn instances(
        &self,
        app: &AppId,
        filter: Filter,
        page: PageRequest,
    ) -> Result<(Vec<InstanceStatus>, Option<String>), ClientError>;

    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Ended`] for one that has not failed,
    /// [`ClientError::Invalid`] for an open one.
    async fn rewind(
        &self,
        app: &AppId,
        instance: &InstanceId,
        reason: String,
    ) -> Result<(), ClientError>;

    /// # Errors
    /// [`ClientError::NotFound`]; [`ClientError::AlreadyExists`] for an open one in its own place.
    async fn restart(
        &self,
        app: &AppId,
        instance: &InstanceId,
        same_id: bool,
    ) -> Result<InstanceId, ClientError>;

    /// Returns how many instances were removed.
    ///
    /// # Errors
    /// [`ClientError::NotFound`], [`ClientError::Invalid`] for an open one.
    async fn purge(
        &self,
        app: &AppId,
        instance: &InstanceId,
        family: Family,
    ) -> Result<u64, ClientError>;

    /// Returns how many instances were removed; call again while any were.
    ///
    /// # Errors
    /// [`ClientError::Unavailable`].
    async fn purge_matching(
        &self,
        app: &AppId,
        filter: Filter,
        family: Family,
    ) -> Result<u64, ClientError>;

    /// # Errors
    /// [`ClientError::NotFound`] for a page token that no page gave.
    async fn entities(
        &self,
        app: &AppId,
        filter: EntityFilter,
        page: PageRequest,
    ) -> Result<EntityPage, ClientError>;
}

/// What a start may say beside what is started.
#[derive(Debug, Clone, Default)]
pub struct StartOptions {
    pub instance: Option<InstanceId>,
    pub tags: BTreeMap<String, String>,
    pub version: Option<String>,
    pub scheduled_at: Option<Timestamp>,
    /// Which instances of the id make way; ended ones where absent.
    pub reuse: Option<IdReuse>,
}

/// What [`Client::control`] does to an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Control {
    Terminate,
    Suspend,
    Resume,
}

/// An instance as a guest sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceStatus {
    pub instance: InstanceId,
    /// The orchestrator's.
    pub name: String,
    pub status: Status,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub input: Option<Payload>,
    pub custom_status: Option<Payload>,
    /// The result of a completed instance, or the failure of a failed one, as JSON text.
    pub output: Option<Payload>,
}

/// The errors of the interface `client`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum ClientError {
    #[error("there is no such instance")]
    NotFound,
    #[error("the instance exists already")]
    AlreadyExists,
    #[error("the instance has ended")]
    Ended,
    #[error("{0}")]
    Invalid(String),
    #[error("{0}")]
    Unavailable(String),
}

/// Takes what guests log. Called from within invocations: it must not block.
pub trait LogSink: Send + Sync {
    fn log(&self, record: LogRecord);
}

/// One line of a guest's log; whoever takes it adds the time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogRecord {
    #[serde(with = "crate::apart::app_id")]
    pub app: AppId,
    pub function: Function,
    /// The orchestration that the call belongs to.
    pub instance: Option<InstanceId>,
    pub level: LogLevel,
    /// Without control characters.
    pub text: String,
}

/// Levels of `wasi:logging`; standard output is `Info`, standard error `Error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

impl LogLevel {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}
