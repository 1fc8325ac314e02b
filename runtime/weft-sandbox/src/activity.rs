//! Calls of activities.

use std::sync::Arc;
use std::time::{Duration, Instant};

use weft_orchestration::{Failure, Payload};

use crate::bindings::exports::weft::functions::activity;
use crate::config::Invocation;
use crate::metering::CallMeter;
use crate::running::in_slices;
use crate::state::{Role, text_of};
use crate::{CallError, Sandbox};

/// Which call of an orchestration this is; all empty, with attempt 1, for a direct call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityCall {
    pub instance_id: String,
    /// The same for every attempt at one call.
    pub idempotency_key: String,
    /// From 1.
    pub attempt: u32,
}

impl ActivityCall {
    /// A call that no orchestration made.
    #[must_use]
    pub fn direct() -> Self {
        Self {
            instance_id: String::new(),
            idempotency_key: String::new(),
            attempt: 1,
        }
    }
}

/// An activity that ran to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    /// What it returned: its output, or the failure that its code reports.
    pub result: Result<Payload, Failure>,
    pub usage: Usage,
}

/// What one call took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// From admission to the end.
    pub duration: Duration,
    /// Time in which the guest or a host call of it ran.
    pub busy: Duration,
    /// Linear memory at the end, which is its maximum.
    pub memory_bytes: u64,
}

impl Sandbox {
    /// Runs an activity in a new instance; dropping the future stops it.
    ///
    /// # Errors
    /// See [`CallError`]; [`CallError::to_failure`] makes it what an orchestration records.
    pub async fn activity(
        &self,
        call: Invocation,
        input: Payload,
        of: ActivityCall,
    ) -> Result<Completed, CallError> {
        let meter = self.metering().call(&call.app, &call.function.name);
        let _admitted = self.gate().admit(&call, &meter).await?;
        let _running = meter.begin();
        let ran = self.run_activity(call, input, of, &meter).await;
        if ran.as_ref().map_or(true, |ran| ran.result.is_err()) {
            meter.failed();
        }
        ran
    }

    async fn run_activity(
        &self,
        call: Invocation,
        input: Payload,
        of: ActivityCall,
        meter: &CallMeter,
    ) -> Result<Completed, CallError> {
        let output_max = self.config().guest.output_bytes_max;
        let started = Instant::now();
        self.check(&call)?;
        if let Some(apart) = self.apart(&call.app.tenant) {
            return apart
                .activity(self, &call, text_of(&input)?, of, meter)
                .await;
        }
        let loaded = self.load(&call).await?;
        let indices = match loaded.plain.is_empty() {
            true => Some(loaded.activity()?),
            false => None,
        };
        let input = text_of(&input)?;
        let timeout = Duration::from_millis(call.function.limits.timeout_ms.into());
        let name = call.function.name.clone();
        let (tenant, digest) = (call.app.tenant.clone(), call.component);
        let mut share = self.share(&tenant);
        let (mut store, prepared) = match self.prepared().take(&call) {
            Some(ready) => {
                let mut store = ready.store;
                store.data_mut().begin(call.clone(), timeout);
                store.set_epoch_deadline(1);
                (store, Some(ready.instance))
            }
            None => (self.store(call.clone(), Role::Activity, timeout), None),
        };
        let mut cost = None;
        let of = activity::Call {
            instance_id: of.instance_id,
            idempotency_key: of.idempotency_key,
            attempt: of.attempt,
        };
        let run = async {
            let instance = match prepared {
                Some(instance) => instance,
                None => {
                    let began = Instant::now();
                    let made = loaded.pre.instantiate_async(&mut store).await?;
                    cost = Some(began.elapsed());
                    made
                }
            };
            let Some(indices) = indices else {
                let called = loaded.plain.call(&mut store, &instance, &name, input);
                return called.await.transpose();
            };
            let guest = indices.load(&mut store, &instance)?;
            let run = guest.call_run(&mut store, name.as_str(), input, &of);
            let result = run.await?;
            wasmtime::Result::Ok(Some(result.map_err(Failure::from)))
        };
        let ran = tokio::time::timeout(timeout, in_slices(&mut share, run)).await;
        meter.cpu(share.spent());
        let result = match ran {
            Ok(Ok(Ok(Some(result)))) => {
                self.prepare_next(call, Arc::clone(&loaded), cost);
                result
            }
            Ok(Ok(Ok(None))) => return Err(CallError::NoRole("function of that name")),
            Ok(Err(panicked)) => return Err(self.ward().panicked(&tenant, digest, panicked)),
            Ok(Ok(Err(error))) => return Err(store.data().explain(&error)),
            Err(_) => return Err(CallError::Timeout(timeout)),
        };
        let logs = &store.data().logs;
        let result = result
            .map(|output| logs.redact(output))
            .map_err(|failure| Failure {
                message: logs.redact(failure.message),
                details: failure.details.map(|details| logs.redact(details)),
                ..failure
            });
        let len = result.as_ref().map_or(0, String::len) as u64;
        if len > output_max {
            return Err(CallError::Limit {
                what: "the bytes of an output",
                max: output_max,
                message: format!("this one has {len}"),
            });
        }
        let memory_bytes = store.data().bounds.memory_bytes();
        share.measure(|| drop(store));
        Ok(Completed {
            result: result.map(Payload::from),
            usage: Usage {
                duration: started.elapsed(),
                busy: share.spent(),
                memory_bytes,
            },
        })
    }
}
