//! The sandbox as a whole, and the way from a digest to a loaded component.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::component::Linker;
use wasmtime::{Engine, Store};
use weft_app::DescribedFunction;
use weft_id::Tenant;
use weft_store::Digest;

use crate::admission::Gate;
use crate::apart::{Apart, Way};
use crate::cache::{Cache, Loading};
use crate::config::{Config, Invocation};
use crate::egress::Egress;
use crate::engine::{self, Ticker};
use crate::fair::Processor;
use crate::loaded::Loaded;
use crate::metering::Metering;
use crate::native::NativeStore;
use crate::prepared::Prepared;
use crate::quarantine::{Cause, Quarantine, Ward};
use crate::reuse::Rested;
use crate::running::Share;
use crate::services::Services;
use crate::state::{NewStore, Role, State};
use crate::{CallError, SetupError, UploadError};

/// Runs components. Cheap to clone; one per process.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    engine: Engine,
    ticker: Ticker,
    config: Config,
    services: Arc<Services>,
    linker: Linker<State>,
    native: NativeStore,
    loaded: Mutex<Cache<Arc<Loaded>>>,
    loading: Loading,
    compiling: Compiling,
    gate: Gate,
    processor: Arc<Processor>,
    ward: Ward,
    egress: Arc<Egress>,
    apart: Apart,
    live: Arc<AtomicU64>,
    rested: Arc<Rested>,
    prepared: Arc<Prepared>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").finish_non_exhaustive()
    }
}

impl Sandbox {
    /// # Errors
    /// The engine, its thread or the folder for native code cannot be made.
    pub fn new(config: Config, services: Services) -> Result<Self, SetupError> {
        Self::sending_by(config, services, None)
    }

    /// The same with another way for the requests of guests.
    pub(crate) fn sending_by(
        config: Config,
        services: Services,
        way: Way,
    ) -> Result<Self, SetupError> {
        let refused = |error: wasmtime::Error| SetupError::Engine(format!("{error:#}"));
        let engine = engine::running(&config.pool).map_err(refused)?;
        let linker = crate::host::linker(&engine).map_err(refused)?;
        let compatibility = engine::compatibility(&engine);
        let dir = config.native_dir.as_deref();
        let native = NativeStore::new(dir, config.signing_key, compatibility)?;
        let loaded = Cache::new(config.loaded_max, config.loaded_bytes_max);
        let processor = Arc::new(Processor::new());
        let services = Arc::new(services);
        let (allow, resolver) = (config.egress_allow.clone(), Arc::clone(&config.resolver));
        let egress = Arc::new(Egress::with(allow, resolver, way));
        let isolation = config.isolation.clone();
        Ok(Self(Arc::new(Inner {
            ticker: Ticker::start(engine.clone(), Arc::clone(&processor), config.tick)?,
            engine,
            apart: Apart::new(isolation, config.guest, &services, &egress),
            services,
            linker,
            native,
            loaded: Mutex::new(loaded),
            loading: Loading::default(),
            compiling: Compiling::new(config.compiler.concurrency),
            gate: Gate::new(config.admission),
            processor,
            ward: Ward::new(),
            egress,
            live: Arc::new(AtomicU64::new(0)),
            rested: Arc::new(Rested::new(rested_max(&config))),
            prepared: Arc::new(Prepared::new(&config.pool)),
            config,
        })))
    }

    /// Whether loops of guests are being stopped; readiness depends on it.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.0.ticker.is_healthy()
    }

    /// Instances that exist now: running, parked, kept for further requests or made ahead.
    #[must_use]
    pub fn live_instances(&self) -> u64 {
        self.0.live.load(Ordering::Relaxed)
    }

    /// Components that are loaded now.
    #[must_use]
    pub fn loaded_components(&self) -> usize {
        self.loaded().len()
    }

    /// Bytes of native code that are loaded now.
    #[must_use]
    pub fn loaded_bytes(&self) -> u64 {
        self.loaded().bytes()
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn metering(&self) -> &Metering {
        &self.0.services.metering
    }

    pub(crate) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    pub(crate) fn processor(&self) -> &Arc<Processor> {
        &self.0.processor
    }

    pub(crate) fn ward(&self) -> &Ward {
        &self.0.ward
    }

    pub(crate) fn share(&self, tenant: &Tenant) -> Share {
        Share::new(&self.0.processor, tenant)
    }

    /// Why a tenant's component is not run, if so.
    #[must_use]
    pub fn quarantined(&self, tenant: &Tenant, digest: Digest) -> Option<Quarantine> {
        self.0.ward.of(tenant, digest)
    }

    /// The components of a tenant that are not run.
    #[must_use]
    pub fn quarantines(&self, tenant: &Tenant) -> Vec<(Digest, Quarantine)> {
        self.0.ward.all_of(tenant)
    }

    /// Lets a component run that is quarantined; whether it was.
    pub fn release(&self, tenant: &Tenant, digest: Digest) -> bool {
        self.0.ward.release(tenant, digest)
    }

    /// Instances that wait for another request of their function.
    pub(crate) fn rested(&self) -> &Arc<Rested> {
        &self.0.rested
    }

    /// Instances that wait for a call of their activity.
    pub(crate) fn prepared(&self) -> &Arc<Prepared> {
        &self.0.prepared
    }

    /// A store for one call.
    pub(crate) fn store(&self, call: Invocation, role: Role, timeout: Duration) -> Store<State> {
        let inner = &self.0;
        NewStore {
            engine: &inner.engine,
            limits: &inner.config.guest,
            services: &inner.services,
            egress: &inner.egress,
            live: &inner.live,
            meter: match role {
                Role::Describe => Metering::nobody(),
                Role::Http | Role::Activity | Role::Orchestrator(_) | Role::Entity(_) => {
                    self.metering().call(&call.app, &call.function.name)
                }
            },
            call,
            role,
            timeout,
        }
        .build()
    }

    /// # Errors
    /// [`CallError::Quarantined`].
    pub(crate) fn check(&self, call: &Invocation) -> Result<(), CallError> {
        match self.0.ward.of(&call.app.tenant, call.component) {
            // One that no compiler gets through now may have been compiled before.
            Some(quarantine) if quarantine.cause == Cause::Panic => {
                Err(CallError::Quarantined(Box::new(quarantine)))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// The component of a call, from memory, else from native code, else compiled again.
    pub(crate) async fn load(&self, call: &Invocation) -> Result<Arc<Loaded>, CallError> {
        self.check(call)?;
        let (tenant, digest) = (&call.app.tenant, call.component);
        if let Some(loaded) = self.known(digest) {
            return Ok(loaded);
        }
        let turn = self.0.loading.turn(digest);
        let _turn = turn.lock().await;
        if let Some(loaded) = self.known(digest) {
            return Ok(loaded);
        }
        match self.load_native(digest).await {
            Ok(Some(loaded)) => return Ok(loaded),
            Ok(None) => {}
            // What this engine does not take, it may take compiled anew.
            Err(UploadError::Unfit(error)) => {
                tracing::warn!(%digest, %error, "native code cannot be loaded; it is compiled again");
            }
            Err(error) => return Err(CallError::Internal(error.to_string())),
        }
        self.compile_stored(tenant, digest).await
    }

    /// Compiles a component again of which the native code is gone.
    pub(crate) async fn compile_stored(
        &self,
        tenant: &Tenant,
        digest: Digest,
    ) -> Result<Arc<Loaded>, CallError> {
        if let Some(quarantine) = self.0.ward.of(tenant, digest) {
            return Err(CallError::Quarantined(Box::new(quarantine)));
        }
        let wasm = self.0.services.components.wasm(&digest).await;
        let wasm = wasm.map_err(CallError::Internal)?;
        let wasm = wasm.ok_or(CallError::NoComponent(digest))?;
        if crate::prepare::digest(&wasm) != digest {
            return Err(CallError::Internal(format!(
                "component {digest} is damaged in the store"
            )));
        }
        let compiled = self.compile(tenant, digest, &wasm).await;
        let (loaded, _) = compiled.map_err(|error| CallError::Internal(error.to_string()))?;
        Ok(loaded)
    }

    /// Compiles, keeps and loads; returns the length of the native code as well.
    pub(crate) async fn compile(
        &self,
        tenant: &Tenant,
        digest: Digest,
        wasm: &[u8],
    ) -> Result<(Arc<Loaded>, u64), UploadError> {
        let internal = |error: std::io::Error| UploadError::Internal(error.to_string());
        let compiler = &self.0.config.compiler;
        let turn = tokio::time::timeout(compiler.wall_max, self.0.compiling.turn(tenant)).await;
        let busy = "other components are being compiled; try again later";
        let _turn = turn.map_err(|_| UploadError::Busy(busy.to_owned()))?;
        let draft = self.0.native.draft().map_err(internal)?;
        let compiled = crate::compile::compile(compiler, wasm, &draft.file).await;
        if let Err(UploadError::CompileLimit(why)) = &compiled {
            self.0.ward.failed(tenant, digest, Cause::Compiler, why);
        }
        compiled?;
        let this = self.clone();
        let kept = tokio::task::spawn_blocking(move || this.0.native.keep(digest, &draft));
        let len = kept
            .await
            .expect("keeping does not panic")
            .map_err(internal)?;
        let loaded = self.load_native(digest).await?;
        let lost = || UploadError::Internal("the native code cannot be loaded".to_owned());
        Ok((loaded.ok_or_else(lost)?, len))
    }

    async fn load_native(&self, digest: Digest) -> Result<Option<Arc<Loaded>>, UploadError> {
        let this = self.clone();
        let load = tokio::task::spawn_blocking(move || {
            let inner = &this.0;
            let kept = inner.native.load(&inner.engine, digest);
            let Some((component, len)) = kept.map_err(UploadError::Unfit)? else {
                return Ok(None);
            };
            let loaded = Arc::new(Loaded::new(&inner.linker, &component)?);
            let gone = this.loaded().put(digest, Arc::clone(&loaded), len);
            drop(gone);
            Ok(Some(loaded))
        });
        // It runs no code of the component; whatever fails is ours.
        load.await
            .map_err(|error| UploadError::Internal(format!("it cannot be loaded: {error}")))?
    }

    /// The processes of the tenant's guests, where they have one of their own.
    pub(crate) fn apart(&self, tenant: &Tenant) -> Option<&Apart> {
        Some(&self.0.apart).filter(|apart| apart.holds(tenant))
    }

    /// Native code as it was kept; `None` where it is not there.
    pub(crate) async fn read_native(&self, digest: Digest) -> Option<Bytes> {
        let this = self.clone();
        let read = tokio::task::spawn_blocking(move || this.0.native.read(digest));
        read.await.ok().flatten().map(Bytes::from)
    }

    /// Loads native code that another process of ours has verified.
    pub(crate) async fn adopt(&self, digest: Digest, native: Bytes) -> Result<(), UploadError> {
        let this = self.clone();
        let adopt = tokio::task::spawn_blocking(move || {
            let inner = &this.0;
            let component = crate::native::adopt(&inner.engine, &native);
            let component = component.map_err(|error| UploadError::Internal(error.to_string()))?;
            let loaded = Arc::new(Loaded::new(&inner.linker, &component)?);
            let gone = this.loaded().put(digest, loaded, native.len() as u64);
            drop(gone);
            Ok(())
        });
        let adopted = adopt.await;
        adopted.map_err(|error| UploadError::Internal(error.to_string()))?
    }

    /// What a component that was adopted says of itself.
    pub(crate) async fn describe_adopted(
        &self,
        tenant: &Tenant,
        name: &weft_id::Component,
        digest: Digest,
    ) -> Result<Vec<DescribedFunction>, UploadError> {
        let loaded = self.known(digest);
        let absent = || UploadError::Internal(format!("component {digest} is not here"));
        let loaded = loaded.ok_or_else(absent)?;
        self.describe(tenant, name, digest, &loaded, &[]).await
    }

    fn known(&self, digest: Digest) -> Option<Arc<Loaded>> {
        self.loaded().get(&digest)
    }

    fn loaded(&self) -> std::sync::MutexGuard<'_, Cache<Arc<Loaded>>> {
        self.0.loaded.lock().expect("no panic while it is held")
    }
}

/// Who compiles now: one component of each tenant, and so many at one time.
struct Compiling {
    places: Arc<Semaphore>,
    tenants: Mutex<HashMap<Tenant, Arc<Semaphore>>>,
}

impl Compiling {
    fn new(places: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places.max(1))),
            tenants: Mutex::default(),
        }
    }

    /// Waits first for what else the tenant compiles, so that nobody stands twice in the line for a
    /// place.
    async fn turn(&self, tenant: &Tenant) -> (OwnedSemaphorePermit, OwnedSemaphorePermit) {
        let own = {
            let mut tenants = self.tenants.lock().expect("no panic while it is held");
            // Nobody holds or awaits those that only this map knows.
            tenants.retain(|_, own| Arc::strong_count(own) > 1);
            let own = tenants.entry(tenant.clone());
            Arc::clone(own.or_insert_with(|| Arc::new(Semaphore::new(1))))
        };
        let never_closed = "the semaphore is never closed";
        let own = own.acquire_owned().await.expect(never_closed);
        let places = Arc::clone(&self.places);
        (own, places.acquire_owned().await.expect(never_closed))
    }
}

/// Instances at rest take room that others may need: an eighth of the pool at most.
fn rested_max(config: &Config) -> usize {
    usize::try_from(config.pool.instances / 8).unwrap_or(usize::MAX)
}
