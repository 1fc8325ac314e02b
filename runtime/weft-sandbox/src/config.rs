//! What the sandbox is told when it is made, and what each call brings along.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use weft_id::{InstanceId, Tenant};
use weft_store::Digest;

use crate::egress::{Cidr, Resolver, SystemResolver};
use crate::engine::TICK;

/// How a sandbox is set up. Every bound has a default that the documentation of its field gives.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where native code is kept, created with mode 0700; `None` keeps it in anonymous memory.
    pub native_dir: Option<PathBuf>,
    /// Signs native code, so that nothing but what this sandbox compiled is ever run.
    pub signing_key: [u8; 32],
    pub compiler: Compiler,
    pub pool: Pool,
    pub upload: UploadLimits,
    pub guest: GuestLimits,
    pub admission: Admission,
    /// Components that are kept loaded (default 2048); the least recently used goes first.
    pub loaded_max: usize,
    /// Tenants whose guests run in processes of their own.
    pub isolation: Isolation,
    /// Bytes of native code that are kept loaded (default 1 GiB): what a component takes of memory
    /// goes with its code. The least recently used goes first, the one in use never.
    pub loaded_bytes_max: u64,
    /// How often guests that compute are looked at (default 10 ms): one is stopped at most two
    /// ticks after its deadline.
    pub tick: Duration,
    /// Finds the addresses of the hosts that guests send requests to (default: the system's).
    pub resolver: Arc<dyn Resolver>,
    /// Private address ranges that outbound requests may reach nevertheless.
    pub egress_allow: Vec<Cidr>,
}

impl Config {
    /// The defaults, with `program` as the compiler: it must call [`crate::compile_main`] when it
    /// is started with [`Compiler::args`].
    #[must_use]
    pub fn new(program: PathBuf, signing_key: [u8; 32]) -> Self {
        Self {
            native_dir: None,
            signing_key,
            compiler: Compiler::new(program.clone()),
            isolation: Isolation::new(program),
            pool: Pool::default(),
            upload: UploadLimits::default(),
            guest: GuestLimits::default(),
            admission: Admission::default(),
            loaded_max: 2048,
            loaded_bytes_max: 1 << 30,
            tick: TICK,
            resolver: Arc::new(SystemResolver),
            egress_allow: Vec::new(),
        }
    }
}

/// The program that compiles uploads, and what one run of it may take.
#[derive(Debug, Clone)]
pub struct Compiler {
    pub program: PathBuf,
    /// Default: `compile`.
    pub args: Vec<String>,
    /// Address space (default 4 GiB; CPython with its libraries needs about half).
    pub memory_bytes_max: u64,
    /// Processor time, summed over threads (default 120 s).
    pub cpu_max: Duration,
    /// Default 120 s.
    pub wall_max: Duration,
    /// Native code of one component (default 512 MiB).
    pub output_bytes_max: u64,
    /// Runs at one time, one of each tenant at most (default: half of the processors, at least 2).
    pub concurrency: usize,
}

impl Compiler {
    fn new(program: PathBuf) -> Self {
        Self {
            program,
            args: vec!["compile".to_owned()],
            memory_bytes_max: 4 << 30,
            cpu_max: Duration::from_secs(120),
            wall_max: Duration::from_secs(120),
            output_bytes_max: 512 << 20,
            concurrency: std::thread::available_parallelism()
                .map_or(2, |n| n.get().div_ceil(2).max(2)),
        }
    }
}

/// Which tenants' guests run in processes of their own, and what one of those may take.
#[derive(Debug, Clone)]
pub struct Isolation {
    pub tenants: Isolated,
    /// Must call [`crate::guest_host_main`] with the argument that follows `args`.
    pub program: PathBuf,
    /// Default: `guest-host`.
    pub args: Vec<String>,
    /// Memory that is written to, of guests and of the process itself (default 2 GiB).
    pub memory_bytes_max: u64,
    /// Threads that run guests (default 2).
    pub threads: usize,
    /// Instances that exist at one time (default 128).
    pub instances: u32,
}

/// The tenants of an [`Isolation`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Isolated {
    These(BTreeSet<Tenant>),
    AllBut(BTreeSet<Tenant>),
}

impl Isolation {
    fn new(program: PathBuf) -> Self {
        Self {
            tenants: Isolated::These(BTreeSet::new()),
            program,
            args: vec!["guest-host".to_owned()],
            memory_bytes_max: 2 << 30,
            threads: 2,
            instances: 128,
        }
    }

    pub(crate) fn holds(&self, tenant: &Tenant) -> bool {
        match &self.tenants {
            Isolated::These(tenants) => tenants.contains(tenant),
            Isolated::AllBut(tenants) => !tenants.contains(tenant),
        }
    }
}

/// How much the engine sets aside. Totals bind, not what one component takes: a Python component
/// has 41 core instances.
#[derive(Debug, Clone, Copy)]
pub struct Pool {
    /// Instances that exist at one time, running or parked (default 4096).
    pub instances: u32,
    /// The largest linear memory of any function (default 1 GiB).
    pub memory_bytes_max: usize,
    /// Bytes of a freed memory that stay resident to be cleared and used again (default 512 KiB):
    /// every place of the pool that a crowd has used may keep them.
    pub memory_keep_resident: usize,
    /// Instances of activities that are made before they are asked for, over all of them (default
    /// 32).
    pub prepared: usize,
    /// Only of activities whose instances take at least so long to make (default 200 us).
    pub prepared_cost_min: Duration,
    /// One that was not asked for so long is dropped, half as long again later at most (default
    /// 10 s).
    pub prepared_idle_max: Duration,
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            instances: 4096,
            memory_bytes_max: 1 << 30,
            memory_keep_resident: 512 << 10,
            prepared: 32,
            prepared_cost_min: Duration::from_micros(200),
            prepared_idle_max: Duration::from_secs(10),
        }
    }
}

/// Bounds on uploads, chosen so that CPython, StarlingMonkey, QuickJS and Go pass.
#[derive(Debug, Clone, Copy)]
pub struct UploadLimits {
    /// Default 64 MiB.
    pub bytes_max: usize,
    /// Functions in one module (default 150,000).
    pub functions_max: u32,
    /// Bytes of one function's body (default 4 MiB).
    pub body_bytes_max: usize,
    /// Local variables of one function (default 20,000).
    pub locals_max: u32,
    /// Imports of the component and of one module (default 10,000).
    pub imports_max: u32,
    /// Instances after expanding what instantiates what (default 100).
    pub instances_max: u64,
    /// Components within components (default 16).
    pub nesting_max: usize,
}

impl Default for UploadLimits {
    fn default() -> Self {
        Self {
            bytes_max: 64 << 20,
            functions_max: 150_000,
            body_bytes_max: 4 << 20,
            locals_max: 20_000,
            imports_max: 10_000,
            instances_max: 100,
            nesting_max: 16,
        }
    }
}

/// Bounds on every guest; memory and time come from the function's own limits.
#[derive(Debug, Clone, Copy)]
pub struct GuestLimits {
    /// Elements of all tables together (default 100,000).
    pub table_elements_max: usize,
    /// Handles that the host holds for a guest (default 10,000).
    pub resources_max: usize,
    /// Bytes of one input, event or entity state that a guest hands over (default 64 MiB).
    pub payload_bytes_max: usize,
    /// Bytes that one host call may take in (default 80 MiB, above the largest payload).
    pub hostcall_bytes_max: usize,
    /// Bytes asked for in one call for randomness (default 64 KiB).
    pub random_bytes_max: u64,
    /// Bytes of one set of HTTP headers as held in memory (default 32 KiB).
    pub header_bytes_max: usize,
    /// Bytes of a request's body (default 64 MiB).
    pub request_bytes_max: usize,
    /// Bytes of a response's body, and of an activity's output (default 64 MiB).
    pub output_bytes_max: u64,
    /// A response body that nothing is added to for so long is ended (default 60 s).
    pub idle_max: Duration,
    /// Bytes of log that one invocation writes; the rest is counted (default 256 KiB).
    pub log_bytes_max: usize,
    /// Processor time that one turn of an orchestrator may take (default 10 s).
    pub turn_max: Duration,
}

impl GuestLimits {
    /// The defaults for another length of payloads.
    #[must_use]
    pub fn for_payloads(bytes_max: usize) -> Self {
        let defaults = Self::default();
        let beside = defaults.hostcall_bytes_max - defaults.payload_bytes_max;
        Self {
            payload_bytes_max: bytes_max,
            hostcall_bytes_max: bytes_max + beside,
            output_bytes_max: defaults.output_bytes_max.max(bytes_max as u64),
            ..defaults
        }
    }
}

impl Default for GuestLimits {
    fn default() -> Self {
        Self {
            table_elements_max: 100_000,
            resources_max: 10_000,
            payload_bytes_max: 64 << 20,
            hostcall_bytes_max: 80 << 20,
            random_bytes_max: 64 << 10,
            header_bytes_max: 32 << 10,
            request_bytes_max: 64 << 20,
            output_bytes_max: 64 << 20,
            idle_max: Duration::from_secs(60),
            log_bytes_max: 256 << 10,
            turn_max: Duration::from_secs(10),
        }
    }
}

/// How many invocations one tenant runs at a time.
#[derive(Debug, Clone, Copy)]
pub struct Admission {
    /// Invocations of one tenant (default 512, well below the pool).
    pub per_tenant: usize,
    /// How long one more waits before it is refused (default 2 s).
    pub wait_max: Duration,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            per_tenant: 512,
            wait_max: Duration::from_secs(2),
        }
    }
}

/// What to run and in whose name; cheap to clone.
#[derive(Debug, Clone)]
pub struct Invocation {
    pub app: weft_id::AppId,
    /// Its name, limits, environment and outbound grants.
    pub function: Arc<weft_app::Function>,
    /// The component that holds it.
    pub component: Digest,
    /// For logs: the orchestration that the call belongs to.
    pub instance: Option<InstanceId>,
}
