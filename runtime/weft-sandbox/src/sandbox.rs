//! The sandbox as a whole, and the way from a digest to a loaded component.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Semaphore;
use wasmtime::component::Linker;
use wasmtime::{Engine, Store};
use weft_store::Digest;

use crate::admission::Gate;
use crate::cache::{Cache, Loading};
use crate::config::{Config, Invocation};
use crate::egress::Egress;
use crate::engine::{self, Ticker};
use crate::loaded::Loaded;
use crate::metering::Metering;
use crate::native::NativeStore;
use crate::reuse::Rested;
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
    compiling: Semaphore,
    gate: Gate,
    egress: Arc<Egress>,
    live: Arc<AtomicU64>,
    rested: Arc<Rested>,
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
        let refused = |error: wasmtime::Error| SetupError::Engine(format!("{error:#}"));
        let engine = engine::running(&config.pool).map_err(refused)?;
        let linker = crate::host::linker(&engine).map_err(refused)?;
        let compatibility = engine::compatibility(&engine);
        let dir = config.native_dir.as_deref();
        let native = NativeStore::new(dir, config.signing_key, compatibility)?;
        let loaded = Cache::new(config.loaded_max, config.loaded_bytes_max);
        let resolver = Arc::clone(&config.resolver);
        Ok(Self(Arc::new(Inner {
            ticker: Ticker::start(engine.clone(), config.tick)?,
            engine,
            services: Arc::new(services),
            linker,
            native,
            loaded: Mutex::new(loaded),
            loading: Loading::default(),
            compiling: Semaphore::new(config.compiler.concurrency.max(1)),
            gate: Gate::new(config.admission),
            egress: Arc::new(Egress::with(config.egress_allow.clone(), resolver)),
            live: Arc::new(AtomicU64::new(0)),
            rested: Arc::new(Rested::new(rested_max(&config))),
            config,
        })))
    }

    /// Whether loops of guests are being stopped; readiness depends on it.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.0.ticker.is_healthy()
    }

    /// Instances that exist now, running or parked.
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

    /// Instances that wait for another request of their function.
    pub(crate) fn rested(&self) -> &Arc<Rested> {
        &self.0.rested
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

    /// The component of that digest, from memory, else from native code, else compiled again.
    pub(crate) async fn load(&self, digest: Digest) -> Result<Arc<Loaded>, CallError> {
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
        let wasm = self.0.services.components.wasm(&digest).await;
        let wasm = wasm.map_err(CallError::Internal)?;
        let wasm = wasm.ok_or(CallError::NoComponent(digest))?;
        if crate::prepare::digest(&wasm) != digest {
            return Err(CallError::Internal(format!(
                "component {digest} is damaged in the store"
            )));
        }
        let compiled = self.compile(digest, &wasm).await;
        let (loaded, _) = compiled.map_err(|error| CallError::Internal(error.to_string()))?;
        Ok(loaded)
    }

    /// Compiles, keeps and loads; returns the length of the native code as well.
    pub(crate) async fn compile(
        &self,
        digest: Digest,
        wasm: &[u8],
    ) -> Result<(Arc<Loaded>, u64), UploadError> {
        let internal = |error: std::io::Error| UploadError::Internal(error.to_string());
        let compiler = &self.0.config.compiler;
        let turn = tokio::time::timeout(compiler.wall_max, self.0.compiling.acquire()).await;
        let busy = "other components are being compiled; try again later";
        let turn = turn.map_err(|_| UploadError::Busy(busy.to_owned()))?;
        let _turn = turn.expect("the semaphore is never closed");
        let draft = self.0.native.draft().map_err(internal)?;
        crate::compile::compile(compiler, wasm, &draft.file).await?;
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
        load.await.expect("loading does not panic")
    }

    fn known(&self, digest: Digest) -> Option<Arc<Loaded>> {
        self.loaded().get(&digest)
    }

    fn loaded(&self) -> std::sync::MutexGuard<'_, Cache<Arc<Loaded>>> {
        self.0.loaded.lock().expect("no panic while it is held")
    }
}

/// Instances at rest take room that others may need: an eighth of the pool at most.
fn rested_max(config: &Config) -> usize {
    usize::try_from(config.pool.instances / 8).unwrap_or(usize::MAX)
}
