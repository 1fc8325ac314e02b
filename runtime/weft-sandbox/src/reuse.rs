//! Instances that HTTP functions keep between requests, where a function asks for that
//! ([`weft_app::Limits::requests_per_instance`]).
//!
//! Invariants:
//! - an instance serves one request at a time, and only the function, of the app and revision, for
//!   which it was made;
//! - one that has trapped, run out of time or given no answer serves nobody again;
//! - their number is bounded, over all functions; the one that has rested longest goes first.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use tokio::time::Instant;

use lru::LruCache;
use wasmtime::Store;
use wasmtime_wasi_http::p2::bindings::Proxy;
use weft_id::{AppId, Function};
use weft_store::Digest;

use crate::config::Invocation;
use crate::state::State;

/// One that was not asked for so long is dropped, half as long again later at most.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// Whose an instance is. Tenants and apps are part of it, so that no two ever share one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Owner {
    app: AppId,
    function: Function,
    component: Digest,
}

/// Instances at rest.
pub(crate) struct Rested {
    most: usize,
    inner: Mutex<Inner>,
}

struct Inner {
    /// No list is empty; the owner that was served longest ago is the first to lose something.
    by_owner: LruCache<Owner, VecDeque<Box<Warm>>>,
    count: usize,
    /// A task looks after those that nobody asks for.
    swept: bool,
}

/// An instance that may serve again.
pub(crate) struct Warm {
    pub(crate) store: Store<State>,
    pub(crate) proxy: Proxy,
    /// Requests that it may still serve.
    left: u32,
    call: Invocation,
    home: Weak<Rested>,
    since: Instant,
}

impl Rested {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
            inner: Mutex::new(Inner {
                by_owner: LruCache::unbounded(),
                count: 0,
                swept: false,
            }),
        }
    }

    /// One for this call, if there is one at rest.
    pub(crate) fn take(&self, call: &Invocation) -> Option<Box<Warm>> {
        let owner = Owner::of(call);
        let mut inner = self.inner();
        let rested = inner.by_owner.get_mut(&owner)?;
        // Of the same settings only: another revision has its own function, even of the same code.
        let fits = |warm: &Warm| Arc::ptr_eq(&warm.call.function, &call.function);
        if rested.back().is_some_and(|warm| fits(warm)) {
            let warm = rested.pop_back();
            if rested.is_empty() {
                inner.by_owner.pop(&owner);
            }
            inner.count -= 1;
            return warm;
        }
        let outdated = inner.by_owner.pop(&owner)?;
        inner.count -= outdated.len();
        drop(inner);
        free(outdated);
        None
    }

    fn put(self: Arc<Self>, warm: Box<Warm>) {
        let owner = Owner::of(&warm.call);
        let mut gone = Vec::new();
        {
            let mut inner = self.inner();
            match inner.by_owner.get_mut(&owner) {
                Some(rested) => rested.push_back(warm),
                None => {
                    inner.by_owner.put(owner, VecDeque::from([warm]));
                }
            }
            inner.count += 1;
            while inner.count > self.most
                && let Some(warm) = inner.pop_oldest()
            {
                gone.push(warm);
            }
            if !inner.swept
                && let Ok(runtime) = tokio::runtime::Handle::try_current()
            {
                inner.swept = true;
                runtime.spawn(sweep(Arc::downgrade(&self)));
            }
        }
        drop(gone);
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic while it is held")
    }
}

impl Inner {
    /// The one that has rested longest, of the owner served longest ago.
    fn pop_oldest(&mut self) -> Option<Box<Warm>> {
        let (owner, mut rested) = self.by_owner.pop_lru()?;
        let warm = rested.pop_front();
        self.count -= usize::from(warm.is_some());
        if !rested.is_empty() {
            self.by_owner.put(owner.clone(), rested);
            self.by_owner.demote(&owner);
        }
        warm
    }

    fn take_idle(&mut self) -> VecDeque<Box<Warm>> {
        let mut idle = VecDeque::new();
        let mut empty = Vec::new();
        for (owner, rested) in &mut self.by_owner {
            while rested
                .front()
                .is_some_and(|warm| warm.since.elapsed() >= IDLE_MAX)
            {
                idle.extend(rested.pop_front());
            }
            if rested.is_empty() {
                empty.push(owner.clone());
            }
        }
        for owner in empty {
            self.by_owner.pop(&owner);
        }
        self.count -= idle.len();
        idle
    }
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

impl Warm {
    /// An instance that has just served; `None` where it may not serve again.
    pub(crate) fn after(
        mut store: Store<State>,
        proxy: Proxy,
        left: u32,
        home: &Weak<Rested>,
    ) -> Option<Box<Self>> {
        let left = left.checked_sub(1).filter(|left| *left > 0)?;
        store.data_mut().is_at_rest().then(|| {
            Box::new(Self {
                call: store.data().call.clone(),
                store,
                proxy,
                left,
                home: Weak::clone(home),
                since: Instant::now(),
            })
        })
    }

    /// Waits for the next request.
    pub(crate) fn rest(mut self: Box<Self>) {
        if let Some(home) = self.home.upgrade() {
            self.store.data().logs.end();
            self.since = Instant::now();
            home.put(self);
        }
    }

    pub(crate) fn left(&self) -> u32 {
        self.left
    }
}

/// Drops what nobody has asked for, until nothing is at rest.
async fn sweep(home: Weak<Rested>) {
    loop {
        tokio::time::sleep(IDLE_MAX / 2).await;
        let Some(home) = home.upgrade() else {
            return;
        };
        let (idle, done) = {
            let mut inner = home.inner();
            let idle = inner.take_idle();
            inner.swept = inner.count > 0;
            (idle, !inner.swept)
        };
        free(idle);
        if done {
            return;
        }
    }
}

/// Freeing instances takes a while, which no request waits for.
fn free(instances: impl Send + 'static) {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        runtime.spawn_blocking(move || drop(instances));
    }
}
