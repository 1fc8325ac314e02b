//! Whose guest computes next: fair between tenants by the processor time that they have used.
//!
//! The runtime runs ready tasks in the order in which they became ready, so that a tenant with a
//! hundred endless loops would make everybody wait for a hundred of their slices. Here each tenant
//! has an account of what its guests have used. Guests of a tenant that has used little of late run
//! as they come. Those of a tenant that has used more ask for a slot first, at each slice: there are
//! as many slots as threads, they go to the tenant that has used the least, and whoever gets one
//! goes to the end of the runtime's own queue. So at most a slice of others on each thread lies
//! between a request and its turn, and two tenants that both compute get equal parts.
//!
//! A tenant that computes alone in short slices asks for none: whoever joins waits for those slices
//! once, and has the others ask again from then on.
//!
//! "Used the least" is a virtual time: what a tenant has used, but never much less than where those
//! are who were served last, so that nobody saves up for later by being idle.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, RwLock};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use weft_id::Tenant;

/// What was used counts half as much after each of these.
const WINDOW: Duration = Duration::from_millis(128);
/// A tenant that has used more of late asks for slots. It is about a tenth of one processor.
const LIGHT_MAX: Duration = Duration::from_millis(16);
/// How far a tenant may lie behind whoever was served last. It is between two of its slices again and
/// again, and must not lose what it has left each time.
const LAG_MAX: Duration = Duration::from_millis(50);
/// A slot that was given and is not taken for so long goes to somebody else: whoever polls its guest
/// may wait for its peer.
const GRANT_MAX: Duration = Duration::from_millis(100);

/// The processor, as guests of all tenants share it.
pub(crate) struct Processor {
    accounts: RwLock<HashMap<Tenant, Arc<Account>>>,
    queue: Mutex<Queue>,
    /// Slots; set by the first guest, from the runtime that it runs on.
    slots: AtomicUsize,
    /// The account that was charged last, as its address, and the window up to which several are.
    last: AtomicUsize,
    shared_until: AtomicU64,
    started: Instant,
}

/// What one tenant has used.
pub(crate) struct Account {
    tenant: Tenant,
    used: Mutex<Used>,
}

#[derive(Default)]
struct Used {
    window: u64,
    recent: Duration,
    total: Duration,
    virtual_time: Duration,
}

impl Used {
    fn decay(&mut self, window: u64) {
        let passed = window.saturating_sub(self.window).min(31);
        if passed > 0 {
            self.recent /= 1 << passed;
            self.window = window;
        }
    }
}

impl Account {
    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().expect("no panic while it is held")
    }

    pub(crate) fn total(&self) -> Duration {
        self.used().total
    }

    pub(crate) fn virtual_time(&self) -> Duration {
        self.used().virtual_time
    }
}

/// Tickets of guests that wait for a slot, or have been given one that they have not taken.
#[derive(Default)]
struct Queue {
    tickets: HashMap<u64, Ticket>,
    lines: HashMap<Tenant, Line>,
    /// The tenants that wait, the next one first.
    next: BTreeSet<(Duration, u64, Tenant)>,
    /// Slots that are given or taken.
    taken: usize,
    /// Given and not taken yet, the oldest first.
    granted: VecDeque<(u64, Instant)>,
    /// Where the tenant was that was served last.
    floor: Duration,
    number: u64,
}

struct Line {
    account: Arc<Account>,
    /// Some may have gone away.
    waiting: VecDeque<u64>,
}

struct Ticket {
    waker: Waker,
    granted: bool,
}

impl Processor {
    pub(crate) fn new() -> Self {
        Self {
            accounts: RwLock::default(),
            queue: Mutex::default(),
            slots: AtomicUsize::new(0),
            last: AtomicUsize::new(0),
            shared_until: AtomicU64::new(0),
            started: Instant::now(),
        }
    }

    /// Accounts are as many as tenants have been called.
    pub(crate) fn account(&self, tenant: &Tenant) -> Arc<Account> {
        let known = self.accounts.read().expect("no panic while it is held");
        if let Some(account) = known.get(tenant) {
            return Arc::clone(account);
        }
        drop(known);
        let mut all = self.accounts.write().expect("no panic while it is held");
        let account = all.entry(tenant.clone()).or_insert_with(|| {
            Arc::new(Account {
                tenant: tenant.clone(),
                used: Mutex::default(),
            })
        });
        Arc::clone(account)
    }

    pub(crate) fn charge(&self, account: &Account, used: Duration) {
        let window = self.window();
        let own = std::ptr::from_ref(account).addr();
        if self.last.load(Ordering::Relaxed) != own {
            self.last.store(own, Ordering::Relaxed);
            self.shared_until.store(window + 2, Ordering::Relaxed);
        }
        let mut of = account.used();
        of.decay(window);
        of.recent += used;
        of.total += used;
        of.virtual_time += used;
    }

    /// Whether nobody but one tenant has computed of late.
    fn is_alone(&self) -> bool {
        self.window() > self.shared_until.load(Ordering::Relaxed)
    }

    fn is_light(&self, account: &Account) -> bool {
        let window = self.window();
        let mut of = account.used();
        of.decay(window);
        of.recent <= LIGHT_MAX
    }

    fn window(&self) -> u64 {
        let windows = self.started.elapsed().as_millis() / WINDOW.as_millis();
        u64::try_from(windows).unwrap_or(u64::MAX)
    }

    /// Takes back slots that nobody takes. Called by a clock of its own.
    pub(crate) fn sweep(&self) {
        let Ok(mut queue) = self.queue.try_lock() else {
            return;
        };
        let mut lost = false;
        while let Some((id, since)) = queue.granted.front().copied()
            && since.elapsed() > GRANT_MAX
        {
            queue.granted.pop_front();
            if let Some(ticket) = queue.tickets.remove(&id) {
                // Whoever had it asks again when it is polled.
                lost = true;
                queue.taken -= 1;
                drop(ticket);
            }
        }
        if lost {
            self.give(queue);
        }
    }

    fn slots(&self) -> usize {
        match self.slots.load(Ordering::Relaxed) {
            0 => {
                let handle = tokio::runtime::Handle::try_current();
                let threads = handle.map_or(1, |handle| handle.metrics().num_workers());
                self.slots.store(threads, Ordering::Relaxed);
                threads
            }
            known => known,
        }
    }

    fn enqueue(&self, account: &Arc<Account>, waker: &Waker) -> u64 {
        let mut queue = self.queue();
        queue.number += 1;
        let id = queue.number;
        let ticket = Ticket {
            waker: waker.clone(),
            granted: false,
        };
        queue.tickets.insert(id, ticket);
        let floor = queue.floor;
        let tenant = &account.tenant;
        if let Some(line) = queue.lines.get_mut(tenant) {
            line.waiting.push_back(id);
        } else {
            let line = Line {
                account: Arc::clone(account),
                waiting: VecDeque::from([id]),
            };
            queue.lines.insert(tenant.clone(), line);
            let at = {
                let mut used = account.used();
                used.virtual_time = used.virtual_time.max(floor.saturating_sub(LAG_MAX));
                used.virtual_time
            };
            queue.next.insert((at, id, tenant.clone()));
        }
        self.give_beside(queue, Some(id));
        id
    }

    /// Whether a slot was given; `None` where it was taken back.
    fn is_granted(&self, id: u64, waker: &Waker) -> Option<bool> {
        let mut queue = self.queue();
        let ticket = queue.tickets.get_mut(&id)?;
        ticket.waker.clone_from(waker);
        Some(ticket.granted)
    }

    /// Takes the slot that was given, unless it was taken back.
    fn take(self: &Arc<Self>, id: u64) -> Option<Slot> {
        let mut queue = self.queue();
        queue.tickets.remove(&id)?;
        queue.granted.retain(|(other, _)| *other != id);
        Some(Slot(Arc::clone(self)))
    }

    /// Whoever waited has gone.
    fn leave(&self, id: u64) {
        let mut queue = self.queue();
        let Some(ticket) = queue.tickets.remove(&id) else {
            return;
        };
        if ticket.granted {
            queue.granted.retain(|(other, _)| *other != id);
            queue.taken -= 1;
            self.give(queue);
        }
    }

    fn release(&self) {
        let mut queue = self.queue();
        queue.taken -= 1;
        self.give(queue);
    }

    /// Gives what is free to those whose turn it is, and wakes them.
    fn give(&self, queue: MutexGuard<'_, Queue>) {
        self.give_beside(queue, None);
    }

    /// The same on behalf of one who looks for itself, and must not be woken before it waits.
    fn give_beside(&self, mut queue: MutexGuard<'_, Queue>, own: Option<u64>) {
        let slots = self.slots();
        let mut woken = Vec::new();
        while queue.taken < slots
            && let Some((id, waker)) = queue.grant()
        {
            if own != Some(id) {
                woken.push(waker);
            }
        }
        drop(queue);
        for waker in woken {
            waker.wake();
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().expect("no panic while it is held")
    }
}

impl Queue {
    fn grant(&mut self) -> Option<(u64, Waker)> {
        loop {
            let (at, number, tenant) = self.next.pop_first()?;
            let line = self.lines.get_mut(&tenant).expect("who waits has a line");
            let now_at = line.account.virtual_time();
            if now_at > at {
                // It has used some since it was put there.
                self.next.insert((now_at, number, tenant));
                continue;
            }
            let (waiting, tickets) = (&mut line.waiting, &mut self.tickets);
            let next =
                std::iter::from_fn(|| waiting.pop_front()).find(|id| tickets.contains_key(id));
            if line.waiting.is_empty() {
                self.lines.remove(&tenant);
            } else {
                self.number += 1;
                self.next.insert((at, self.number, tenant));
            }
            let Some(id) = next else {
                continue;
            };
            self.floor = self.floor.max(at);
            self.taken += 1;
            self.granted.push_back((id, Instant::now()));
            let ticket = self.tickets.get_mut(&id)?;
            ticket.granted = true;
            return Some((id, ticket.waker.clone()));
        }
    }
}

/// The right to compute for one slice.
pub(crate) struct Slot(Arc<Processor>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.release();
    }
}

/// Waits until a guest of the tenant may compute: at once and without a slot where the tenant has
/// used little.
pub(crate) struct Wait {
    processor: Arc<Processor>,
    account: Arc<Account>,
    ticket: Option<u64>,
    stage: Stage,
    /// The slice before was long.
    after_long: bool,
}

enum Stage {
    New,
    Queued,
    /// Others may have become ready during a long slice, which only a look at the system tells.
    Looking(Pin<Box<dyn Future<Output = ()> + Send>>),
    /// Behind everybody who is ready now.
    Behind,
}

impl Wait {
    pub(crate) fn new(
        processor: &Arc<Processor>,
        account: &Arc<Account>,
        after_long: bool,
    ) -> Self {
        Self {
            processor: Arc::clone(processor),
            account: Arc::clone(account),
            ticket: None,
            stage: Stage::New,
            after_long,
        }
    }

    /// Begins to wait anew, for the slice after one that was `long`.
    pub(crate) fn again(&mut self, long: bool) {
        self.after_long = long;
        self.stage = Stage::New;
    }
}

impl Future for Wait {
    type Output = Option<Slot>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Slot>> {
        let this = &mut *self;
        loop {
            match &mut this.stage {
                Stage::New => {
                    // Short slices of a tenant that is alone need no order.
                    let alone = !this.after_long && this.processor.is_alone();
                    if alone || this.processor.is_light(&this.account) {
                        return Poll::Ready(None);
                    }
                    let id = this.processor.enqueue(&this.account, cx.waker());
                    this.ticket = Some(id);
                    this.stage = Stage::Queued;
                }
                Stage::Queued => {
                    let id = this.ticket.expect("who is queued has a ticket");
                    match this.processor.is_granted(id, cx.waker()) {
                        Some(false) => return Poll::Pending,
                        Some(true) if this.after_long => {
                            let look = tokio::task::yield_now();
                            this.stage = Stage::Looking(Box::pin(look));
                        }
                        Some(true) => {
                            this.stage = Stage::Behind;
                            cx.waker().wake_by_ref();
                            return Poll::Pending;
                        }
                        None => this.stage = Stage::New,
                    }
                }
                Stage::Looking(look) => {
                    std::task::ready!(look.as_mut().poll(cx));
                    this.stage = Stage::Behind;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Stage::Behind => {
                    let id = this
                        .ticket
                        .take()
                        .expect("who was given a slot has a ticket");
                    this.stage = Stage::New;
                    if let Some(slot) = this.processor.take(id) {
                        return Poll::Ready(Some(slot));
                    }
                }
            }
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(id) = self.ticket {
            self.processor.leave(id);
        }
    }
}
