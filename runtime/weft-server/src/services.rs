//! What guests reach through the sandbox, over the store and the book of logs.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use weft_api::LogBook;
use weft_api::logs::{Level, Record, Source};
use weft_id::{AppId, EntityId, InstanceId, InstanceKey};
use weft_orchestration::{Failure, Message, Operation, Outcome, Payload, Timestamp};
use weft_sandbox::{
    Client, ClientError, Components, Control, InstanceStatus, LogLevel, LogRecord, LogSink,
    StartOptions,
};
use weft_store::{Digest, Error, Instance, Store, fill_in, until_ended, with_text};
use weft_worker::Clock;

use crate::served::Served;

/// The longest that a guest waits for an instance in one call; its own time ends before.
const WAIT_MAX: Duration = Duration::from_secs(900);

/// Components as the store keeps them.
pub(crate) struct StoredComponents(pub(crate) Arc<dyn Store>);

#[async_trait]
impl Components for StoredComponents {
    async fn wasm(&self, digest: &Digest) -> Result<Option<Vec<u8>>, String> {
        self.0.component(digest).await.map_err(|e| e.to_string())
    }
}

/// Instances, for functions that start and manage some.
pub(crate) struct InstanceClient {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) served: Served,
    pub(crate) clock: Arc<dyn Clock>,
}

#[async_trait]
impl Client for InstanceClient {
    async fn start(
        &self,
        app: &AppId,
        name: &str,
        input: Payload,
        instance: Option<InstanceId>,
    ) -> Result<InstanceId, ClientError> {
        let options = StartOptions {
            instance,
            ..StartOptions::default()
        };
        self.start_with(app, name, input, options).await
    }

    async fn status(
        &self,
        app: &AppId,
        instance: &InstanceId,
    ) -> Result<InstanceStatus, ClientError> {
        let key = InstanceKey::new(app.clone(), instance.clone());
        let found = self.store.instance(&key).await.map_err(refused)?;
        self.full_status(found).await
    }

    async fn wait_for_completion(
        &self,
        app: &AppId,
        instance: &InstanceId,
        timeout_ms: u64,
    ) -> Result<InstanceStatus, ClientError> {
        let timeout = Duration::from_millis(timeout_ms).min(WAIT_MAX);
        let key = InstanceKey::new(app.clone(), instance.clone());
        let found = until_ended(&*self.store, &key, Instant::now() + timeout).await;
        self.full_status(found.map_err(refused)?).await
    }

    async fn raise_event(
        &self,
        app: &AppId,
        instance: &InstanceId,
        name: &str,
        payload: Payload,
    ) -> Result<(), ClientError> {
        let name = name.to_owned();
        self.send(app, instance, Message::Event { name, payload })
            .await
    }

    async fn control(
        &self,
        app: &AppId,
        instance: &InstanceId,
        control: Control,
        reason: &str,
    ) -> Result<(), ClientError> {
        let reason = reason.to_owned();
        let message = match control {
            Control::Terminate => Message::Terminate {
                reason,
                recursive: true,
            },
            Control::Suspend => Message::Suspend { reason },
            Control::Resume => Message::Resume { reason },
        };
        self.send(app, instance, message).await
    }

    async fn signal_entity(
        &self,
        app: &AppId,
        entity: &EntityId,
        operation: &str,
        input: Payload,
        at: Option<Timestamp>,
    ) -> Result<(), ClientError> {
        let found = self.served.entity(app, entity.name()).await;
        if !found.map_err(refused)? {
            let why = format!("the app has no entity {}", entity.name());
            return Err(ClientError::Invalid(why));
        }
        let message = Message::Operation(Operation {
            name: operation.to_owned(),
            input,
            caller: None,
            reply: None,
            at,
            trace_parent: None,
        });
        self.send(app, &entity.instance(), message).await
    }

    async fn entity_state(
        &self,
        app: &AppId,
        entity: &EntityId,
    ) -> Result<Option<Payload>, ClientError> {
        let found = self.store.entity(app, entity).await.map_err(refused)?;
        let Some(state) = found.and_then(|entity| entity.state) else {
            return Ok(None);
        };
        let state = with_text(&*self.store, &state).await.map_err(refused)?;
        Ok(Some(state))
    }
}

impl InstanceClient {
    async fn full_status(&self, found: Option<Instance>) -> Result<InstanceStatus, ClientError> {
        let mut found = found.ok_or(ClientError::NotFound)?;
        fill_in(&*self.store, &mut found).await.map_err(refused)?;
        Ok(status(found))
    }

    async fn send(
        &self,
        app: &AppId,
        instance: &InstanceId,
        message: Message,
    ) -> Result<(), ClientError> {
        let key = InstanceKey::new(app.clone(), instance.clone());
        let sent = self.store.send(&key, message, self.clock.now()).await;
        sent.map_err(refused)
    }
}

pub(crate) fn refused(error: Error) -> ClientError {
    match error {
        Error::NotFound => ClientError::NotFound,
        Error::AlreadyExists { .. } => ClientError::AlreadyExists,
        Error::Ended { .. } => ClientError::Ended,
        Error::TooLarge(why) => ClientError::Invalid(why),
        error @ Error::QuotaExceeded { .. } => ClientError::Unavailable(error.to_string()),
        error @ (Error::StillOpen { .. } | Error::NotRewindable(_)) => {
            ClientError::Invalid(error.to_string())
        }
        error @ (Error::LeaseLost
        | Error::Conflict
        | Error::Full
        | Error::Unavailable { .. }
        | Error::Broken { .. }) => {
            tracing::warn!(%error, "the store refused a call of a function");
            ClientError::Unavailable("the store does not answer now".to_owned())
        }
    }
}

pub(crate) fn status(instance: Instance) -> InstanceStatus {
    InstanceStatus {
        instance: instance.key.id,
        name: instance.name,
        status: instance.status,
        created_at: instance.created_at,
        updated_at: instance.updated_at,
        input: Some(instance.input),
        custom_status: instance.custom_status,
        output: instance.outcome.map(|outcome| match outcome {
            Outcome::Completed(output) => output,
            Outcome::Failed(failure) => failure_json(&failure),
            Outcome::Terminated { reason } => {
                Payload::from(serde_json::Value::from(reason).to_string())
            }
        }),
    }
}

fn failure_json(failure: &Failure) -> Payload {
    let details = failure.details.as_deref();
    let details = details.map(|text| serde_json::from_str(text).unwrap_or_else(|_| text.into()));
    let details: serde_json::Value = details.unwrap_or_default();
    let failure = serde_json::json!({
        "kind": failure.kind,
        "message": failure.message,
        "retryable": failure.retryable,
        "details": details,
    });
    Payload::from(failure.to_string())
}

/// Guests' lines in the book of logs.
pub(crate) struct BookSink {
    pub(crate) book: Arc<LogBook>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl LogSink for BookSink {
    fn log(&self, record: LogRecord) {
        let level = match record.level {
            LogLevel::Trace => Level::Trace,
            LogLevel::Debug => Level::Debug,
            LogLevel::Info => Level::Info,
            LogLevel::Warn => Level::Warn,
            LogLevel::Error | LogLevel::Critical => Level::Error,
        };
        self.book.push(
            &record.app,
            Record {
                at: self.clock.now(),
                level,
                source: Source::Log,
                function: Some(record.function),
                instance: record.instance,
                message: record.text,
            },
        );
    }
}
