//! Who may run now: so many invocations for each tenant and each function, a bounded wait for one
//! more, then a refusal. Parked orchestrators hold no place here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use weft_id::{AppId, Function, Tenant};

use crate::CallError;
use crate::config::{Admission, Invocation};
use crate::metering::CallMeter;

/// Entries are as many as tenants and functions have been called.
pub(crate) struct Gate {
    settings: Admission,
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    tenants: HashMap<Tenant, Room>,
    functions: HashMap<AppId, HashMap<Function, Room>>,
}

/// Places of which the number may be set anew.
struct Room {
    max: usize,
    semaphore: Arc<Semaphore>,
}

impl Room {
    fn new(max: usize) -> Self {
        Self {
            max,
            semaphore: Arc::new(Semaphore::new(max)),
        }
    }
}

/// A running invocation's place, given back when dropped.
pub(crate) struct Admitted {
    _function: OwnedSemaphorePermit,
    _tenant: OwnedSemaphorePermit,
}

impl Gate {
    pub(crate) fn new(settings: Admission) -> Self {
        Self {
            settings,
            places: Mutex::new(Places::default()),
        }
    }

    /// # Errors
    /// [`CallError::Busy`] when no place was free in time; [`CallError::Limited`] while the tenant
    /// has used more processor time than it may.
    pub(crate) async fn admit(
        &self,
        call: &Invocation,
        meter: &CallMeter,
    ) -> Result<Admitted, CallError> {
        meter.tenant().admit_cpu()?;
        let asked = usize::try_from(meter.tenant().concurrency_max()).unwrap_or(usize::MAX);
        let max = asked.min(self.settings.per_tenant);
        let (tenant, function) = self.semaphores(call, max);
        let wait = self.settings.wait_max;
        let tenant_name = &call.app.tenant;
        let tenant = acquire(tenant, wait, || {
            format!("tenant {tenant_name} runs {max} invocations already")
        });
        let tenant = tenant.await?;
        let function = acquire(function, wait, || {
            let (name, max) = (&call.function.name, call.function.limits.concurrency);
            format!("function {name} runs {max} times already")
        });
        Ok(Admitted {
            _function: function.await?,
            _tenant: tenant,
        })
    }

    fn semaphores(&self, call: &Invocation, tenant_max: usize) -> (Arc<Semaphore>, Arc<Semaphore>) {
        let mut places = self.places.lock().expect("no panic while it is held");
        let places = &mut *places;
        let tenant = match places.tenants.get(&call.app.tenant) {
            Some(known) if known.max == tenant_max => Arc::clone(&known.semaphore),
            Some(_) | None => {
                let own = Room::new(tenant_max);
                let semaphore = Arc::clone(&own.semaphore);
                places.tenants.insert(call.app.tenant.clone(), own);
                semaphore
            }
        };
        let name = &call.function.name;
        let max = call.function.limits.concurrency as usize;
        let known = places.functions.get(&call.app).and_then(|of| of.get(name));
        let function = match known {
            Some(known) if known.max == max => Arc::clone(&known.semaphore),
            Some(_) | None => {
                let own = Room::new(max);
                let semaphore = Arc::clone(&own.semaphore);
                let of = places.functions.entry(call.app.clone()).or_default();
                of.insert(name.clone(), own);
                semaphore
            }
        };
        (tenant, function)
    }
}

async fn acquire(
    semaphore: Arc<Semaphore>,
    wait: Duration,
    full: impl FnOnce() -> String,
) -> Result<OwnedSemaphorePermit, CallError> {
    if let Ok(permit) = Arc::clone(&semaphore).try_acquire_owned() {
        return Ok(permit);
    }
    match tokio::time::timeout(wait, semaphore.acquire_owned()).await {
        Ok(permit) => Ok(permit.expect("the semaphore is never closed")),
        Err(_) => Err(CallError::Busy(full())),
    }
}
