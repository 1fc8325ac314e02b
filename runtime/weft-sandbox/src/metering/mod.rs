//! What tenants use, counted where it is used, and the bounds that their quotas set to it.
//!
//! Everything on the way of a call is a few atomic operations: a call looks its tenant up once and
//! keeps the handle. What was used in excess of a rate is paid back by waiting: who has used ahead
//! is refused until the rate has caught up. Nothing here survives the process; what is stored is
//! counted by the store.

mod bucket;
mod call;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use weft_app::{Grants, Quota};
use weft_id::{App, AppId, Function, Tenant};

use bucket::Bucket;
pub(crate) use call::CallMeter;

/// Functions of one tenant that are counted by name; what comes after them is counted together.
const FUNCTIONS_MAX: usize = 10_000;
/// How far ahead of its rate a tenant may be.
const BURST: Duration = Duration::from_secs(10);

/// The meters of all tenants. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Metering(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// What holds where a tenant's own quota says nothing.
    default: Quota,
    /// What the operator lets anybody reach.
    policy: Grants,
    tenants: RwLock<HashMap<Tenant, Arc<TenantMeter>>>,
}

/// A tenant has used up what its quota gives for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the tenant has used up its quota: {quota} is limited to {max}")]
pub struct Limited {
    /// The field of the quota.
    pub quota: &'static str,
    pub max: u64,
    /// When another try may succeed.
    pub retry_after: Duration,
}

impl Metering {
    /// `default` holds where the quota of a tenant says nothing, `policy` beside what is granted to
    /// a tenant.
    #[must_use]
    pub fn new(default: Quota, policy: Grants) -> Self {
        Self(Arc::new(Inner {
            default,
            policy,
            tenants: RwLock::default(),
        }))
    }

    /// The meter of a tenant, made where it has none.
    #[must_use]
    pub fn of(&self, tenant: &Tenant) -> Arc<TenantMeter> {
        let tenants = self
            .0
            .tenants
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(meter) = tenants.get(tenant) {
            return Arc::clone(meter);
        }
        drop(tenants);
        let mut tenants = self
            .0
            .tenants
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let new = || Arc::new(TenantMeter::new(self.0.default, &self.0.policy));
        Arc::clone(tenants.entry(tenant.clone()).or_insert_with(new))
    }

    /// The meters that there are, by tenant.
    #[must_use]
    pub fn all(&self) -> Vec<(Tenant, Arc<TenantMeter>)> {
        let tenants = self
            .0
            .tenants
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let all = tenants.iter();
        let mut all: Vec<_> = all
            .map(|(t, meter)| (t.clone(), Arc::clone(meter)))
            .collect();
        all.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        all
    }

    /// Bounds a tenant by its own quota from now on, and by the default where that says nothing.
    pub fn set_quota(&self, tenant: &Tenant, own: Quota) {
        self.of(tenant).set_quota(own.over(self.0.default));
    }

    /// Lets a tenant reach what it is granted, within the operator's policy, from now on.
    pub fn set_grants(&self, tenant: &Tenant, own: &Grants) {
        let grants = Arc::new(own.meet(&self.0.policy));
        let meter = self.of(tenant);
        *meter.grants.write().unwrap_or_else(PoisonError::into_inner) = grants;
    }

    /// What the operator lets anybody reach.
    #[must_use]
    pub fn policy(&self) -> &Grants {
        &self.0.policy
    }

    /// Drops the meter of a tenant that is gone.
    pub fn forget(&self, tenant: &Tenant) {
        let mut tenants = self
            .0
            .tenants
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        tenants.remove(tenant);
    }

    /// For what runs for nobody.
    pub(crate) fn nobody() -> CallMeter {
        CallMeter::new(
            Arc::new(TenantMeter::new(Quota::default(), &Grants::default())),
            Arc::default(),
        )
    }

    pub(crate) fn call(&self, app: &AppId, function: &Function) -> CallMeter {
        let tenant = self.of(&app.tenant);
        let function = tenant.function(&app.app, function);
        CallMeter::new(tenant, function)
    }
}

/// What one tenant uses and may use.
#[derive(Debug)]
pub struct TenantMeter {
    quota: RwLock<Quota>,
    grants: RwLock<Arc<Grants>>,
    requests: Bucket,
    cpu_us: Bucket,
    egress: Bucket,
    logs: Bucket,
    concurrency_max: AtomicU64,
    memory_bytes_max: AtomicU64,
    memory_bytes: AtomicU64,
    running: AtomicU64,
    total: Used,
    functions: RwLock<Functions>,
}

#[derive(Debug, Default)]
struct Functions {
    by_app: HashMap<App, HashMap<Function, Arc<Used>>>,
    count: usize,
    /// Of those that have no place of their own.
    others: Arc<Used>,
}

/// Counters that only rise while the node runs, but for the peak.
#[derive(Debug, Default)]
pub(crate) struct Used {
    requests: AtomicU64,
    errors: AtomicU64,
    cpu_us: AtomicU64,
    memory_bytes_peak: AtomicU64,
    egress_bytes: AtomicU64,
    log_bytes: AtomicU64,
}

/// What was used up to now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MeterUsage {
    /// Calls of functions, whatever called them.
    pub requests: u64,
    /// Calls that gave no answer, or a failure.
    pub errors: u64,
    pub cpu_us: u64,
    /// The most linear memory at one time: of one call, or of all of a tenant together.
    pub memory_bytes_peak: u64,
    /// Bytes exchanged with other hosts.
    pub egress_bytes: u64,
    pub log_bytes: u64,
}

impl Used {
    #[must_use]
    pub(crate) fn now(&self) -> MeterUsage {
        let get = |value: &AtomicU64| value.load(Ordering::Relaxed);
        MeterUsage {
            requests: get(&self.requests),
            errors: get(&self.errors),
            cpu_us: get(&self.cpu_us),
            memory_bytes_peak: get(&self.memory_bytes_peak),
            egress_bytes: get(&self.egress_bytes),
            log_bytes: get(&self.log_bytes),
        }
    }
}

impl TenantMeter {
    fn new(quota: Quota, policy: &Grants) -> Self {
        let meter = Self {
            quota: RwLock::default(),
            grants: RwLock::new(Arc::new(policy.clone())),
            requests: Bucket::new(Duration::from_secs(1)),
            cpu_us: Bucket::new(BURST),
            egress: Bucket::new(BURST),
            logs: Bucket::new(BURST),
            concurrency_max: AtomicU64::new(u64::MAX),
            memory_bytes_max: AtomicU64::new(u64::MAX),
            memory_bytes: AtomicU64::new(0),
            running: AtomicU64::new(0),
            total: Used::default(),
            functions: RwLock::default(),
        };
        meter.set_quota(quota);
        meter
    }

    fn set_quota(&self, quota: Quota) {
        self.requests.set_rate(quota.requests_per_second);
        let cpu_us = quota.cpu_ms_per_second.map(|ms| ms.saturating_mul(1000));
        self.cpu_us.set_rate(cpu_us);
        self.egress.set_rate(quota.egress_bytes_per_second);
        self.logs.set_rate(quota.log_bytes_per_second);
        let concurrency = quota.concurrency.unwrap_or(u64::MAX);
        self.concurrency_max.store(concurrency, Ordering::Relaxed);
        let memory = quota.memory_mib.map(|mib| mib.saturating_mul(1 << 20));
        self.memory_bytes_max
            .store(memory.unwrap_or(u64::MAX), Ordering::Relaxed);
        *self.quota.write().unwrap_or_else(PoisonError::into_inner) = quota;
    }

    /// What bounds the tenant, defaults included.
    #[must_use]
    pub fn quota(&self) -> Quota {
        *self.quota.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the tenant may reach: what it is granted within the operator's policy.
    #[must_use]
    pub fn grants(&self) -> Arc<Grants> {
        let grants = self.grants.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&grants)
    }

    /// Counts a request of the tenant against its rate.
    ///
    /// # Errors
    /// [`Limited`].
    pub fn admit_request(&self) -> Result<(), Limited> {
        self.requests
            .take(1)
            .map_err(|wait| self.limited("requests_per_second", wait))
    }

    /// Whether the tenant may exchange more with other hosts now.
    ///
    /// # Errors
    /// [`Limited`].
    pub fn admit_egress(&self) -> Result<(), Limited> {
        self.egress
            .check()
            .map_err(|wait| self.limited("egress_bytes_per_second", wait))
    }

    /// Counts what was exchanged with other hosts by something that is no function.
    pub fn egress(&self, bytes: u64) {
        self.egress.charge(bytes);
        self.total.egress_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Whether functions of the tenant may compute now.
    pub(crate) fn admit_cpu(&self) -> Result<(), Limited> {
        self.cpu_us
            .check()
            .map_err(|wait| self.limited("cpu_ms_per_second", wait))
    }

    /// Invocations that may run at one time.
    pub(crate) fn concurrency_max(&self) -> u64 {
        self.concurrency_max.load(Ordering::Relaxed)
    }

    pub(crate) fn limited(&self, quota: &'static str, retry_after: Duration) -> Limited {
        let own = self.quota();
        let max = match quota {
            "requests_per_second" => own.requests_per_second,
            "cpu_ms_per_second" => own.cpu_ms_per_second,
            "egress_bytes_per_second" => own.egress_bytes_per_second,
            "concurrency" => own.concurrency,
            "memory_mib" => own.memory_mib,
            _ => None,
        };
        Limited {
            quota,
            max: max.unwrap_or_default(),
            retry_after,
        }
    }

    /// What all functions of the tenant have used; the peak is of all of them at one time.
    #[must_use]
    pub fn usage(&self) -> MeterUsage {
        self.total.now()
    }

    /// Linear memory that its instances have now.
    #[must_use]
    pub fn memory_bytes(&self) -> u64 {
        self.memory_bytes.load(Ordering::Relaxed)
    }

    /// Calls that run now.
    #[must_use]
    pub fn running(&self) -> u64 {
        self.running.load(Ordering::Relaxed)
    }

    /// What its functions have used that were called, by app and name.
    #[must_use]
    pub fn functions(&self) -> Vec<(App, Function, MeterUsage)> {
        let functions = self
            .functions
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let apps = functions.by_app.iter();
        let all = apps.flat_map(|(app, of)| {
            of.iter()
                .map(|(name, used)| (app.clone(), name.clone(), used.now()))
        });
        let mut all: Vec<_> = all.filter(|(_, _, used)| used.requests > 0).collect();
        all.sort_unstable_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        all
    }

    fn function(&self, app: &App, name: &Function) -> Arc<Used> {
        let functions = self
            .functions
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let known = functions.by_app.get(app).and_then(|of| of.get(name));
        if let Some(used) = known {
            return Arc::clone(used);
        }
        drop(functions);
        let mut functions = self
            .functions
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if functions.count >= FUNCTIONS_MAX {
            return Arc::clone(&functions.others);
        }
        let of = functions.by_app.entry(app.clone()).or_default();
        let before = of.len();
        let used = Arc::clone(of.entry(name.clone()).or_default());
        functions.count += functions.by_app[app].len() - before;
        used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metering(quota: Quota) -> Metering {
        Metering::new(quota, Grants::default())
    }

    #[test]
    fn a_tenants_own_quota_comes_before_the_default() {
        let metering = metering(Quota {
            requests_per_second: Some(1),
            concurrency: Some(5),
            ..Quota::default()
        });
        let tenant = Tenant::default();
        let meter = metering.of(&tenant);
        assert_eq!(meter.admit_request(), Ok(()));
        let limited = meter.admit_request().unwrap_err();
        assert_eq!((limited.quota, limited.max), ("requests_per_second", 1));
        assert!(limited.retry_after <= Duration::from_secs(1), "{limited:?}");
        let own = Quota {
            requests_per_second: Some(1000),
            ..Quota::default()
        };
        metering.set_quota(&tenant, own);
        assert_eq!(meter.admit_request(), Ok(()));
        assert_eq!(meter.concurrency_max(), 5);
        let other: Tenant = "other".parse().unwrap();
        assert_eq!(metering.of(&other).quota().requests_per_second, Some(1));
    }

    #[test]
    fn functions_are_counted_by_name_and_in_all() {
        let metering = metering(Quota::default());
        let app = AppId::default();
        for (name, bytes) in [("a", 1), ("b", 2), ("a", 4)] {
            let call = metering.call(&app, &name.parse().unwrap());
            call.begin();
            call.egress(bytes);
        }
        let meter = metering.of(&app.tenant);
        let bytes: Vec<_> = meter
            .functions()
            .into_iter()
            .map(|(_, name, used)| (name.to_string(), used.requests, used.egress_bytes))
            .collect();
        assert_eq!(bytes, [("a".to_owned(), 2, 5), ("b".to_owned(), 1, 2)]);
        assert_eq!(meter.usage().egress_bytes, 7);
    }

    #[test]
    fn names_without_end_are_counted_together() {
        let metering = metering(Quota::default());
        let app = AppId::default();
        for number in 0..FUNCTIONS_MAX + 5 {
            let name = format!("f{number}").parse().unwrap();
            metering.call(&app, &name).begin();
        }
        let meter = metering.of(&app.tenant);
        assert_eq!(meter.functions().len(), FUNCTIONS_MAX);
        assert_eq!(meter.usage().requests, FUNCTIONS_MAX as u64 + 5);
    }
}
