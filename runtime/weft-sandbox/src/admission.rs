//! Who may run now: so many invocations for each tenant and each function, a bounded wait for one
//! more, then a refusal. Parked orchestrators hold no place here.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use weft_id::{AppId, Function, Tenant};

use crate::CallError;
use crate::config::{Admission, Invocation};

/// Entries are as many as tenants and functions have been called.
pub(crate) struct Gate {
    settings: Admission,
    places: Mutex<Places>,
}

#[derive(Default)]
struct Places {
    tenants: HashMap<Tenant, Arc<Semaphore>>,
    functions: HashMap<AppId, HashMap<Function, FunctionPlaces>>,
}

struct FunctionPlaces {
    max: u32,
    semaphore: Arc<Semaphore>,
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
    /// [`CallError::Busy`] when no place was free in time.
    pub(crate) async fn admit(&self, call: &Invocation) -> Result<Admitted, CallError> {
        let (tenant, function) = self.semaphores(call);
        let wait = self.settings.wait_max;
        let tenant_name = &call.app.tenant;
        let tenant = acquire(tenant, wait, || {
            let max = self.settings.per_tenant;
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

    fn semaphores(&self, call: &Invocation) -> (Arc<Semaphore>, Arc<Semaphore>) {
        let mut places = self.places.lock().expect("no panic while it is held");
        let places = &mut *places;
        let tenant = match places.tenants.get(&call.app.tenant) {
            Some(semaphore) => Arc::clone(semaphore),
            None => {
                let semaphore = Arc::new(Semaphore::new(self.settings.per_tenant));
                let name = call.app.tenant.clone();
                places.tenants.insert(name, Arc::clone(&semaphore));
                semaphore
            }
        };
        let (name, max) = (&call.function.name, call.function.limits.concurrency);
        let known = places.functions.get(&call.app).and_then(|of| of.get(name));
        let function = match known {
            Some(places) if places.max == max => Arc::clone(&places.semaphore),
            Some(_) | None => {
                let semaphore = Arc::new(Semaphore::new(max as usize));
                let of = places.functions.entry(call.app.clone()).or_default();
                let own = FunctionPlaces {
                    max,
                    semaphore: Arc::clone(&semaphore),
                };
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
