//! The engine and its clock.
//!
//! One engine per process. Epochs are advanced by a thread of their own: a task of the runtime
//! could starve on the very guest that it must stop.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::SetupError;
use crate::config::Pool;
use crate::fair::Processor;

/// How often guests are looked at where nothing else is asked for. A guest is stopped at most two
/// ticks after its deadline.
pub(crate) const TICK: Duration = Duration::from_millis(5);

/// The heartbeat is missing when the ticker has not run for so long.
const HEARTBEAT_MAX: Duration = Duration::from_millis(1000);

pub(crate) const CORE_INSTANCES_PER_COMPONENT: u32 = 100;
pub(crate) const MEMORIES_PER_COMPONENT: u32 = 10;
pub(crate) const TABLES_PER_COMPONENT: u32 = 20;
/// Of every instance on average; what one component may have is above.
const CORE_INSTANCES_MEAN: u32 = 41;
const MEMORIES_MEAN: u32 = 3;

/// What decides about native code: the same in the server and in the compiler.
fn compile_config() -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .memory_init_cow(true)
        // Guests are WASI 0.2: the machinery for `async func` costs each call 15 % and each parked
        // guest 5 KiB.
        .concurrency_support(false)
        .max_wasm_stack(512 << 10)
        .async_stack_size(2 << 20);
    config
}

/// An engine that compiles and runs nothing.
pub(crate) fn compiling() -> wasmtime::Result<Engine> {
    Engine::new(&compile_config())
}

pub(crate) fn running(pool: &Pool) -> wasmtime::Result<Engine> {
    let mut pooling = PoolingAllocationConfig::new();
    pooling
        .total_component_instances(pool.instances)
        .total_core_instances(pool.instances.saturating_mul(CORE_INSTANCES_MEAN))
        .total_memories(pool.instances.saturating_mul(MEMORIES_MEAN))
        .total_tables(pool.instances.saturating_mul(MEMORIES_MEAN))
        .total_stacks(pool.instances)
        .max_memory_size(pool.memory_bytes_max)
        .table_elements(100_000)
        .max_core_instance_size(1 << 20)
        .max_component_instance_size(1 << 20)
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_memories_per_module(2)
        .max_tables_per_module(10)
        .linear_memory_keep_resident(pool.memory_keep_resident)
        .table_keep_resident(1 << 20)
        .pagemap_scan(Enabled::Auto);
    let mut config = compile_config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pooling));
    Engine::new(&config)
}

/// Tells native code of different engines apart: version, settings and processor.
pub(crate) fn compatibility(engine: &Engine) -> u64 {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

/// Advances the engine's epoch until it is dropped, and looks after the queue for the processor.
#[derive(Debug)]
pub(crate) struct Ticker {
    stop: Arc<AtomicBool>,
    beat_ms: Arc<AtomicU64>,
    started: Instant,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn start(
        engine: Engine,
        processor: Arc<Processor>,
        tick: Duration,
    ) -> Result<Self, SetupError> {
        let stop = Arc::new(AtomicBool::new(false));
        let beat_ms = Arc::new(AtomicU64::new(0));
        let started = Instant::now();
        let (stopped, beat) = (Arc::clone(&stop), Arc::clone(&beat_ms));
        let thread = std::thread::Builder::new()
            .name("weft-epoch".to_owned())
            .spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    std::thread::sleep(tick);
                    engine.increment_epoch();
                    processor.sweep();
                    beat.store(millis(started.elapsed()), Ordering::Relaxed);
                }
            })
            .map_err(SetupError::Ticker)?;
        Ok(Self {
            stop,
            beat_ms,
            started,
            thread: Some(thread),
        })
    }

    /// Whether the thread still runs, so that loops of guests end.
    pub(crate) fn is_healthy(&self) -> bool {
        let beat = self.beat_ms.load(Ordering::Relaxed);
        millis(self.started.elapsed()).saturating_sub(beat) < millis(HEARTBEAT_MAX)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It ends within a tick; a panic of it has nothing to report here.
            drop(thread.join());
        }
    }
}
