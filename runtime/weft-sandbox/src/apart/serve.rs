//! The node's answers to what a child asks on behalf of its guests.
//!
//! A child may say anything. It is answered for its own tenant only, and what a request may reach is
//! what this process knows of the function to be granted.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::Serialize;
use tokio::net::UnixStream;
use tokio::sync::Semaphore;
use wasmtime_wasi_http::Error as HttpError;
use weft_app::Reach;
use weft_id::{AppId, Function, Tenant};
use weft_orchestration::Payload;
use weft_store::{Error, KvLimits};

use super::remote::{
    ClientAsk, ClientHead, EgressError, EgressHead, KvAnswer, KvAsk, KvHead, Waits,
};
use super::remote_kept::SecretsHead;
use super::wire::{BoxBody, BoxError, HttpHead, answer, answer_all, collect, head, whole};
use crate::egress::Egress;
use crate::logs::clean;
use crate::services::{ClientError, LogLevel, LogRecord, Services};

/// Values, inputs and events; the store has bounds of its own below.
const BODY_BYTES_MAX: usize = 128 << 20;
/// Bodies that are in memory for one child at one time.
const BODIES_MAX: usize = 4;
/// Keys in one answer.
const KEYS_MAX: u32 = 1001;
/// One message of `wasi:logging`.
const RECORD_BYTES_MAX: usize = 512 << 10;
/// The longest wait that a child may ask for.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// The functions that were called in a child.
pub(super) type Functions = Arc<Mutex<HashMap<(AppId, Function), Arc<weft_app::Function>>>>;

struct Served {
    tenant: Tenant,
    services: Arc<Services>,
    egress: Arc<Egress>,
    functions: Functions,
    bodies: Semaphore,
}

/// Answers until the child closes its socket.
pub(super) async fn serve(
    tenant: Tenant,
    socket: UnixStream,
    services: Arc<Services>,
    egress: Arc<Egress>,
    functions: Functions,
) {
    let served = Arc::new(Served {
        tenant,
        services,
        egress,
        functions,
        bodies: Semaphore::new(BODIES_MAX),
    });
    let answer = move |request| {
        let served = Arc::clone(&served);
        async move { served.answer(request).await }
    };
    if let Err(error) = answer_all(socket, answer).await {
        tracing::debug!(%error, "a process of guests has closed its socket");
    }
}

impl Served {
    async fn answer(&self, request: Request<Incoming>) -> Result<Response<BoxBody>, BoxError> {
        let (parts, body) = request.into_parts();
        let headers = &parts.headers;
        match parts.uri.path() {
            "/kv" => {
                let head: KvHead = head(headers)?;
                self.own(&head.app)?;
                let _place = self.bodies.acquire().await?;
                let value = collect(body, KvLimits::VALUE_BYTES_MAX + 1).await?;
                let (said, value) = self.kv(head, &value).await;
                answer(&said, whole(value))
            }
            "/client" => {
                let head: ClientHead = head(headers)?;
                self.own(&head.app)?;
                let place = self.bodies.acquire().await?;
                let text = String::from_utf8(collect(body, BODY_BYTES_MAX).await?.to_vec())?;
                // A wait has none, and may be long.
                let _place = (!text.is_empty()).then_some(place);
                let said = self.client(head, Payload::from(text)).await?;
                answer(&(), whole(said))
            }
            "/log" => {
                let record: LogRecord = head(headers)?;
                self.own(&record.app)?;
                self.log(record);
                answer(&(), whole(Bytes::new()))
            }
            "/secrets" => {
                let head: SecretsHead = head(headers)?;
                self.own(&head.app)?;
                answer(&(), whole(self.secrets(&head.app).await?))
            }
            "/egress" => self.egress(head(headers)?, body).await,
            other => Err(format!("there is nothing at {other}").into()),
        }
    }

    /// Nothing of another tenant is even looked for.
    fn own(&self, app: &AppId) -> Result<(), BoxError> {
        if app.tenant == self.tenant {
            return Ok(());
        }
        let (tenant, of) = (&self.tenant, &app.tenant);
        tracing::error!(%tenant, %of, "a process of guests asks for what is another tenant's");
        Err("that is another tenant's".into())
    }

    /// What a child cannot know: whether its tenant is granted something. What its functions ask for
    /// they are held to there.
    fn may(&self, reach: Reach, name: &str) -> Result<(), String> {
        let grants = self.services.metering.of(&self.tenant).grants();
        if grants.allows(reach, name) {
            return Ok(());
        }
        let kind = reach.as_str();
        Err(format!("the {kind} {name} is not granted to the tenant"))
    }

    /// What a child says of lines, it may say of anything: they are cleaned and counted here.
    fn log(&self, record: LogRecord) {
        let meter = self.services.metering.call(&record.app, &record.function);
        let text = clean(&record.text);
        if record.text.len() <= RECORD_BYTES_MAX && meter.log(text.len() as u64) {
            self.services.log.log(LogRecord { text, ..record });
        }
    }

    async fn secrets(&self, app: &AppId) -> Result<Vec<u8>, BoxError> {
        let found = self.services.secrets.of_app(app).await;
        let granted = found.map(|all| {
            let granted = all.iter();
            let granted = granted.filter(|(name, _)| self.may(Reach::Secret, name).is_ok());
            granted
                .map(|(name, secret)| (name.clone(), secret.clone()))
                .collect::<BTreeMap<_, _>>()
        });
        Ok(serde_json::to_vec(&granted)?)
    }

    async fn kv(&self, head: KvHead, value: &[u8]) -> (KvAnswer, Bytes) {
        let (store, app, bucket) = (&self.services.key_value, &head.app, &head.bucket);
        let mut read = Bytes::new();
        if let Err(why) = self.may(Reach::KeyValue, bucket) {
            return (KvAnswer::Denied(why), read);
        }
        let done = match head.ask {
            KvAsk::Get { key } => store.kv_get(app, bucket, &key).await.map(|found| {
                found.map_or(KvAnswer::Nothing, |value| {
                    read = value.into();
                    KvAnswer::Value
                })
            }),
            KvAsk::Set { key } => {
                let set = store.kv_set(app, bucket, &key, value).await;
                set.map(|()| KvAnswer::Nothing)
            }
            KvAsk::Delete { key } => {
                let deleted = store.kv_delete(app, bucket, &key).await;
                deleted.map(|()| KvAnswer::Nothing)
            }
            KvAsk::Increment { key, delta } => {
                let sum = store.kv_increment(app, bucket, &key, delta).await;
                sum.map(KvAnswer::Sum)
            }
            KvAsk::Keys { after, limit } => {
                let keys = store.kv_keys(app, bucket, after.as_deref(), limit.min(KEYS_MAX));
                let keys = keys.await;
                keys.map(KvAnswer::Keys)
            }
        };
        let said = done.unwrap_or_else(|error| match error {
            Error::TooLarge(why) => KvAnswer::TooLarge(why),
            _ => KvAnswer::Unavailable,
        });
        (said, read)
    }

    async fn client(&self, head: ClientHead, payload: Payload) -> Result<Vec<u8>, BoxError> {
        let (client, app) = (&self.services.client, &head.app);
        match head.ask {
            ClientAsk::Start { name, instance } => {
                if let Err(why) = self.may(Reach::Function, &name) {
                    return json(Err::<(), _>(ClientError::Invalid(why)));
                }
                json(client.start(app, &name, payload, instance).await)
            }
            ClientAsk::Status { instance } => json(client.status(app, &instance).await),
            ClientAsk::Wait {
                instance,
                timeout_ms,
            } => {
                let wait = client.wait_for_completion(app, &instance, timeout_ms);
                json(wait.await)
            }
            ClientAsk::Raise { instance, name } => {
                json(client.raise_event(app, &instance, &name, payload).await)
            }
            ClientAsk::Control {
                instance,
                control,
                reason,
            } => json(client.control(app, &instance, control, &reason).await),
            ClientAsk::Signal {
                entity,
                operation,
                at,
            } => {
                if let Err(why) = self.may(Reach::Function, entity.name()) {
                    return json(Err::<(), _>(ClientError::Invalid(why)));
                }
                let signal = client.signal_entity(app, &entity, &operation, payload, at);
                json(signal.await)
            }
            ClientAsk::State { entity } => json(client.entity_state(app, &entity).await),
        }
    }

    async fn egress(
        &self,
        head: EgressHead,
        body: Incoming,
    ) -> Result<Response<BoxBody>, BoxError> {
        self.own(&head.app)?;
        let app = head.app;
        let refused = |error: HttpError| {
            let said = Err::<HttpHead, _>(EgressError::from(error));
            answer(&said, whole(Bytes::new()))
        };
        let known = {
            let functions = self.functions.lock().expect("no panic while it is held");
            functions.get(&(app.clone(), head.function)).cloned()
        };
        let Some(function) = known else {
            return refused(HttpError::HttpRequestDenied);
        };
        let bounded = |ms: u64| Duration::from_millis(ms).min(WAIT_MAX);
        let waits = Waits {
            connect: bounded(head.connect_ms),
            first_byte: bounded(head.first_byte_ms),
            between_bytes: bounded(head.between_bytes_ms),
        };
        let body = body.map_err(HttpError::Hyper).boxed_unsync();
        let request = head.request.into_request(body)?;
        let grants = &function.allowed_outbound_hosts;
        let meter = self.services.metering.call(&app, &function.name);
        match self.egress.forward(grants, meter, request, waits).await {
            Ok(response) => {
                let said = Ok::<_, EgressError>(HttpHead::of_response(&response));
                let body = response.into_body();
                let body = body.map_err(|error| io::Error::other(format!("{error:?}")));
                answer(&said, body.boxed_unsync())
            }
            Err((error, said)) => {
                if let Some(text) = said {
                    self.services.log.log(LogRecord {
                        app,
                        function: function.name.clone(),
                        instance: None,
                        level: LogLevel::Warn,
                        text,
                    });
                }
                refused(error)
            }
        }
    }
}

fn json<T: Serialize>(answer: Result<T, ClientError>) -> Result<Vec<u8>, BoxError> {
    Ok(serde_json::to_vec(&answer)?)
}
