//! Instances that are made before anybody asks for them, for activities whose instances take long to
//! make: those of languages with a runtime of their own.
//!
//! After a call that had to make its instance and took [`crate::Pool::prepared_cost_min`] for it, the
//! next ones are made in the background. Nobody computes less for it, but callers who come one after another no longer
//! wait while it is done.
//!
//! Invariants:
//! - one that is prepared has run nothing but the component's own start, serves one call, and is
//!   dropped after it like any other: what is prepared shares no more than what is not;
//! - it serves only the activity, of the app and revision, for which it was made;
//! - tenants whose memory or processor time is bounded have none: what nobody has asked for must not
//!   take what a call would;
//! - their number is bounded, for each activity and over all; the activity that was asked for
//!   longest ago loses them first, and what nobody asks for is dropped.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use lru::LruCache;
use tokio::time::Instant;
use wasmtime::Store;
use wasmtime::component::Instance;
use weft_id::{AppId, Function};
use weft_store::Digest;

use crate::Sandbox;
use crate::config::{Invocation, Pool};
use crate::loaded::Loaded;
use crate::running::in_slices;
use crate::state::{Role, State};

/// Of one activity, which gets as many as there were calls at once.
const EACH_MAX: usize = 2;
/// Activities that are remembered.
const SHELVES_MAX: usize = 1024;
/// What making one may take.
const MAKING_MAX: Duration = Duration::from_secs(5);

/// Whose an instance is. Tenants and apps are part of it, so that no two ever share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Owner {
    app: AppId,
    function: Function,
    component: Digest,
}

impl Owner {
    fn of(call: &Invocation) -> Self {
        Self {
            app: call.app.clone(),
            function: call.function.name.clone(),
            component: call.component,
        }
    }
}

/// Instances that wait for their call.
pub(crate) struct Prepared {
    most: usize,
    cost_min: Duration,
    idle_max: Duration,
    inner: Mutex<Inner>,
}

struct Inner {
    by_owner: LruCache<Owner, Shelf>,
    count: usize,
    /// On their way, of all activities; as many as may be ready.
    making: usize,
    /// A task looks after those that nobody asks for.
    swept: bool,
}

/// What there is of one activity.
struct Shelf {
    function: Arc<weft_app::Function>,
    ready: Vec<Ready>,
    making: usize,
}

/// An instance that has served nobody.
pub(crate) struct Ready {
    pub(crate) store: Store<State>,
    pub(crate) instance: Instance,
    since: Instant,
}

impl Prepared {
    pub(crate) fn new(pool: &Pool) -> Self {
        let shelves = NonZeroUsize::new(SHELVES_MAX).expect("not zero");
        Self {
            most: pool.prepared,
            cost_min: pool.prepared_cost_min,
            idle_max: pool.prepared_idle_max,
            inner: Mutex::new(Inner {
                by_owner: LruCache::new(shelves),
                count: 0,
                making: 0,
                swept: false,
            }),
        }
    }

    /// One for this call, if there is one.
    pub(crate) fn take(&self, call: &Invocation) -> Option<Ready> {
        let mut inner = self.inner();
        let shelf = inner.by_owner.get_mut(&Owner::of(call))?;
        // Of the same settings only: another revision has its own function, even of the same code.
        if !Arc::ptr_eq(&shelf.function, &call.function) {
            let outdated = inner.by_owner.pop(&Owner::of(call))?;
            inner.count -= outdated.ready.len();
            drop(inner);
            drop(outdated);
            return None;
        }
        let taken = shelf.ready.pop()?;
        inner.count -= 1;
        Some(taken)
    }

    /// Whether one more is to be made for calls like this one, of which an instance took so long;
    /// nothing where it was prepared. Whoever is told so puts it here.
    fn wants(&self, call: &Invocation, cost: Option<Duration>) -> bool {
        if self.most == 0 {
            return false;
        }
        let owner = Owner::of(call);
        let mut inner = self.inner();
        if inner.by_owner.peek(&owner).is_none() {
            if cost.is_none_or(|cost| cost < self.cost_min) {
                return false;
            }
            let shelf = Shelf {
                function: Arc::clone(&call.function),
                ready: Vec::new(),
                making: 0,
            };
            let forgotten = inner.by_owner.push(owner.clone(), shelf);
            inner.count -= forgotten.map_or(0, |(_, shelf)| shelf.ready.len());
        }
        if inner.making >= self.most {
            return false;
        }
        let shelf = inner.by_owner.get_mut(&owner);
        let shelf = shelf.filter(|shelf| Arc::ptr_eq(&shelf.function, &call.function));
        let Some(shelf) = shelf.filter(|shelf| shelf.ready.len() + shelf.making < EACH_MAX) else {
            return false;
        };
        shelf.making += 1;
        inner.making += 1;
        true
    }

    /// Takes what came of making one.
    fn put(self: Arc<Self>, call: &Invocation, made: Option<Ready>) {
        let mut gone = Vec::new();
        let mut inner = self.inner();
        inner.making -= 1;
        let shelf = inner.by_owner.peek_mut(&Owner::of(call));
        let shelf = shelf.filter(|shelf| Arc::ptr_eq(&shelf.function, &call.function));
        let Some(shelf) = shelf else {
            return;
        };
        // It may be another shelf than the one that it was made for.
        shelf.making = shelf.making.saturating_sub(1);
        let Some(ready) = made else {
            return;
        };
        shelf.ready.push(ready);
        inner.count += 1;
        while inner.count > self.most
            && let Some((_, shelf)) = inner.by_owner.pop_lru()
        {
            inner.count -= shelf.ready.len();
            gone.push(shelf);
        }
        if !inner.swept
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            inner.swept = true;
            runtime.spawn(sweep(Arc::downgrade(&self), self.idle_max));
        }
        drop(inner);
        drop(gone);
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sandbox {
    /// After a call whose instance took so long to make, or was prepared: makes the next.
    pub(crate) fn prepare_next(
        &self,
        call: Invocation,
        loaded: Arc<Loaded>,
        cost: Option<Duration>,
    ) {
        let quota = self.metering().of(&call.app.tenant).quota();
        // What nobody has asked for yet must not take what a call would.
        let bounded = quota.memory_mib.is_some() || quota.cpu_ms_per_second.is_some();
        if bounded || !self.prepared().wants(&call, cost) {
            return;
        }
        let sandbox = self.clone();
        tokio::spawn(async move {
            let call = Invocation {
                instance: None,
                ..call
            };
            let mut store = sandbox.store(call.clone(), Role::Activity, MAKING_MAX);
            // On the tenant's account, and when it is its turn.
            let mut share = sandbox.share(&call.app.tenant);
            let made = in_slices(&mut share, loaded.pre.instantiate_async(&mut store));
            let made = tokio::time::timeout(MAKING_MAX, made).await;
            let meter = sandbox.metering().call(&call.app, &call.function.name);
            meter.cpu(share.spent());
            // Why it fails is told to the call that meets it.
            let made = match made {
                Ok(Ok(Ok(instance))) => Some(Ready {
                    store,
                    instance,
                    since: Instant::now(),
                }),
                Ok(Ok(Err(_)) | Err(_)) | Err(_) => None,
            };
            Arc::clone(sandbox.prepared()).put(&call, made);
        });
    }
}

/// Drops what nobody has asked for, until nothing is there.
async fn sweep(home: Weak<Prepared>, idle_max: Duration) {
    loop {
        tokio::time::sleep(idle_max / 2).await;
        let Some(home) = home.upgrade() else {
            return;
        };
        let mut idle = Vec::new();
        let mut inner = home.inner();
        for (_, shelf) in &mut inner.by_owner {
            let old = |ready: &mut Ready| ready.since.elapsed() >= idle_max;
            idle.extend(shelf.ready.extract_if(.., old));
        }
        inner.count -= idle.len();
        inner.swept = inner.count > 0;
        let done = !inner.swept;
        drop(inner);
        // Freeing instances takes a while, which no request waits for.
        tokio::task::spawn_blocking(move || drop(idle));
        if done {
            return;
        }
    }
}
