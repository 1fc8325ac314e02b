//! `weft:functions/client`: instances of the guest's own app.

use std::sync::Arc;

use weft_app::Reach;
use weft_id::{AppId, InstanceId};
use weft_orchestration::{Limits, Payload, Status, Timestamp};

use crate::bindings::weft::functions::client::{self, Error, Host, RuntimeStatus};
use crate::services::{Client, ClientError, Control, InstanceStatus};
use crate::state::{Role, State};

/// More than anybody reads.
pub(super) const REASON_BYTES_MAX: usize = 64 << 10;

pub(super) type Access = Result<(Arc<dyn Client>, AppId), Error>;

impl State {
    /// The client and the app that it acts on, for the roles that may use it.
    pub(super) fn client(&self) -> Access {
        match &self.role {
            Role::Http | Role::Activity => {
                let client = Arc::clone(&self.services.client);
                Ok((client, self.call.app.clone()))
            }
            Role::Entity(_) => Err(Error::Invalid(
                "weft:functions/client is not for entities: what they start and signal goes \
                 through weft:functions/entity-context, so that it counts with their state"
                    .to_owned(),
            )),
            Role::Orchestrator(_) | Role::Describe => Err(Error::Invalid(format!(
                "weft:functions/client is not for {}: an orchestrator uses call-sub-orchestrator \
                 and send-event of weft:functions/durable, or calls an activity",
                self.role.plural()
            ))),
        }
    }
}

async fn control(
    access: Access,
    instance: &str,
    control: Control,
    reason: &str,
) -> Result<(), Error> {
    let (client, app) = access?;
    let instance = parse(instance)?;
    bounded("a reason", REASON_BYTES_MAX, reason)?;
    Ok(client.control(&app, &instance, control, reason).await?)
}

impl Host for State {
    async fn start(
        &mut self,
        name: String,
        input: String,
        instance: Option<String>,
    ) -> wasmtime::Result<Result<String, Error>> {
        let (access, max) = (self.client(), self.bounds.payload_bytes_max);
        let granted = self.may(Reach::Function, &name);
        let input = self.logs.redact(input);
        let start = async {
            let (client, app) = access?;
            granted.map_err(Error::Invalid)?;
            let instance = instance.as_deref().map(parse).transpose()?;
            check_name("an orchestrator", &name)?;
            let input = payload(max, input)?;
            let id = client.start(&app, &name, input, instance);
            Ok(id.await?.to_string())
        };
        Ok(start.await)
    }

    async fn get_status(
        &mut self,
        instance: String,
    ) -> wasmtime::Result<Result<client::Status, Error>> {
        let access = self.client();
        let look = async {
            let (client, app) = access?;
            let status = client.status(&app, &parse(&instance)?).await?;
            Ok(status.into())
        };
        Ok(look.await)
    }

    async fn wait_for_completion(
        &mut self,
        instance: String,
        timeout_ms: f64,
    ) -> wasmtime::Result<Result<client::Status, Error>> {
        let access = self.client();
        let wait = async {
            let (client, app) = access?;
            let instance = parse(&instance)?;
            let timeout_ms = super::durable::millis(timeout_ms).map_err(Error::Invalid)?;
            let status = client.wait_for_completion(&app, &instance, timeout_ms);
            Ok(status.await?.into())
        };
        Ok(wait.await)
    }

    async fn raise_event(
        &mut self,
        instance: String,
        name: String,
        payload: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        let (access, max) = (self.client(), self.bounds.payload_bytes_max);
        let payload = self.logs.redact(payload);
        let raise = async {
            let (client, app) = access?;
            let instance = parse(&instance)?;
            check_name("an event", &name)?;
            let payload = self::payload(max, payload)?;
            let done = client.raise_event(&app, &instance, &name, payload);
            Ok(done.await?)
        };
        Ok(raise.await)
    }

    async fn terminate(
        &mut self,
        instance: String,
        reason: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        Ok(control(self.client(), &instance, Control::Terminate, &reason).await)
    }

    async fn suspend(
        &mut self,
        instance: String,
        reason: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        Ok(control(self.client(), &instance, Control::Suspend, &reason).await)
    }

    async fn resume(
        &mut self,
        instance: String,
        reason: String,
    ) -> wasmtime::Result<Result<(), Error>> {
        Ok(control(self.client(), &instance, Control::Resume, &reason).await)
    }
}

pub(super) fn parse(instance: &str) -> Result<InstanceId, Error> {
    let parsed = instance.parse();
    parsed.map_err(|error: weft_id::Error| Error::Invalid(error.to_string()))
}

pub(super) fn bounded(what: &str, max: usize, text: &str) -> Result<(), Error> {
    if text.len() > max {
        let len = text.len();
        let why = format!("{what} has at most {max} bytes, this one has {len}");
        return Err(Error::Invalid(why));
    }
    Ok(())
}

pub(super) fn check_name(what: &str, name: &str) -> Result<(), Error> {
    let max = Limits::default().name_bytes_max;
    if name.is_empty() || name.len() > max || name.chars().any(char::is_control) {
        let why = format!("the name of {what} has 1 to {max} bytes and no control characters");
        return Err(Error::Invalid(why));
    }
    Ok(())
}

/// JSON text as the management API takes it.
pub(super) fn payload(max: usize, text: String) -> Result<Payload, Error> {
    bounded("a payload", max, &text)?;
    serde_json::from_str::<serde::de::IgnoredAny>(&text)
        .map_err(|error| Error::Invalid(format!("a payload is JSON: {error}")))?;
    Ok(Payload::from(text))
}

impl From<ClientError> for Error {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::NotFound => Self::NotFound,
            ClientError::AlreadyExists => Self::AlreadyExists,
            ClientError::Ended => Self::Ended,
            ClientError::Invalid(why) => Self::Invalid(why),
            ClientError::Unavailable(why) => Self::Unavailable(why),
        }
    }
}

impl From<InstanceStatus> for client::Status {
    fn from(status: InstanceStatus) -> Self {
        Self {
            instance_id: status.instance.to_string(),
            name: status.name,
            runtime_status: match status.status {
                Status::Pending => RuntimeStatus::Pending,
                Status::Running => RuntimeStatus::Running,
                Status::Suspended => RuntimeStatus::Suspended,
                Status::Completed => RuntimeStatus::Completed,
                Status::Failed => RuntimeStatus::Failed,
                Status::Terminated => RuntimeStatus::Terminated,
            },
            created_ms: millis(status.created_at),
            updated_ms: millis(status.updated_at),
            input: status.input.and_then(text),
            custom_status: status.custom_status.and_then(text),
            output: status.output.and_then(text),
        }
    }
}

/// Payloads come with their texts; one that changes while a list is read may not, and is left out.
pub(super) fn text(payload: Payload) -> Option<String> {
    payload.text().map(str::to_owned)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a time in milliseconds stays below 2^53 for 285,000 years"
)]
pub(super) fn millis(time: Timestamp) -> f64 {
    time.as_millis() as f64
}
