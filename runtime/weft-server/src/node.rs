//! A running node, from its start to its end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, Uri, header};
use hyper::service::service_fn;
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use weft_api::auth::{Permission, authenticate};
use weft_api::{Api, Kind, LogBook, Problem, Responders};
use weft_connector::{Connector, Identity, IdentityEndpoint, ScriptLimits, Scripts};
use weft_durabletask::Workers;
use weft_sandbox::{GuestLimits, Metering, Outbound, Pool, Sandbox, Services};
use weft_store::{MemoryStore, NodeId, Room, Store};
use weft_store_sqlite::SqliteStore;
use weft_telemetry::Metrics;
use weft_trigger::Gateway;
use weft_worker::{Clock, Stopped, Worker};
use weft_workflow::run::CallbackKey;

use crate::api_host::ApiHost;
use crate::data_plane::{DataHost, DataPlane};
use crate::deployments::Deployments;
use crate::quota::{Bounded, Quotas};
use crate::runner::{Connected, SandboxRunner};
use crate::served::Served;
use crate::services::{BookSink, InstanceClient, StoredComponents};
use crate::task_hub::TaskHub;
use crate::triggers::Triggers;
use crate::vault::{Sealer, Vaults};
use crate::workflows::Workflows;
use crate::{
    Config, Storage, clock, data_dir, listen, metrics, quota, retention, task_hub, tenants,
    triggers,
};

const METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Why a node cannot start, or had to stop.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    #[error(
        "{what} cannot listen on {address}: stop another node that runs there, or choose another \
         address with --http, --admin or --grpc"
    )]
    Listen {
        what: &'static str,
        address: SocketAddr,
        #[source]
        source: io::Error,
    },
    #[error("the data directory {path} cannot be used")]
    DataDir {
        path: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the store cannot be used")]
    Store(#[from] weft_store::Error),
    #[error("the control plane cannot be given a thread")]
    ControlPlane(#[source] io::Error),
    #[error("the sandbox cannot be set up")]
    Sandbox(#[from] weft_sandbox::SetupError),
    /// Going on could lose what was promised to be kept.
    #[error("the node stops, because its store cannot promise durability any more: {0}")]
    StoreBroken(String),
}

/// The line that tells whoever started a node that it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ready {
    pub event: &'static str,
    pub http: String,
    pub admin: String,
    /// Of the Durable Task service; absent where its default port was taken.
    pub grpc: Option<String>,
    /// The operator's key, where no file holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A node that answers on both planes. Dropping it ends it as a crash would.
pub struct Node {
    ready: Ready,
    worker: Worker,
    stateless_worker: Worker,
    stop: watch::Sender<bool>,
    planes: Vec<JoinHandle<()>>,
    store_failed: Option<watch::Receiver<Option<String>>>,
    workers: Workers,
    config: Config,
}

/// What a node gets from outside of it.
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub clock: Arc<dyn Clock>,
    /// How guests are bounded.
    pub sandbox: weft_sandbox::Config,
}

/// A store with what is known of it beyond its contract.
struct Opened {
    store: Arc<dyn Store>,
    sqlite: Option<Arc<SqliteStore>>,
}

impl Node {
    /// Opens the store, binds both addresses and starts to answer.
    ///
    /// # Errors
    /// [`NodeError`]; nothing is left running.
    pub async fn start(config: Config) -> Result<Self, NodeError> {
        Self::start_rigged(config, |parts| parts).await
    }

    /// The same with parts that were tampered with: for whoever has to see what becomes of a node
    /// whose store or clock is faulty, or whose bounds are off.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn start_rigged(
        config: Config,
        rig: impl FnOnce(Parts) -> Parts,
    ) -> Result<Self, NodeError> {
        // Before anything is written, so that a port in use leaves no trace.
        let (http_listener, http) = bind("the data plane", config.http).await?;
        let (admin_listener, admin) = bind("the control plane", config.admin).await?;
        let (grpc_listener, grpc) = bind_grpc(&config).await?;
        let Opened { store, sqlite } = open(&config.storage).await?;
        let Parts {
            store,
            clock,
            sandbox: sandbox_config,
        } = rig(Parts {
            store,
            clock: clock::start(),
            sandbox: sandbox_config(&config)?,
        });
        // One secret of the node serves both; a text of its own keeps the uses apart.
        let secret = CallbackKey::new(&sandbox_config.signing_key).sign("workflow callbacks");
        let worker_config = worker_config(sandbox_config.pool, config.payload_bytes_max);
        let limits_of_code = worker_config.limits;
        let room = Arc::clone(&worker_config.room);
        let last_lease = sqlite.as_ref().and_then(|sqlite| sqlite.last_lease());
        let clock = clock::not_before(clock, last_lease, worker_config.lease_ttl);
        tenants::apply(&*store, &config.tenants, clock.now()).await?;
        let metering = Metering::new(config.quota, config.policy.clone());
        let quotas = Arc::new(Quotas::new(Arc::clone(&store), metering.clone()));
        quotas.read_terms(None).await?;
        let store: Arc<dyn Store> = Arc::new(Bounded {
            inner: store,
            quotas: Arc::clone(&quotas),
        });
        let metrics = Arc::new(Metrics::default());
        let logs = Arc::new(LogBook::default());
        let deployments = Arc::new(Deployments::new(Arc::clone(&store), Arc::clone(&metrics)));
        let workers = Workers::new(Arc::clone(&store));
        let served = Served {
            deployments: Arc::clone(&deployments),
            workers: workers.clone(),
        };
        let workflows = Arc::new(Workflows::new(
            Arc::clone(&deployments),
            CallbackKey::new(secret.as_bytes()),
        ));
        let responders = Responders::default();
        let sealer = Sealer::new(&secrets_key(&config)?);
        let vaults = Arc::new(Vaults::new(Arc::clone(&store), sealer));
        let services = services(&store, &served, &clock, &logs, &metering, &vaults);
        let sandbox = Sandbox::new(sandbox_config, services)?;
        let key = operator_key(&config.storage, &*store, &*clock).await?;
        // Runs of stateless workflows are the same in everything but where they are kept.
        // In memory nothing is gained by keeping long payloads apart.
        let stateless: Arc<dyn Store> = Arc::new(MemoryStore::keeping_apart(usize::MAX));
        let watched = Arc::new(Triggers {
            store: Arc::clone(&store),
            stateless: Arc::clone(&stateless),
            deployments: Arc::clone(&deployments),
            workflows: Arc::clone(&workflows),
            vaults: Arc::clone(&vaults),
            clock: Arc::clone(&clock),
            deciders: weft_api::Deciders::default(),
            origin: origin(&config, http),
            limits: limits_of_code,
        });
        let runner = Arc::new(SandboxRunner {
            sandbox: sandbox.clone(),
            deployments: Arc::clone(&deployments),
            workers: workers.clone(),
            workflows: Arc::clone(&workflows),
            responders: responders.clone(),
            triggers: Arc::clone(&watched),
            connected: Connected {
                connector: connector(&config),
                stores: [Arc::clone(&store), Arc::clone(&stateless)],
                deployments: Arc::clone(&deployments),
                vaults: Arc::clone(&vaults),
                sandbox: sandbox.clone(),
                metering: metering.clone(),
            },
            store: Arc::clone(&store),
            room: Arc::clone(&room),
        });
        let worker = Worker::start(
            NodeId(rand::random()),
            worker_config.clone(),
            Arc::clone(&store),
            Arc::clone(&runner) as _,
            Arc::clone(&clock),
        );
        let stateless_worker = Worker::start(
            NodeId(rand::random()),
            worker_config,
            Arc::clone(&stateless),
            runner,
            Arc::clone(&clock),
        );
        metrics::read_sandbox(&metrics, &sandbox);
        metrics::read_tenants(&metrics, &metering, &quotas);
        metrics::read_room(&metrics, &room);
        metrics::read_worker(&metrics, worker.stats());
        if let Some(sqlite) = &sqlite {
            metrics::read_sqlite(&metrics, sqlite);
        }
        let (stop, stopping) = watch::channel(false);
        let api = Api {
            store: Arc::clone(&store),
            host: Arc::new(ApiHost {
                sandbox: sandbox.clone(),
                guests: tokio::runtime::Handle::current(),
                deployments: Arc::clone(&deployments),
                store: Arc::clone(&store),
                workers: workers.clone(),
                served,
                workflows: Arc::clone(&workflows),
                responders,
                stateless: Arc::clone(&stateless),
                triggers: Arc::clone(&watched),
                clock: Arc::clone(&clock),
                vaults,
                limits: limits_of_code,
                quotas: Arc::clone(&quotas),
                metering: metering.clone(),
                started: clock.now(),
            }),
            logs: Arc::clone(&logs),
            config: Arc::new(weft_api::Config {
                public_url: config.public_url.clone(),
                json_bytes_max: config.payload_bytes_max,
                ..weft_api::Config::default()
            }),
            stopping: weft_api::Stopping::new(stopping.clone()),
        };
        let hub = TaskHub {
            store: Arc::clone(&store),
            workflows: Arc::clone(&workflows),
            deployments: Arc::clone(&deployments),
            clock: Arc::clone(&clock),
            metering: metering.clone(),
            payload_bytes_max: config.payload_bytes_max,
            open: task_hub::is_open(
                config.storage == Storage::Memory,
                grpc.map_or(config.http.ip(), |address| address.ip()),
            ),
        };
        let data_host = Arc::new(DataHost {
            store: Arc::clone(&store),
            deployments,
            clock: Arc::clone(&clock),
            logs,
        });
        let body_bytes_max = GuestLimits::default().request_bytes_max as u64;
        let gateway = Gateway::new(sandbox, data_host, body_bytes_max);
        let data_plane = DataPlane::new(
            gateway,
            weft_api::durable_router(api.clone()),
            weft_api::workflow_router(api.clone()),
        );
        let control = control_plane(api, metrics, admin);
        let mut planes = vec![
            serve_data(&config, http_listener, data_plane, stopping.clone()),
            serve_control(&config, admin_listener, control, stopping.clone())?,
            tokio::spawn(retention::keep_stateless(
                stateless,
                Arc::clone(&store),
                Arc::clone(&clock),
                stopping.clone(),
            )),
            tokio::spawn(retention::keep_audit(
                Arc::clone(&store),
                Arc::clone(&clock),
                config.audit_kept,
                stopping.clone(),
            )),
            tokio::spawn(quota::watch(quotas, metering, stopping.clone())),
            tokio::spawn(retention::keep(store, clock, stopping.clone())),
            tokio::spawn(triggers::keep(watched, stopping.clone())),
        ];
        let served = workers.clone();
        planes.push(tokio::spawn(task_hub::wake(
            workers.clone(),
            worker.nudge(),
            stopping.clone(),
        )));
        if let Some(listener) = grpc_listener {
            let service = service_fn(task_hub::service(hub, workers));
            let limits = limits(&config, config.connections_max);
            planes.push(tokio::spawn(listen::serve(
                listener, service, limits, stopping,
            )));
        }
        Ok(Self {
            ready: Ready {
                event: "ready",
                http: format!("http://{http}"),
                admin: format!("http://{admin}"),
                grpc: grpc.map(|address| address.to_string()),
                key,
            },
            worker,
            stateless_worker,
            stop,
            planes,
            store_failed: sqlite.map(|sqlite| sqlite.failed()),
            workers: served,
            config,
        })
    }

    #[must_use]
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Runs until `shutdown` completes; then takes no more connections, lets requests and turns
    /// finish, and returns.
    ///
    /// # Errors
    /// [`NodeError::StoreBroken`] as soon as the store fails.
    pub async fn run(self, shutdown: impl Future<Output = ()>) -> Result<(), NodeError> {
        tokio::select! {
            () = shutdown => {}
            reason = failure(self.store_failed.clone()) => return Err(NodeError::StoreBroken(reason)),
            stopped = self.worker.stopped() => match stopped {
                Stopped::StoreBroken(reason) => return Err(NodeError::StoreBroken(reason)),
                Stopped::Drained => {}
            },
        }
        let seconds = self.config.drain_max.as_secs();
        tracing::info!(
            "shutting down: open requests have {seconds} s to end; a second signal ends at once"
        );
        // Fails only where both listeners have ended already.
        let _ = self.stop.send(true);
        self.workers.close();
        let planes = async {
            for plane in self.planes {
                let _ = plane.await;
            }
        };
        tokio::join!(
            planes,
            self.worker.drain(self.config.drain_max),
            self.stateless_worker.drain(self.config.drain_max)
        );
        Ok(())
    }
}

/// Scheme and authority by which the data plane is reached.
fn origin(config: &Config, bound: SocketAddr) -> String {
    if let Some(public) = &config.public_url {
        return public.trim_end_matches('/').to_owned();
    }
    match bound.ip().is_unspecified() {
        true => format!("http://localhost:{}", bound.port()),
        false => format!("http://{bound}"),
    }
}

/// Completes with the reason when the store fails.
async fn failure(failed: Option<watch::Receiver<Option<String>>>) -> String {
    let Some(mut failed) = failed else {
        return std::future::pending().await;
    };
    let reason = failed.wait_for(Option::is_some).await;
    let reason = reason.map(|reason| reason.clone().unwrap_or_default()).ok();
    match reason {
        Some(reason) => reason,
        None => std::future::pending().await,
    }
}

async fn open(storage: &Storage) -> Result<Opened, NodeError> {
    let Storage::Dir(dir) = storage else {
        return Ok(Opened {
            store: Arc::new(MemoryStore::new()),
            sqlite: None,
        });
    };
    data_dir::create_private(dir).map_err(|error| unusable(dir, error))?;
    let path = dir.clone();
    let opened = tokio::task::spawn_blocking(move || SqliteStore::open(path)).await;
    let opened = opened.expect("opening a store does not panic");
    let sqlite = Arc::new(opened.map_err(|error| unusable(dir, error))?);
    let store: Arc<dyn Store> = Arc::clone(&sqlite) as _;
    Ok(Opened {
        store,
        sqlite: Some(sqlite),
    })
}

fn unusable(dir: &Path, error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> NodeError {
    NodeError::DataDir {
        path: dir.display().to_string(),
        source: error.into(),
    }
}

fn sandbox_config(config: &Config) -> Result<weft_sandbox::Config, NodeError> {
    let (key, dir) = match &config.storage {
        Storage::Memory => (rand::random(), None),
        Storage::Dir(dir) => {
            let key = data_dir::signing_key(dir).map_err(|error| unusable(dir, error))?;
            (key, Some(dir.join("native")))
        }
    };
    let mut sandbox = weft_sandbox::Config::new(config.compiler.clone(), key);
    sandbox.native_dir = dir;
    sandbox.egress_allow.clone_from(&config.egress_allow);
    sandbox.guest = GuestLimits::for_payloads(config.payload_bytes_max);
    sandbox.isolation.tenants = config.isolated.clone();
    Ok(sandbox)
}

/// What runs of workflows reach others with; scripts run in processes of this program.
fn connector(config: &Config) -> Connector {
    let identity = config.identity.clone();
    let identity = identity.map(|(url, header)| Identity { url, header });
    let scripts = Scripts::new(
        config.compiler.clone(),
        vec!["script".to_owned()],
        ScriptLimits::default(),
    );
    let outbound = Outbound::new(config.egress_allow.clone());
    Connector::new(outbound, IdentityEndpoint(identity), scripts)
}

/// What secrets are sealed with. A node without files forgets them together with the key.
fn secrets_key(config: &Config) -> Result<[u8; 32], NodeError> {
    match (&config.storage, config.secrets_key) {
        (_, Some(key)) => Ok(key),
        (Storage::Memory, None) => Ok(rand::random()),
        (Storage::Dir(dir), None) => {
            data_dir::secrets_key(dir).map_err(|error| unusable(dir, error))
        }
    }
}

/// Orchestrations share the pool with everybody's requests and activities: parked ones and running
/// turns together take half of it, so that any number of waiting instances leaves room to answer.
fn worker_config(pool: Pool, payload_bytes_max: usize) -> weft_worker::Config {
    let places = usize::try_from(pool.instances).unwrap_or(usize::MAX);
    let defaults = weft_worker::Config::default();
    let turns_max = defaults.turns_max.min((places / 8).max(1));
    weft_worker::Config {
        parked_max: defaults
            .parked_max
            .min((places / 2).saturating_sub(turns_max).max(1)),
        turns_max,
        // A few of the longest: 512 MiB where nothing else is said.
        room: Room::new(payload_bytes_max * 8),
        limits: weft_orchestration::Limits {
            payload_bytes_max,
            ..defaults.limits
        },
        ..defaults
    }
}

fn services(
    store: &Arc<dyn Store>,
    served: &Served,
    clock: &Arc<dyn Clock>,
    logs: &Arc<LogBook>,
    metering: &Metering,
    vaults: &Arc<Vaults>,
) -> Services {
    let client = Arc::new(InstanceClient {
        store: Arc::clone(store),
        served: served.clone(),
        clock: Arc::clone(clock),
    });
    Services {
        components: Arc::new(StoredComponents(Arc::clone(store))),
        client: Arc::clone(&client) as _,
        management: client,
        key_value: Arc::clone(store) as _,
        blobs: Arc::clone(store) as _,
        payloads: Arc::clone(store) as _,
        log: Arc::new(BookSink {
            book: Arc::clone(logs),
            clock: Arc::clone(clock),
        }),
        secrets: Arc::clone(vaults) as _,
        metering: metering.clone(),
    }
}

/// The key to tell in the ready line; `None` where a file holds it.
async fn operator_key(
    storage: &Storage,
    store: &dyn Store,
    clock: &dyn Clock,
) -> Result<Option<String>, NodeError> {
    match storage {
        Storage::Memory => Ok(Some(data_dir::new_operator_key(store, clock.now()).await?)),
        Storage::Dir(dir) => {
            let made = data_dir::ensure_operator_key(dir, store, clock.now()).await;
            let path = made.map_err(|error| unusable(dir, error))?;
            tracing::debug!(path = %path.display(), "the operator's key");
            Ok(None)
        }
    }
}

/// The default port may be taken by another node, which must not keep this one from starting.
async fn bind_grpc(
    config: &Config,
) -> Result<(Option<TcpListener>, Option<SocketAddr>), NodeError> {
    match (
        bind("the Durable Task service", config.grpc).await,
        config.grpc_asked,
    ) {
        (Ok((listener, address)), _) => Ok((Some(listener), Some(address))),
        (Err(error), true) => Err(error),
        (Err(error), false) => {
            tracing::warn!(
                "{error}; the Durable Task service is not served: choose its address with --grpc"
            );
            Ok((None, None))
        }
    }
}

async fn bind(
    what: &'static str,
    address: SocketAddr,
) -> Result<(TcpListener, SocketAddr), NodeError> {
    let bound = listen::bind(address).await;
    bound.map_err(|source| NodeError::Listen {
        what,
        address,
        source,
    })
}

fn limits(config: &Config, connections_max: usize) -> listen::Limits {
    listen::Limits {
        connections_max,
        header_timeout: config.header_timeout,
        idle_timeout: config.idle_timeout,
        drain_max: config.drain_max,
    }
}

fn serve_data(
    config: &Config,
    listener: TcpListener,
    plane: DataPlane,
    stopping: watch::Receiver<bool>,
) -> JoinHandle<()> {
    let service = service_fn(move |request| {
        let plane = plane.clone();
        async move { plane.answer(request).await }
    });
    let limits = limits(config, config.connections_max);
    tokio::spawn(listen::serve(listener, service, limits, stopping))
}

/// The control plane has a thread and a runtime of its own: however many guests compute and however
/// many of their requests wait, an operator is answered. No guest runs there.
fn serve_control(
    config: &Config,
    listener: TcpListener,
    router: Router,
    stopping: watch::Receiver<bool>,
) -> Result<JoinHandle<()>, NodeError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(NodeError::ControlPlane)?;
    let listener = listener.into_std().map_err(NodeError::ControlPlane)?;
    let limits = limits(config, config.admin_connections_max);
    let (ended, end) = oneshot::channel::<()>();
    let serve = move || {
        runtime.block_on(async {
            match TcpListener::from_std(listener) {
                Ok(listener) => {
                    let service = TowerToHyperService::new(router);
                    listen::serve(listener, service, limits, stopping).await;
                }
                Err(error) => tracing::error!(%error, "the control plane does not answer"),
            }
        });
        drop(ended);
    };
    std::thread::Builder::new()
        .name("weft-control".to_owned())
        .spawn(serve)
        .map_err(NodeError::ControlPlane)?;
    // Nothing is sent: the end of the thread is the news.
    Ok(tokio::spawn(async move { drop(end.await) }))
}

fn control_plane(api: Api, metrics: Arc<Metrics>, admin: SocketAddr) -> Router {
    let shown = ShownMetrics {
        metrics,
        api: api.clone(),
        open: admin.ip().is_loopback(),
    };
    let metrics = Router::new()
        .route("/metrics", get(show_metrics))
        .with_state(shown);
    metrics.merge(weft_api::admin_router(api))
}

#[derive(Clone)]
struct ShownMetrics {
    metrics: Arc<Metrics>,
    api: Api,
    /// Only this machine reaches the control plane, so no key is asked for.
    open: bool,
}

/// The names of all tenants' functions are in the metrics: they are the operator's.
async fn show_metrics(
    State(shown): State<ShownMetrics>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    if !shown.open {
        let api = &shown.api;
        let caller = authenticate(&*api.store, &headers, &uri, api.host.now()).await?;
        let caller = caller.ok_or_else(|| {
            Problem::new(Kind::Unauthenticated, "metrics need the operator's key")
        })?;
        caller.require(Permission::Operate)?;
    }
    let text = shown.metrics.encode();
    Ok(([(header::CONTENT_TYPE, METRICS_TYPE)], text).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_orchestrations_leave_half_of_the_pool_to_requests_and_activities() {
        let pool = Pool::default();
        let worker = worker_config(pool, 1 << 20);
        let taken = worker.parked_max + worker.turns_max;
        assert!(taken <= pool.instances as usize / 2, "{taken}");
        assert!(worker.activities_max < pool.instances as usize / 2);
    }
}
