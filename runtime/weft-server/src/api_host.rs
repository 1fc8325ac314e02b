//! The node as the management API sees it.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use weft_api::{
    Call, Deciders, DeployedWorkflow, FunctionUsage, Host, InvokeError, Invoked, PrepareError,
    Prepared, Problem, Quarantined, Rehearsed, Responders, TenantUsage, Used,
};
use weft_app::{FunctionKind, Grants};
use weft_durabletask::Workers;
use weft_id::{AppId, Component, Tenant};
use weft_orchestration::{Failure, Limits, Rehearsal, Replay, Timestamp};
use weft_sandbox::{
    ActivityCall, CallError, Cause, Invocation, Limited, MeterUsage, Metering, Sandbox, UploadError,
};
use weft_store::{Digest, Error, Instance, RevisionId, Sealed, SealedKind, Store, fill_in_within};
use weft_worker::Clock;
use weft_workflow::run::CallbackKey;
use weft_workflow::trigger::{Entry, Told, WATCH};

use crate::deployments::Deployments;
use crate::quota::Quotas;
use crate::runner::run_bytes_max;
use crate::served::Served;
use crate::triggers::Triggers;
use crate::vault::Vaults;
use crate::workflows::{Workflows, run_of};

pub(crate) struct ApiHost {
    pub(crate) sandbox: Sandbox,
    /// Where guests run; requests of the control plane are answered elsewhere.
    pub(crate) guests: Handle,
    pub(crate) deployments: Arc<Deployments>,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) workers: Workers,
    pub(crate) served: Served,
    pub(crate) workflows: Arc<Workflows>,
    pub(crate) responders: Responders,
    pub(crate) stateless: Arc<dyn Store>,
    pub(crate) triggers: Arc<Triggers>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) vaults: Arc<Vaults>,
    pub(crate) limits: Limits,
    pub(crate) quotas: Arc<Quotas>,
    pub(crate) metering: Metering,
    pub(crate) started: Timestamp,
}

#[async_trait]
impl Host for ApiHost {
    async fn prepare(
        &self,
        tenant: &Tenant,
        name: &Component,
        wasm: Bytes,
    ) -> Result<Prepared, PrepareError> {
        let (sandbox, tenant, name) = (self.sandbox.clone(), tenant.clone(), name.clone());
        let prepare = async move { sandbox.prepare(&tenant, &name, wasm).await };
        let prepared = self.with_guests(prepare).await.map_err(refused)?;
        Ok(Prepared {
            digest: prepared.digest,
            compile_ms: millis(prepared.compile_time),
            functions: prepared.functions,
        })
    }

    async fn invoke(&self, call: Call) -> Result<Invoked, InvokeError> {
        let invocation = Invocation {
            app: call.app,
            function: Arc::new(call.function),
            component: call.digest,
            instance: None,
        };
        let (sandbox, direct) = (self.sandbox.clone(), ActivityCall::direct());
        let run = async move { sandbox.activity(invocation, call.input, direct).await };
        let ran = self.with_guests(run).await.map_err(failed)?;
        Ok(Invoked {
            output: ran.result.map_err(InvokeError::Failed)?,
            duration_us: micros(ran.usage.duration),
            cpu_us: Some(micros(ran.usage.busy)),
            memory_bytes: ran.usage.memory_bytes,
        })
    }

    async fn deployed(&self, app: &AppId) {
        // What is sealed goes with an app that was deleted.
        self.vaults.forget(app);
        if let Err(error) = self.deployments.reload(app).await {
            tracing::error!(%app, %error, "a deployment cannot be read, the next request tries again");
            self.deployments.forget(app);
        }
        if self.deployments.known(app).is_none() {
            self.workflows.forget(app);
        }
        // What fails now is done by the next sweep.
        if let Err(error) = self.triggers.reconcile(app).await {
            tracing::warn!(%app, %error, "the triggers of its workflows are not watched yet");
        }
    }

    async fn has_orchestrator(&self, app: &AppId, name: &str) -> Result<Option<bool>, Error> {
        self.served.orchestrator(app, name).await
    }

    async fn conceals(&self, instance: &Instance) -> Result<bool, Error> {
        self.workflows.conceals(instance).await
    }

    async fn rehearse(
        &self,
        instance: &Instance,
        revision: RevisionId,
    ) -> Result<Rehearsed, Error> {
        let key = &instance.key;
        if instance.name == WATCH {
            // It takes a revision over by itself, with a history of its own.
            return Ok(Rehearsed::Follows);
        }
        let kind = FunctionKind::Orchestrator;
        let found = self
            .deployments
            .find(&key.app, Some(revision), &instance.name, kind)
            .await?;
        let Some((_, mut invocation)) = found else {
            return self.rehearse_workflow(instance, revision).await;
        };
        invocation.instance = Some(key.id.clone());
        let recorded = self.store.history(key, 0, u64::MAX).await?;
        let Some(rehearsal) = Rehearsal::of(recorded.events) else {
            return Ok(Rehearsed::Follows);
        };
        let history = rehearsal.history.clone();
        let replay = Replay::new(key.id.clone(), history, self.limits);
        let (sandbox, now) = (self.sandbox.clone(), self.clock.now());
        let run = async move {
            let mut execution = sandbox.open(invocation, replay).await?;
            execution.turn(Vec::new(), now).await
        };
        Ok(match self.with_guests(run).await {
            Ok(turn) => match rehearsal.judge(&turn) {
                Ok(()) => Rehearsed::Follows,
                Err(why) => Rehearsed::Diverges(why),
            },
            Err(error) => Rehearsed::NotRun(error.to_string()),
        })
    }

    async fn unserved(&self, instance: &Instance) -> Result<Vec<String>, Error> {
        let key = &instance.key;
        if instance.name == WATCH || !self.workers.has(&key.app).await? {
            return Ok(Vec::new());
        }
        let activities = self.workers.unserved(key).into_iter();
        let mut unserved: Vec<_> = activities.map(|name| format!("activity {name}")).collect();
        let (name, kind) = (instance.name.as_str(), FunctionKind::Orchestrator);
        let found = self
            .deployments
            .find(&key.app, instance.revision, name, kind)
            .await?;
        let version = instance.version.as_deref();
        let kind = weft_durabletask::Kind::Orchestration;
        let found = found.is_some() || {
            let workflow = self
                .workflows
                .find(&key.app, instance.revision, name)
                .await?;
            workflow.is_some()
        };
        if !found && !self.workers.serve(&key.app, kind, name, version) {
            unserved.insert(0, format!("orchestrator {name}"));
        }
        Ok(unserved)
    }

    async fn workflow(
        &self,
        app: &AppId,
        revision: Option<RevisionId>,
        name: &str,
    ) -> Result<Option<Result<Arc<DeployedWorkflow>, Failure>>, Error> {
        self.workflows.find(app, revision, name).await
    }

    async fn workflows(&self, app: &AppId) -> Result<Vec<String>, Error> {
        self.workflows.names(app).await
    }

    fn callback_key(&self) -> CallbackKey {
        self.workflows.callback_key()
    }

    async fn access_key(&self, app: &AppId, workflow: &str) -> Result<CallbackKey, Error> {
        let ids = self.vaults.access_keys(app).await?;
        let name = weft_id::Function::nearest(workflow);
        let id = name.and_then(|name| ids.get(name.as_str()).cloned());
        Ok(self.workflows.access_key(&id.unwrap_or_default()))
    }

    fn responders(&self) -> &Responders {
        &self.responders
    }

    async fn fire(
        &self,
        app: &AppId,
        workflow: &str,
        trigger: &str,
        told: Told,
    ) -> Result<(), Error> {
        self.triggers.fire(app, workflow, trigger, &told).await
    }

    async fn trigger_history(
        &self,
        app: &AppId,
        workflow: &str,
        trigger: &str,
    ) -> Result<Vec<Entry>, Error> {
        let found = self.triggers.histories(app, workflow, trigger).await?;
        Ok(found.unwrap_or_default())
    }

    fn deciders(&self) -> &Deciders {
        &self.triggers.deciders
    }

    fn stateless(&self) -> &Arc<dyn Store> {
        &self.stateless
    }

    fn seal(&self, app: &AppId, kind: SealedKind, name: &str, plain: &str) -> Vec<u8> {
        self.vaults.sealer().seal(app, kind, name, plain)
    }

    fn unseal(&self, app: &AppId, kind: SealedKind, sealed: &Sealed) -> Result<String, String> {
        self.vaults.sealer().unseal(app, kind, sealed)
    }

    fn sealed_changed(&self, app: &AppId) {
        self.vaults.forget(app);
    }

    fn admit(&self, tenant: &Tenant) -> Result<(), Problem> {
        self.metering.of(tenant).admit_request().map_err(limited)
    }

    async fn has_room(&self, tenant: &Tenant, bytes: u64) -> Result<(), Error> {
        self.quotas.has_room(tenant, bytes).await
    }

    async fn terms_changed(&self, tenant: &Tenant) -> Result<(), Error> {
        self.quotas.read_terms(Some(tenant)).await
    }

    fn grants(&self, tenant: &Tenant) -> Arc<Grants> {
        self.metering.of(tenant).grants()
    }

    async fn usage(&self, tenant: &Tenant) -> Result<TenantUsage, Error> {
        let meter = self.metering.of(tenant);
        let functions = meter.functions().into_iter();
        Ok(TenantUsage {
            since: self.started,
            quota: meter.quota(),
            total: used(meter.usage()),
            by_function: functions
                .map(|(app, function, usage)| FunctionUsage {
                    app,
                    function,
                    used: used(usage),
                })
                .collect(),
            running: meter.running(),
            memory_bytes: meter.memory_bytes(),
            kept: self.quotas.kept(tenant).await?,
        })
    }

    fn quarantined(&self, tenant: &Tenant) -> Vec<Quarantined> {
        let now = self.clock.now().as_millis();
        let found = self.sandbox.quarantines(tenant).into_iter();
        found
            .map(|(digest, found)| Quarantined {
                digest,
                cause: match found.cause {
                    Cause::Panic => "host-panic",
                    Cause::Compiler => "compiler",
                },
                failures: found.failures,
                message: found.message,
                since: Timestamp::from_millis(now.saturating_sub(millis(found.since))),
            })
            .collect()
    }

    fn release(&self, tenant: &Tenant, digest: &Digest) -> bool {
        self.sandbox.release(tenant, *digest)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn readiness(&self) -> Result<(), String> {
        if self.sandbox.is_healthy() {
            Ok(())
        } else {
            Err("the thread that stops endless loops is behind".to_owned())
        }
    }
}

impl ApiHost {
    /// Runs work among the guests. Dropping the future stops it.
    async fn with_guests<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        match AbortOnDropHandle::new(self.guests.spawn(work)).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The node ends, and with it whoever asked.
                Err(_) => std::future::pending().await,
            },
        }
    }

    async fn rehearse_workflow(
        &self,
        instance: &Instance,
        revision: RevisionId,
    ) -> Result<Rehearsed, Error> {
        let (key, name) = (&instance.key, &instance.name);
        let found = self.workflows.find(&key.app, Some(revision), name).await?;
        let deployed = match found {
            Some(Ok(deployed)) => deployed,
            Some(Err(failure)) => return Ok(Rehearsed::Diverges(failure.message)),
            None => {
                let why = format!("revision {revision} has no orchestrator {name}");
                return Ok(Rehearsed::Diverges(why));
            }
        };
        let mut recorded = self.store.history(key, 0, u64::MAX).await?;
        match fill_in_within(&*self.store, &mut recorded, run_bytes_max(self.limits)).await {
            Ok(()) => {}
            Err(Error::TooLarge(why)) => return Ok(Rehearsed::Diverges(why)),
            Err(error) => return Err(error),
        }
        let Some(rehearsal) = Rehearsal::of(recorded.events) else {
            return Ok(Rehearsed::Follows);
        };
        let history = rehearsal.history.clone();
        let mut run = run_of(&deployed, key.id.clone(), history, self.limits);
        let turn = run.turn(Vec::new(), self.clock.now());
        Ok(match rehearsal.judge(&turn) {
            Ok(()) => Rehearsed::Follows,
            Err(why) => Rehearsed::Diverges(why),
        })
    }
}

fn refused(error: UploadError) -> PrepareError {
    let text = error.to_string();
    match error {
        UploadError::Empty
        | UploadError::NotWasm
        | UploadError::NativeCode
        | UploadError::CoreModule
        | UploadError::Malformed(_)
        | UploadError::Invalid(_) => PrepareError::NotAComponent(text),
        UploadError::TooLarge { .. }
        | UploadError::Limit { .. }
        | UploadError::CompileLimit(_)
        | UploadError::Quarantined(_)
        | UploadError::Unfit(_) => PrepareError::Limit(text),
        UploadError::Isolated { .. }
        | UploadError::Unlinkable(_)
        | UploadError::WrongWorld { .. }
        | UploadError::Describe(_) => PrepareError::WrongWorld(text),
        UploadError::Busy(_) => PrepareError::Busy,
        UploadError::Internal(_) => PrepareError::Internal(text),
    }
}

/// As the answers of the node say it.
pub(crate) fn limited(limited: Limited) -> Problem {
    Problem::limited(limited.quota, limited.max, limited.retry_after)
}

fn used(usage: MeterUsage) -> Used {
    Used {
        requests: usage.requests,
        errors: usage.errors,
        cpu_us: usage.cpu_us,
        memory_bytes_peak: usage.memory_bytes_peak,
        egress_bytes: usage.egress_bytes,
        log_bytes: usage.log_bytes,
    }
}

fn failed(error: CallError) -> InvokeError {
    let text = error.to_string();
    match error {
        CallError::Limited(by) => InvokeError::Limited(limited(by)),
        CallError::Busy(_) => InvokeError::Busy(text),
        CallError::Quarantined(_) => InvokeError::Quarantined(text),
        CallError::Timeout(limit) => InvokeError::TimedOut {
            limit_ms: millis(limit),
        },
        CallError::Limit { .. }
        | CallError::Trap(_)
        | CallError::NoResponse
        | CallError::ErrorResponse(_)
        | CallError::BadRequest(_) => InvokeError::Trapped(text),
        CallError::NoComponent(_) | CallError::NoRole(_) | CallError::Internal(_) => {
            InvokeError::Internal(text)
        }
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
