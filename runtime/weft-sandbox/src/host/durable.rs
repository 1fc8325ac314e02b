//! `weft:functions/durable`: what an orchestrator's code asks of its replay.
//!
//! Every error traps the guest; the replay keeps its own errors and fails the instance with the
//! first of them.

use std::sync::Arc;

use weft_id::InstanceId;
use weft_orchestration::{Failure, Payload, RetryPolicy, TaskHandle, check_start};

use crate::bindings::weft::functions::durable::Host;
use crate::bindings::weft::functions::types;
use crate::execution::Durable;
use crate::state::{Refused, Role, State, read};

impl State {
    pub(super) fn durable(&self) -> wasmtime::Result<&Arc<Durable>> {
        match &self.role {
            Role::Orchestrator(durable) => Ok(durable),
            Role::Http | Role::Activity | Role::Entity(_) | Role::Describe => {
                Err(Refused(format!(
                    "weft:functions/durable is not for {}: start an orchestration with \
                 weft:functions/client instead",
                    self.role.plural()
                ))
                .into())
            }
        }
    }
}

impl Host for State {
    async fn call_activity(
        &mut self,
        name: String,
        input: String,
        retry: Option<types::RetryPolicy>,
    ) -> wasmtime::Result<u32> {
        let retry = retry.map(policy).transpose()?;
        let mut replay = self.durable()?.replay();
        Ok(replay.call_activity(&name, input.into(), retry)?.0)
    }

    async fn call_sub_orchestrator(
        &mut self,
        name: String,
        input: String,
        instance: Option<String>,
        retry: Option<types::RetryPolicy>,
    ) -> wasmtime::Result<u32> {
        let retry = retry.map(policy).transpose()?;
        let instance = instance.as_deref().map(instance_id).transpose()?;
        let input = Payload::from(input);
        check_start(&name, &input).map_err(|reserved| Refused(reserved.to_string()))?;
        let mut replay = self.durable()?.replay();
        let task = replay.call_sub_orchestration(&name, input, instance, retry)?;
        Ok(task.0)
    }

    async fn create_timer(&mut self, delay_ms: f64) -> wasmtime::Result<u32> {
        let delay = millis(delay_ms).map_err(Refused)?;
        Ok(self.durable()?.replay().create_timer(delay)?.0)
    }

    async fn cancel(&mut self, task: u32) -> wasmtime::Result<()> {
        self.durable()?.replay().cancel(TaskHandle(task));
        Ok(())
    }

    async fn wait_for_event(&mut self, name: String) -> wasmtime::Result<u32> {
        Ok(self.durable()?.replay().wait_for_event(&name)?.0)
    }

    async fn send_event(
        &mut self,
        instance: String,
        name: String,
        payload: String,
    ) -> wasmtime::Result<()> {
        let instance = instance_id(&instance)?;
        let mut replay = self.durable()?.replay();
        Ok(replay.send_event(instance, &name, payload.into())?)
    }

    async fn is_ready(&mut self, task: u32) -> wasmtime::Result<bool> {
        Ok(self.durable()?.replay().is_ready(TaskHandle(task))?)
    }

    async fn wait_any(&mut self, tasks: Vec<u32>) -> wasmtime::Result<u32> {
        let tasks: Vec<TaskHandle> = tasks.into_iter().map(TaskHandle).collect();
        let position = self.durable()?.wait_any(&tasks).await?;
        Ok(u32::try_from(position).expect("the list came through a u32 length"))
    }

    async fn wait(&mut self, task: u32) -> wasmtime::Result<Result<String, types::Failure>> {
        let (task, services) = (TaskHandle(task), Arc::clone(&self.services));
        let durable = self.durable()?;
        durable.wait_any(&[task]).await?;
        let result = durable.replay().result(task)?;
        let result = result.expect("wait_any returns when the task is done");
        Ok(match result {
            Ok(payload) => Ok(read(&services, &payload).await?),
            Err(failure) => Err(failure.into()),
        })
    }

    async fn continue_as_new(&mut self, input: String, keep_events: bool) -> wasmtime::Result<()> {
        let mut replay = self.durable()?.replay();
        Ok(replay.continue_as_new(input.into(), keep_events)?)
    }

    async fn set_custom_status(&mut self, status: String) -> wasmtime::Result<()> {
        let mut replay = self.durable()?.replay();
        Ok(replay.set_custom_status(Payload::from(status))?)
    }

    async fn now_ms(&mut self) -> wasmtime::Result<f64> {
        let now = self.durable()?.replay().now();
        Ok(super::client::millis(now))
    }

    async fn new_guid(&mut self) -> wasmtime::Result<String> {
        Ok(self.durable()?.replay().new_guid())
    }

    async fn is_replaying(&mut self) -> wasmtime::Result<bool> {
        Ok(self.durable()?.replay().is_replaying())
    }

    async fn instance_id(&mut self) -> wasmtime::Result<String> {
        Ok(self.durable()?.replay().instance().to_string())
    }
}

fn instance_id(text: &str) -> wasmtime::Result<InstanceId> {
    let parsed = text.parse();
    Ok(parsed.map_err(|error: weft_id::Error| Refused(error.to_string()))?)
}

/// A number of milliseconds as a guest gives it.
pub(super) fn millis(value: f64) -> Result<u64, String> {
    if !value.is_finite() || value < 0.0 {
        return Err(format!("{value} is no number of milliseconds"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it was checked to be finite and not below zero; `as` saturates above"
    )]
    Ok(value.ceil() as u64)
}

fn policy(policy: types::RetryPolicy) -> wasmtime::Result<RetryPolicy> {
    let interval = |value: f64| millis(value).map_err(Refused);
    if !policy.coefficient.is_finite() {
        return Err(Refused("the coefficient of a retry policy is not finite".to_owned()).into());
    }
    Ok(RetryPolicy {
        max_attempts: policy.max_attempts,
        first_interval_ms: interval(policy.first_interval_ms)?,
        coefficient: policy.coefficient,
        max_interval_ms: policy.max_interval_ms.map(interval).transpose()?,
        total_timeout_ms: policy.total_timeout_ms.map(interval).transpose()?,
        non_retryable_kinds: policy.non_retryable_kinds,
    })
}

impl From<Failure> for types::Failure {
    fn from(failure: Failure) -> Self {
        Self {
            kind: failure.kind,
            message: failure.message,
            retryable: failure.retryable,
            details: failure.details,
        }
    }
}

impl From<types::Failure> for Failure {
    fn from(failure: types::Failure) -> Self {
        Self {
            kind: failure.kind,
            message: failure.message,
            retryable: failure.retryable,
            details: failure.details,
        }
    }
}
