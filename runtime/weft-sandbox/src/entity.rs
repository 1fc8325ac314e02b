//! Operations of entities.
//!
//! Each runs in an instance of its own; what it leaves counts only where it succeeds.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use weft_orchestration::{Batch, BatchDone, Effect, Failure, Operation, Payload};

use crate::bindings::exports::weft::functions::entity;
use crate::config::Invocation;
use crate::loaded::Loaded;
use crate::running::in_slices;
use crate::state::{Role, text_of};
use crate::{CallError, Sandbox};

/// After that a batch begins no further operation; what is left is run later.
const BATCH_MAX: Duration = Duration::from_secs(1);

/// What an operation that runs has read and left so far.
#[derive(Debug, Default)]
pub(crate) struct Operating(Mutex<Left>);

#[derive(Debug, Default)]
pub(crate) struct Left {
    pub(crate) state: Option<Payload>,
    pub(crate) effects: Vec<Effect>,
}

impl Operating {
    fn on(state: Option<Payload>) -> Arc<Self> {
        let effects = Vec::new();
        Arc::new(Self(Mutex::new(Left { state, effects })))
    }

    pub(crate) fn left(&self) -> MutexGuard<'_, Left> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sandbox {
    /// Runs operations one after another, each on the state that the one before has left. What
    /// goes wrong within an operation is its result.
    ///
    /// # Errors
    /// Nothing was run, for a reason that lies outside of the operations: [`CallError::Busy`],
    /// [`CallError::Internal`], [`CallError::NoRole`], [`CallError::NoComponent`].
    pub async fn operate(&self, call: Invocation, batch: Batch) -> Result<BatchDone, CallError> {
        let meter = self.metering().call(&call.app, &call.function.name);
        let _admitted = self.gate().admit(&call, &meter).await?;
        if self.apart(&call.app.tenant).is_some() {
            return Err(CallError::NoRole(
                "entity that runs in a process of its tenant",
            ));
        }
        let loaded = self.load(&call).await?;
        let started = Instant::now();
        let mut done = BatchDone {
            results: Vec::new(),
            state: batch.state.clone(),
            effects: Vec::new(),
        };
        for operation in &batch.operations {
            if started.elapsed() > BATCH_MAX {
                break;
            }
            let operating = Operating::on(done.state.clone());
            let run = self.run_one(&call, &loaded, &batch, operation, &operating);
            let running = meter.begin();
            let ran = meter.timed(run).await;
            drop(running);
            if ran.as_ref().map_or(true, Result::is_err) {
                meter.failed();
            }
            let result = match ran {
                Ok(result) => result,
                Err(
                    error @ (CallError::Busy(_)
                    | CallError::Limited(_)
                    | CallError::Internal(_)
                    | CallError::NoRole(_)),
                ) => {
                    if done.results.is_empty() {
                        return Err(error);
                    }
                    break;
                }
                Err(error) => Err(error.to_failure()),
            };
            if result.is_ok() {
                let mut left = operating.left();
                done.state = left.state.take();
                done.effects.append(&mut left.effects);
            }
            done.results.push(result);
        }
        Ok(done)
    }

    async fn run_one(
        &self,
        call: &Invocation,
        loaded: &Loaded,
        batch: &Batch,
        operation: &Operation,
        operating: &Arc<Operating>,
    ) -> Result<Result<Payload, Failure>, CallError> {
        let indices: &entity::GuestIndices = loaded.entity()?;
        let timeout = Duration::from_millis(call.function.limits.timeout_ms.into());
        let role = Role::Entity(Arc::clone(operating));
        let mut store = self.store(call.clone(), role, timeout);
        let (name, key) = (batch.entity.name(), batch.entity.key());
        let (verb, input) = (operation.name.as_str(), text_of(&operation.input)?);
        let run = async {
            let instance = loaded.pre.instantiate_async(&mut store).await?;
            let guest = indices.load(&mut store, &instance)?;
            guest.call_run(&mut store, name, key, verb, input).await
        };
        let tenant = &call.app.tenant;
        let mut share = self.share(tenant);
        let ran = tokio::time::timeout(timeout, in_slices(&mut share, run)).await;
        let result = match ran {
            Ok(Ok(Ok(result))) => result,
            Ok(Err(panicked)) => {
                return Err(self.ward().panicked(tenant, call.component, panicked));
            }
            Ok(Ok(Err(error))) => return Err(store.data().explain(&error)),
            Err(_) => return Err(CallError::Timeout(timeout)),
        };
        let (len, max) = (
            result.as_ref().map_or(0, String::len) as u64,
            self.config().guest.output_bytes_max,
        );
        if len > max {
            return Err(CallError::Limit {
                what: "the bytes of an output",
                max,
                message: format!("this one has {len}"),
            });
        }
        Ok(result.map(Payload::from).map_err(Failure::from))
    }
}
