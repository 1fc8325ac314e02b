//! The host as guests of a child reach it: every call is a message to the node.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use wasmtime_wasi_http::{Error as HttpError, WasiBody};
use weft_id::{AppId, EntityId, Function, InstanceId};
use weft_orchestration::{Kept, Payload, Timestamp};
use weft_store::{
    Digest, EntityFilter, EntityPage, Error, Family, Filter, KeyValue, LargePayloads, PageRequest,
};

use super::wire::{BoxError, HttpHead, Sender, ask, collect, message, whole};
use crate::services::{
    Client, ClientError, Components, Control, InstanceStatus, LogRecord, LogSink, Management,
    StartOptions,
};

/// Lines on their way to the node; more are dropped, and each invocation has its own bound before.
const LINES_MAX: usize = 4096;
/// Above the longest value.
const VALUE_BYTES_MAX: usize = 128 << 20;

/// What is asked of `wasi:keyvalue`; a value that is set is the body.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum KvAsk {
    Get { key: String },
    Set { key: String },
    Delete { key: String },
    Increment { key: String, delta: i64 },
    Keys { after: Option<String>, limit: u32 },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KvHead {
    #[serde(with = "super::wire::app_id")]
    pub(super) app: AppId,
    pub(super) bucket: String,
    pub(super) ask: KvAsk,
}

/// The answer; a value that was read is the body.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum KvAnswer {
    Value,
    Nothing,
    Sum(i64),
    Keys(Vec<String>),
    TooLarge(String),
    Denied(String),
    Unavailable,
}

/// What is asked of the interface `client`; inputs and payloads are the body.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ClientAsk {
    Start {
        name: String,
        instance: Option<InstanceId>,
    },
    Status {
        instance: InstanceId,
    },
    Wait {
        instance: InstanceId,
        timeout_ms: u64,
    },
    Raise {
        instance: InstanceId,
        name: String,
    },
    Control {
        instance: InstanceId,
        control: Control,
        reason: String,
    },
    Signal {
        entity: EntityId,
        operation: String,
        at: Option<Timestamp>,
    },
    State {
        entity: EntityId,
    },
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ClientHead {
    #[serde(with = "super::wire::app_id")]
    pub(super) app: AppId,
    pub(super) ask: ClientAsk,
}

/// A request of a guest to others; its body is the message's.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EgressHead {
    #[serde(with = "super::wire::app_id")]
    pub(super) app: AppId,
    pub(super) function: Function,
    pub(super) request: HttpHead,
    pub(super) connect_ms: u64,
    pub(super) first_byte_ms: u64,
    pub(super) between_bytes_ms: u64,
}

/// Why a request of a guest has no response: those of the engine's errors that say something to a
/// guest, and the text of all others.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum EgressError {
    Denied,
    Prohibited,
    Uri,
    Dns(String),
    DnsTimeout,
    ConnectTimeout,
    ReadTimeout,
    Refused,
    Other(String),
}

impl From<HttpError> for EgressError {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::HttpRequestDenied => Self::Denied,
            HttpError::DestinationIpProhibited => Self::Prohibited,
            HttpError::HttpRequestUriInvalid => Self::Uri,
            HttpError::DnsError { rcode, .. } => Self::Dns(rcode.unwrap_or_default()),
            HttpError::DnsTimeout => Self::DnsTimeout,
            HttpError::ConnectionTimeout => Self::ConnectTimeout,
            HttpError::ConnectionReadTimeout => Self::ReadTimeout,
            HttpError::Connect(_) | HttpError::ConnectionRefused => Self::Refused,
            other => Self::Other(format!("{other:?}")),
        }
    }
}

impl From<EgressError> for HttpError {
    fn from(error: EgressError) -> Self {
        match error {
            EgressError::Denied => Self::HttpRequestDenied,
            EgressError::Prohibited => Self::DestinationIpProhibited,
            EgressError::Uri => Self::HttpRequestUriInvalid,
            EgressError::Dns(rcode) => Self::DnsError {
                rcode: Some(rcode),
                info_code: None,
            },
            EgressError::DnsTimeout => Self::DnsTimeout,
            EgressError::ConnectTimeout => Self::ConnectionTimeout,
            EgressError::ReadTimeout => Self::ConnectionReadTimeout,
            EgressError::Refused => Self::ConnectionRefused,
            EgressError::Other(why) => Self::InternalError(Some(why)),
        }
    }
}

/// How long a guest waits for parts of an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Waits {
    pub(crate) connect: Duration,
    pub(crate) first_byte: Duration,
    pub(crate) between_bytes: Duration,
}

/// The node, from a child.
pub(crate) struct Remote {
    pub(super) sender: Sender,
    lines: mpsc::Sender<LogRecord>,
}

impl Remote {
    pub(super) fn new(sender: Sender) -> Self {
        let (lines, mut written) = mpsc::channel(LINES_MAX);
        let logs = sender.clone();
        tokio::spawn(async move {
            let mut records: Vec<LogRecord> = Vec::new();
            while written.recv_many(&mut records, 256).await > 0 {
                for record in records.drain(..) {
                    let Ok(message) = message("/log", &record, whole(Bytes::new())) else {
                        continue;
                    };
                    // Where the node does not answer, nobody waits for lines either.
                    let _ = ask::<()>(&logs, message).await;
                }
            }
        });
        Self { sender, lines }
    }

    /// Hands a guest's request to the node, which checks where it goes.
    pub(crate) async fn send(
        &self,
        app: &AppId,
        function: &Function,
        request: http::Request<WasiBody>,
        waits: Waits,
    ) -> Result<Response<WasiBody>, HttpError> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let head = EgressHead {
            app: app.clone(),
            function: function.clone(),
            request: HttpHead::of_request(&request),
            connect_ms: millis(waits.connect),
            first_byte_ms: millis(waits.first_byte),
            between_bytes_ms: millis(waits.between_bytes),
        };
        let internal = |error: BoxError| HttpError::InternalError(Some(error.to_string()));
        let body = request.into_body();
        let body = body.map_err(|error| io::Error::other(format!("{error:?}")));
        let asked = message("/egress", &head, body.boxed_unsync()).map_err(internal)?;
        let asked = ask::<Result<HttpHead, EgressError>>(&self.sender, asked).await;
        let (answer, body) = asked.map_err(internal)?;
        let body = body.map_err(HttpError::Hyper).boxed_unsync();
        answer?.into_response(body).map_err(internal)
    }

    async fn kv(
        &self,
        app: &AppId,
        bucket: &str,
        ask_for: KvAsk,
        value: &[u8],
    ) -> Result<(KvAnswer, Bytes), Error> {
        let head = KvHead {
            app: app.clone(),
            bucket: bucket.to_owned(),
            ask: ask_for,
        };
        let asked = async {
            let asked = message("/kv", &head, whole(value.to_vec()))?;
            let (answer, body) = ask::<KvAnswer>(&self.sender, asked).await?;
            Ok::<_, BoxError>((answer, collect(body, VALUE_BYTES_MAX).await?))
        };
        match asked.await {
            Ok((KvAnswer::TooLarge(why), _)) => Err(Error::TooLarge(why)),
            Ok((KvAnswer::Denied(why), _)) => Err(unavailable(&why)),
            Ok((KvAnswer::Unavailable, _)) => Err(unavailable("the store does not answer now")),
            Ok(answer) => Ok(answer),
            Err(error) => Err(unavailable(&error.to_string())),
        }
    }

    async fn client<T: DeserializeOwned>(
        &self,
        app: &AppId,
        ask_for: ClientAsk,
        payload: Option<&Payload>,
    ) -> Result<T, ClientError> {
        let head = ClientHead {
            app: app.clone(),
            ask: ask_for,
        };
        let text = payload.and_then(Payload::text).unwrap_or_default();
        let asked = async {
            let asked = message("/client", &head, whole(text.to_owned()))?;
            // What comes back may be longer than a head.
            let ((), body) = ask::<()>(&self.sender, asked).await?;
            let answer = collect(body, 4 * VALUE_BYTES_MAX).await?;
            Ok::<Result<T, ClientError>, BoxError>(serde_json::from_slice(&answer)?)
        };
        asked
            .await
            .unwrap_or_else(|error| Err(ClientError::Unavailable(error.to_string())))
    }
}

pub(super) fn unavailable(why: &str) -> Error {
    Error::Unavailable {
        reason: why.to_owned(),
    }
}

#[async_trait]
impl KeyValue for Remote {
    async fn kv_get(&self, app: &AppId, bucket: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let key = key.to_owned();
        let (answer, value) = self.kv(app, bucket, KvAsk::Get { key }, &[]).await?;
        Ok(matches!(answer, KvAnswer::Value).then(|| value.to_vec()))
    }

    async fn kv_set(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
        value: &[u8],
    ) -> Result<(), Error> {
        let key = key.to_owned();
        self.kv(app, bucket, KvAsk::Set { key }, value).await?;
        Ok(())
    }

    async fn kv_delete(&self, app: &AppId, bucket: &str, key: &str) -> Result<(), Error> {
        let key = key.to_owned();
        self.kv(app, bucket, KvAsk::Delete { key }, &[]).await?;
        Ok(())
    }

    async fn kv_increment(
        &self,
        app: &AppId,
        bucket: &str,
        key: &str,
        delta: i64,
    ) -> Result<i64, Error> {
        let key = key.to_owned();
        let ask = KvAsk::Increment { key, delta };
        match self.kv(app, bucket, ask, &[]).await? {
            (KvAnswer::Sum(sum), _) => Ok(sum),
            _ => Err(unavailable("the node answers something else")),
        }
    }

    async fn kv_keys(
        &self,
        app: &AppId,
        bucket: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, Error> {
        let after = after.map(str::to_owned);
        let ask = KvAsk::Keys { after, limit };
        match self.kv(app, bucket, ask, &[]).await? {
            (KvAnswer::Keys(keys), _) => Ok(keys),
            _ => Err(unavailable("the node answers something else")),
        }
    }
}

#[async_trait]
impl Client for Remote {
    async fn start(
        &self,
        app: &AppId,
        name: &str,
        input: Payload,
        instance: Option<InstanceId>,
    ) -> Result<InstanceId, ClientError> {
        let name = name.to_owned();
        let ask = ClientAsk::Start { name, instance };
        self.client(app, ask, Some(&input)).await
    }

    async fn status(
        &self,
        app: &AppId,
        instance: &InstanceId,
    ) -> Result<InstanceStatus, ClientError> {
        let instance = instance.clone();
        self.client(app, ClientAsk::Status { instance }, None).await
    }

    async fn wait_for_completion(
        &self,
        app: &AppId,
        instance: &InstanceId,
        timeout_ms: u64,
    ) -> Result<InstanceStatus, ClientError> {
        let ask = ClientAsk::Wait {
            instance: instance.clone(),
            timeout_ms,
        };
        self.client(app, ask, None).await
    }

    async fn raise_event(
        &self,
        app: &AppId,
        instance: &InstanceId,
        name: &str,
        payload: Payload,
    ) -> Result<(), ClientError> {
        let ask = ClientAsk::Raise {
            instance: instance.clone(),
            name: name.to_owned(),
        };
        self.client(app, ask, Some(&payload)).await
    }

    async fn control(
        &self,
        app: &AppId,
        instance: &InstanceId,
        control: Control,
        reason: &str,
    ) -> Result<(), ClientError> {
        let ask = ClientAsk::Control {
            instance: instance.clone(),
            control,
            reason: reason.to_owned(),
        };
        self.client(app, ask, None).await
    }

    async fn signal_entity(
        &self,
        app: &AppId,
        entity: &EntityId,
        operation: &str,
        input: Payload,
        at: Option<Timestamp>,
    ) -> Result<(), ClientError> {
        let ask = ClientAsk::Signal {
            entity: entity.clone(),
            operation: operation.to_owned(),
            at,
        };
        self.client(app, ask, Some(&input)).await
    }

    async fn entity_state(
        &self,
        app: &AppId,
        entity: &EntityId,
    ) -> Result<Option<Payload>, ClientError> {
        let entity = entity.clone();
        self.client(app, ClientAsk::State { entity }, None).await
    }
}

fn not_here<T>() -> Result<T, ClientError> {
    let why = "the interface management is not offered to functions in processes of their own";
    Err(ClientError::Unavailable(why.to_owned()))
}

#[async_trait]
impl Management for Remote {
    async fn start(
        &self,
        _: &AppId,
        _: &str,
        _: Payload,
        _: StartOptions,
    ) -> Result<InstanceId, ClientError> {
        not_here()
    }

    async fn instances(
        &self,
        _: &AppId,
        _: Filter,
        _: PageRequest,
    ) -> Result<(Vec<InstanceStatus>, Option<String>), ClientError> {
        not_here()
    }

    async fn rewind(&self, _: &AppId, _: &InstanceId, _: String) -> Result<(), ClientError> {
        not_here()
    }

    async fn restart(&self, _: &AppId, _: &InstanceId, _: bool) -> Result<InstanceId, ClientError> {
        not_here()
    }

    async fn purge(&self, _: &AppId, _: &InstanceId, _: Family) -> Result<u64, ClientError> {
        not_here()
    }

    async fn purge_matching(&self, _: &AppId, _: Filter, _: Family) -> Result<u64, ClientError> {
        not_here()
    }

    async fn entities(
        &self,
        _: &AppId,
        _: EntityFilter,
        _: PageRequest,
    ) -> Result<EntityPage, ClientError> {
        not_here()
    }
}

#[async_trait]
impl LargePayloads for Remote {
    async fn large(&self, _: &Kept) -> Result<Payload, Error> {
        // Only orchestrators read by name; everything else is handed the text.
        Err(Error::NotFound)
    }
}

#[async_trait]
impl Components for Remote {
    async fn wasm(&self, _: &Digest) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }
}

impl LogSink for Remote {
    fn log(&self, record: LogRecord) {
        // Full: the node is behind, and nothing waits for lines.
        let _ = self.lines.try_send(record);
    }
}

/// In a child, what a sandbox sends its guests' requests through.
pub(crate) type Way = Option<Arc<Remote>>;
