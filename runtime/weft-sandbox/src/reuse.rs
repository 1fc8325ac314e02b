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
use std::time::{Duration, Instant};

use lru::LruCache;
use wasmtime::Store;
use wasmtime_wasi_http::p2::bindings::Proxy;
use weft_id::{AppId, Function};
use weft_store::Digest;

use crate::config::Invocation;
use crate::state::State;

/// One that was not asked for so long is dropped when another comes to rest.
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
        // Freeing instances takes a while.
        drop(inner);
        drop(outdated);
        None
    }

    fn put(&self, warm: Box<Warm>) {
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
            while let Some(warm) = inner.pop_outdated(self.most) {
                gone.push(warm);
            }
        }
        drop(gone);
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().expect("no panic while it is held")
    }
}

impl Inner {
    /// The one that has rested longest, of the owner served longest ago, where it is to go.
    fn pop_outdated(&mut self, most: usize) -> Option<Box<Warm>> {
        let (_, rested) = self.by_owner.peek_lru()?;
        let oldest = rested.front()?.since.elapsed();
        if self.count <= most && oldest <= IDLE_MAX {
            return None;
        }
        let (owner, mut rested) = self.by_owner.pop_lru()?;
        let warm = rested.pop_front();
        self.count -= usize::from(warm.is_some());
        if !rested.is_empty() {
            self.by_owner.put(owner.clone(), rested);
            self.by_owner.demote(&owner);
        }
        warm
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
    /// An instance that has just served; `None` where it was the last time.
    pub(crate) fn after(
        store: Store<State>,
        proxy: Proxy,
        left: u32,
        home: &Weak<Rested>,
    ) -> Option<Box<Self>> {
        let left = left.checked_sub(1).filter(|left| *left > 0)?;
        Some(Box::new(Self {
            call: store.data().call.clone(),
            store,
            proxy,
            left,
            home: Weak::clone(home),
            since: Instant::now(),
        }))
    }

    pub(crate) fn left(&self) -> u32 {
        self.left
    }

    /// Waits for the next request.
    pub(crate) fn rest(mut self: Box<Self>) {
        if let Some(home) = self.home.upgrade() {
            self.store.data().logs.end();
            self.since = Instant::now();
            home.put(self);
        }
    }
}
