//! What belongs to one instance of a guest: the data of its store, and the bounds that it runs
//! under. Made for one call and dropped after it, unless the function asks for its instances to be
//! kept for further requests.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wasmtime::component::ResourceTable;
use wasmtime::{Engine, ResourceLimiter, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::p2::body::{HostIncomingBody, HostOutgoingBody};
use wasmtime_wasi_http::p2::types::{
    HostFutureIncomingResponse, HostIncomingRequest, HostIncomingResponse, HostOutgoingRequest,
    HostOutgoingResponse,
};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};
use weft_app::Reach;
use weft_orchestration::Payload;
use weft_store::with_text;

use crate::config::{GuestLimits, Invocation};
use crate::egress::{Egress, Hooks};
use crate::engine::{
    CORE_INSTANCES_PER_COMPONENT, MEMORIES_PER_COMPONENT, TABLES_PER_COMPONENT, TICK,
};
use crate::entity::Operating;
use crate::execution::Durable;
use crate::host::blobstore::{IncomingValue, OutgoingValue};
use crate::logs::Logs;
use crate::metering::{CallMeter, Limited};
use crate::services::{LogLevel, Services};
use crate::{CallError, virtual_wasi};

/// Handles that an instance may hold between requests: those of its runtime, such as of its output.
const HELD_AT_REST_MAX: usize = 64;

/// As what a guest is called, which decides what its imports do.
#[derive(Clone)]
pub(crate) enum Role {
    Http,
    Activity,
    Orchestrator(Arc<Durable>),
    Entity(Arc<Operating>),
    Describe,
}

impl Role {
    /// For messages: "is not for ...".
    pub(crate) fn plural(&self) -> &'static str {
        match self {
            Self::Http => "HTTP functions",
            Self::Activity => "activities",
            Self::Orchestrator(_) => "orchestrators",
            Self::Entity(_) => "entities",
            Self::Describe => "`describe`",
        }
    }
}

pub(crate) struct State {
    pub(crate) table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    pub(crate) bounds: Bounds,
    pub(crate) role: Role,
    pub(crate) call: Invocation,
    pub(crate) services: Arc<Services>,
    pub(crate) logs: Logs,
    meter: CallMeter,
    /// Cursors of key-value listings that are open: the key to go on after.
    pub(crate) cursors: Vec<String>,
    /// Readers of objects hold it too, which counts them.
    pub(crate) reading: Arc<()>,
    started: Instant,
    timeout: Duration,
    _live: Live,
}

/// Counts an instance for as long as its store exists.
struct Live(Arc<AtomicU64>);

impl Live {
    fn new(gauge: &Arc<AtomicU64>) -> Self {
        gauge.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(gauge))
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How the engine's error begins that has no type of its own; a test notices when it changes.
const HOSTCALL_FUEL: &str = "too much data is being copied between the host and the guest";

/// The deadline of a guest has passed.
#[derive(Debug, thiserror::Error)]
#[error("the time is up")]
pub(crate) struct TimeUp;

/// A call that the guest's role does not allow and that has no way to return an error.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Refused(pub(crate) String);

/// The host could not give what a guest has a right to: no fault of the guest.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unreadable(pub(crate) CallError);

/// A payload's text.
pub(crate) async fn read(services: &Services, payload: &Payload) -> Result<String, Unreadable> {
    let text = with_text(&*services.payloads, payload).await;
    let text = text.map_err(|error| {
        let why = format!("a long payload cannot be read: {error}");
        Unreadable(match error {
            weft_store::Error::Unavailable { .. } => CallError::Busy(why),
            _ => CallError::Internal(why),
        })
    })?;
    text_of(&text).map(str::to_owned).map_err(Unreadable)
}

/// The text of a payload that whoever calls the sandbox has to give as text.
pub(crate) fn text_of(payload: &Payload) -> Result<&str, CallError> {
    let missing = || CallError::Internal(format!("{payload:?} was handed in without its text"));
    payload.text().ok_or_else(missing)
}

/// What a store is made from.
pub(crate) struct NewStore<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) limits: &'a GuestLimits,
    pub(crate) services: &'a Arc<Services>,
    pub(crate) egress: &'a Arc<Egress>,
    pub(crate) live: &'a Arc<AtomicU64>,
    pub(crate) meter: CallMeter,
    pub(crate) call: Invocation,
    pub(crate) role: Role,
    pub(crate) timeout: Duration,
}

impl NewStore<'_> {
    pub(crate) fn build(self) -> Store<State> {
        let limits = self.limits;
        let sink = Arc::clone(&self.services.log);
        let meter = self.meter;
        let logs = Logs::new(sink, self.call.clone(), limits.log_bytes_max, meter.clone());
        let mut wasi = WasiCtx::builder();
        wasi.stdout(logs.stream(LogLevel::Info))
            .stderr(logs.stream(LogLevel::Error))
            .max_random_size(limits.random_bytes_max)
            .allow_tcp(false)
            .allow_udp(false);
        for (name, value) in &self.call.function.env {
            wasi.env(name, value);
        }
        if let Role::Orchestrator(durable) = &self.role {
            virtual_wasi::replace(&mut wasi, durable);
        }
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits.header_bytes_max);
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.resources_max);
        let hooks = Hooks::new(self.egress, &self.call, &self.role, &logs, &meter);
        let bounds = Bounds::new(limits, self.call.function.limits.memory_mib, meter.clone());
        let state = State {
            table,
            wasi: wasi.build(),
            http,
            hooks,
            bounds,
            role: self.role,
            call: self.call,
            services: Arc::clone(self.services),
            logs,
            meter,
            cursors: Vec::new(),
            reading: Arc::new(()),
            started: Instant::now(),
            timeout: self.timeout,
            _live: Live::new(self.live),
        };
        let mut store = Store::new(self.engine, state);
        store.limiter(|state| &mut state.bounds);
        store.set_hostcall_fuel(limits.hostcall_bytes_max);
        store.set_max_component_handles(limits.resources_max);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|store| store.data().tick());
        store
    }
}

impl State {
    /// Whether the guest may reach something of its app: what its function asks for, its tenant is
    /// granted and the operator lets anybody have. Asked at every use, since grants change.
    ///
    /// # Errors
    /// Why not, for whoever reads the function's log.
    pub(crate) fn may(&self, reach: Reach, name: &str) -> Result<(), String> {
        let function = &self.call.function;
        let asked = match reach {
            // Secrets are to be named.
            Reach::Secret => function.capabilities.secrets.is_some(),
            Reach::KeyValue | Reach::BlobContainer | Reach::Connection | Reach::Function => true,
        };
        let kind = reach.as_str();
        let why = if !(asked && function.capabilities.allows(reach, name)) {
            format!("the {kind} {name} is not among the function's capabilities")
        } else if !self.meter.tenant().grants().allows(reach, name) {
            format!("the {kind} {name} is not granted to the tenant")
        } else {
            return Ok(());
        };
        self.logs.message(LogLevel::Warn, "capabilities", &why);
        Err(why)
    }

    /// The call begins for which the instance was made ahead.
    pub(crate) fn begin(&mut self, call: Invocation, timeout: Duration) {
        self.started = Instant::now();
        self.timeout = timeout;
        self.logs.begin(call.instance.clone());
        self.call = call;
    }

    /// A further request begins, with its own time and its own share of the log.
    pub(crate) fn begin_again(&mut self) {
        self.started = Instant::now();
        self.cursors.clear();
        self.bounds.exceeded = None;
    }

    /// Whether a request has left nothing behind: a response that is still open ends with its
    /// instance, and handles that a guest forgets add up.
    pub(crate) fn is_at_rest(&mut self) -> bool {
        let held: Vec<_> = self.table.iter_mut().collect();
        let of_a_request = |held: &&mut (dyn Any + Send)| {
            held.is::<HostIncomingRequest>()
                || held.is::<HostIncomingBody>()
                || held.is::<HostOutgoingResponse>()
                || held.is::<HostOutgoingBody>()
                || held.is::<HostOutgoingRequest>()
                || held.is::<HostFutureIncomingResponse>()
                || held.is::<HostIncomingResponse>()
                || held.is::<IncomingValue>()
                || held.is::<OutgoingValue>()
        };
        let reads = Arc::strong_count(&self.reading) > 1;
        held.len() <= HELD_AT_REST_MAX && !held.iter().any(of_a_request) && !reads
    }

    /// Called at each epoch while the guest computes.
    fn tick(&self) -> wasmtime::Result<UpdateDeadline> {
        match &self.role {
            // Whoever drives the turn counts its time from one interruption to the next.
            Role::Orchestrator(durable) => durable.interrupted(),
            Role::Http | Role::Activity | Role::Entity(_) | Role::Describe => {
                let elapsed = self.started.elapsed();
                if elapsed >= self.timeout {
                    return Err(TimeUp.into());
                }
                if elapsed < TICK {
                    // Just started: the epochs that passed were not this guest's.
                    return Ok(UpdateDeadline::Continue(1));
                }
            }
        }
        // The runtime's own yield puts the guest behind the others that are ready.
        let pause = Box::pin(tokio::task::yield_now());
        Ok(UpdateDeadline::YieldCustom(1, pause))
    }

    /// What an error of this guest means.
    pub(crate) fn explain(&self, error: &wasmtime::Error) -> CallError {
        if let Some(Unreadable(error)) = error.downcast_ref::<Unreadable>() {
            return error.clone();
        }
        if error.is::<TimeUp>() {
            return CallError::Timeout(self.timeout);
        }
        if error.is::<wasmtime::PoolConcurrencyLimitError>() {
            return CallError::Busy("no instance is free; try again later".to_owned());
        }
        if let Some(exceeded) = self.bounds.exceeded {
            return exceeded.into_error(self.logs.tail());
        }
        if let Some(refused) = error.downcast_ref::<Refused>() {
            return CallError::Trap(refused.0.clone());
        }
        if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
            let tail = self.logs.tail().unwrap_or_default();
            return CallError::Trap(format!("it exited with code {}: {tail}", exit.0));
        }
        let cause = error.root_cause().to_string();
        if cause.contains(HOSTCALL_FUEL) {
            return CallError::Limit {
                what: "the bytes of one call of a host function",
                max: self.bounds.hostcall_bytes_max as u64,
                message: "it passed more".to_owned(),
            };
        }
        CallError::Trap(match self.logs.tail() {
            Some(tail) => format!("{tail} ({cause})"),
            None => cause,
        })
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

/// Counts what a guest holds, over all of its memories and tables.
#[derive(Debug)]
pub(crate) struct Bounds {
    memory_bytes: usize,
    memory_bytes_max: usize,
    table_elements: usize,
    table_elements_max: usize,
    hostcall_bytes_max: usize,
    pub(crate) payload_bytes_max: usize,
    exceeded: Option<Exceeded>,
    meter: CallMeter,
}

#[derive(Debug, Clone, Copy)]
enum Exceeded {
    Memory {
        max: usize,
        wanted: usize,
    },
    Table {
        max: usize,
        wanted: usize,
    },
    /// All instances of the tenant together have what they may.
    Tenant(Limited),
}

impl Exceeded {
    fn into_error(self, tail: Option<String>) -> CallError {
        let (what, max, wanted, unit) = match self {
            Self::Memory { max, wanted } => ("memory", max, wanted, "bytes"),
            Self::Table { max, wanted } => ("table elements", max, wanted, "elements"),
            Self::Tenant(limited) => return limited.into(),
        };
        let tail = tail.map(|tail| format!("; {tail}")).unwrap_or_default();
        CallError::Limit {
            what,
            max: max as u64,
            message: format!("it asked for {wanted} {unit} in all{tail}"),
        }
    }
}

impl Bounds {
    fn new(limits: &GuestLimits, memory_mib: u32, meter: CallMeter) -> Self {
        Self {
            memory_bytes: 0,
            memory_bytes_max: (memory_mib as usize) << 20,
            table_elements: 0,
            table_elements_max: limits.table_elements_max,
            hostcall_bytes_max: limits.hostcall_bytes_max,
            payload_bytes_max: limits.payload_bytes_max,
            exceeded: None,
            meter,
        }
    }

    /// Bytes of linear memory, which never shrinks.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory_bytes as u64
    }
}

impl Drop for Bounds {
    fn drop(&mut self) {
        self.meter.shrink(self.memory_bytes as u64);
    }
}

impl ResourceLimiter for Bounds {
    fn instances(&self) -> usize {
        CORE_INSTANCES_PER_COMPONENT as usize
    }

    fn memories(&self) -> usize {
        MEMORIES_PER_COMPONENT as usize
    }

    fn tables(&self) -> usize {
        TABLES_PER_COMPONENT as usize
    }

    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = self.memory_bytes.saturating_add(desired - current);
        let max = self.memory_bytes_max;
        if wanted > max {
            self.exceeded = Some(Exceeded::Memory { max, wanted });
            return Ok(false);
        }
        let more = (wanted - self.memory_bytes) as u64;
        if let Err(limited) = self.meter.grow(more, wanted as u64) {
            self.exceeded = Some(Exceeded::Tenant(limited));
            return Ok(false);
        }
        self.memory_bytes = wanted;
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let wanted = self.table_elements.saturating_add(desired - current);
        let max = self.table_elements_max;
        if wanted > max {
            self.exceeded = Some(Exceeded::Table { max, wanted });
            return Ok(false);
        }
        self.table_elements = wanted;
        Ok(true)
    }
}
