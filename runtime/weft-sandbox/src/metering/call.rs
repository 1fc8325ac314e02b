//! The meter of one call: what it counts goes to its function and to its tenant.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::{Limited, TenantMeter, Used};

#[derive(Debug, Clone)]
pub(crate) struct CallMeter {
    tenant: Arc<TenantMeter>,
    function: Arc<Used>,
}

/// Counts a call for as long as it runs.
#[derive(Debug)]
pub(crate) struct Running(Arc<TenantMeter>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

impl CallMeter {
    pub(super) fn new(tenant: Arc<TenantMeter>, function: Arc<Used>) -> Self {
        Self { tenant, function }
    }

    pub(crate) fn tenant(&self) -> &TenantMeter {
        &self.tenant
    }

    pub(crate) fn begin(&self) -> Running {
        self.add(1, |used| &used.requests);
        self.tenant.running.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(&self.tenant))
    }

    /// The call gave no answer, or a failure.
    pub(crate) fn failed(&self) {
        self.add(1, |used| &used.errors);
    }

    pub(crate) fn cpu(&self, spent: Duration) {
        let us = u64::try_from(spent.as_micros()).unwrap_or(u64::MAX);
        self.tenant.cpu_us.charge(us);
        self.add(us, |used| &used.cpu_us);
    }

    pub(crate) fn egress(&self, bytes: u64) {
        self.tenant.egress.charge(bytes);
        self.add(bytes, |used| &used.egress_bytes);
    }

    /// Whether so much may be logged; counts it then.
    pub(crate) fn log(&self, bytes: u64) -> bool {
        let admitted = self.tenant.logs.take(bytes).is_ok();
        if admitted {
            self.add(bytes, |used| &used.log_bytes);
        }
        admitted
    }

    /// Takes memory for an instance that has `own` bytes with it.
    ///
    /// # Errors
    /// [`Limited`] where the tenant has no more.
    pub(crate) fn grow(&self, more: u64, own: u64) -> Result<(), Limited> {
        let held = &self.tenant.memory_bytes;
        let all = held.fetch_add(more, Ordering::Relaxed) + more;
        if all > self.tenant.memory_bytes_max.load(Ordering::Relaxed) {
            held.fetch_sub(more, Ordering::Relaxed);
            return Err(self.tenant.limited("memory_mib", Duration::from_secs(1)));
        }
        let total = &self.tenant.total.memory_bytes_peak;
        total.fetch_max(all, Ordering::Relaxed);
        let function = &self.function.memory_bytes_peak;
        function.fetch_max(own, Ordering::Relaxed);
        Ok(())
    }

    /// Gives back what an instance had.
    pub(crate) fn shrink(&self, bytes: u64) {
        self.tenant.memory_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Runs a future and counts the time in which it is polled. That is processor time but for
    /// what the system takes for others meanwhile; the clock that knows better costs a call of the
    /// system each time.
    pub(crate) async fn timed<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|cx| {
            let from = Instant::now();
            let polled = future.as_mut().poll(cx);
            self.cpu(from.elapsed());
            polled
        })
        .await
    }

    fn add(&self, amount: u64, field: impl Fn(&Used) -> &AtomicU64) {
        field(&self.function).fetch_add(amount, Ordering::Relaxed);
        field(&self.tenant.total).fetch_add(amount, Ordering::Relaxed);
    }
}
