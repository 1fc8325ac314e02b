//! Polling a guest: it waits for its tenant's turn, its time is measured and charged, and a panic of
//! host code under it ends the call and nothing else.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use weft_id::Tenant;
use weft_store::Digest;

use crate::engine::TICK;
use crate::fair::{Account, Processor, Wait};
use crate::quarantine::{Cause, Ward};
use crate::{CallError, Sandbox};

/// A slice from which on it is worth asking the system for the thread's own time, and for what
/// became ready meanwhile. Most slices are shorter.
const LONG: Duration = Duration::from_micros(500);

/// A guest is interrupted after two ticks at the latest. What goes beyond that by far is time in which
/// the whole process was stopped.
const SLICE_MAX: Duration = TICK.saturating_mul(8);

/// The processor time of this thread.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// What one guest takes of the processor on its tenant's account, slice by slice.
pub(crate) struct Share {
    processor: Arc<Processor>,
    account: Arc<Account>,
    /// The last slice was long, so that the next is measured as processor time: a thread that others
    /// push aside is no fault of the guest. A short one is not worth two calls of the system.
    long: bool,
    spent: Duration,
}

impl Share {
    pub(crate) fn new(processor: &Arc<Processor>, tenant: &Tenant) -> Self {
        Self {
            processor: Arc::clone(processor),
            account: processor.account(tenant),
            long: false,
            spent: Duration::ZERO,
        }
    }

    /// The slice that may begin now.
    pub(crate) fn wait(&self) -> Wait {
        Wait::new(&self.processor, &self.account, self.long)
    }

    pub(crate) fn is_long(&self) -> bool {
        self.long
    }

    /// What has been used so far.
    pub(crate) fn spent(&self) -> Duration {
        self.spent
    }

    /// Runs one slice on this thread.
    pub(crate) fn measure<T>(&mut self, slice: impl FnOnce() -> T) -> T {
        let used = if self.long {
            let from = processor_time();
            let done = slice();
            (done, processor_time().saturating_sub(from))
        } else {
            let from = Instant::now();
            let done = slice();
            (done, from.elapsed().min(SLICE_MAX))
        };
        let (done, used) = used;
        self.long = used >= LONG;
        self.spent += used;
        self.processor.charge(&self.account, used);
        done
    }
}

/// Host code under a guest has panicked.
#[derive(Debug)]
pub(crate) struct Panicked(String);

impl Panicked {
    /// What the panic said.
    pub(crate) fn from_payload(payload: &(dyn Any + Send)) -> Self {
        let text = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Self(text.unwrap_or_else(|| "a panic without a message".to_owned()))
    }
}

/// Polls `future` in slices until it is ready.
pub(crate) async fn in_slices<F: Future>(
    share: &mut Share,
    future: F,
) -> Result<F::Output, Panicked> {
    let mut future = pin!(future);
    let mut wait = share.wait();
    poll_fn(|cx| {
        let slot = std::task::ready!(Pin::new(&mut wait).poll(cx));
        let polled = share.measure(|| poll(future.as_mut(), cx));
        drop(slot);
        wait.again(share.is_long());
        polled
    })
    .await
}

/// Polls a guest once. After a panic its future is never polled again, and is dropped with its store.
pub(crate) fn poll<F: Future + ?Sized>(
    future: Pin<&mut F>,
    cx: &mut Context<'_>,
) -> Poll<Result<F::Output, Panicked>> {
    match catch_unwind(AssertUnwindSafe(|| future.poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(payload) => Poll::Ready(Err(Panicked::from_payload(&*payload))),
    }
}

impl Ward {
    /// Notes a panic, and says what the caller learns of it.
    pub(crate) fn panicked(
        &self,
        tenant: &Tenant,
        digest: Digest,
        Panicked(message): Panicked,
    ) -> CallError {
        self.failed(tenant, digest, Cause::Panic, &message);
        CallError::Internal(format!("host code panicked: {message}"))
    }
}

impl Sandbox {
    /// Runs host code of a tenant that computes for it as a guest would, when it is the tenant's
    /// turn.
    pub async fn compute<T>(&self, tenant: &Tenant, work: impl FnOnce() -> T) -> T {
        let mut share = self.share(tenant);
        // Nothing interrupts it.
        share.long = true;
        let slot = share.wait().await;
        let done = share.measure(work);
        drop(slot);
        done
    }

    /// Processor time that the tenant's guests have used on this node since it started.
    #[must_use]
    pub fn processor_time(&self, tenant: &Tenant) -> Duration {
        self.processor().account(tenant).total()
    }

    /// Where a tenant stands among those who compete for the processor: who stands lower goes first.
    #[must_use]
    pub fn virtual_time(&self, tenant: &Tenant) -> Duration {
        self.processor().account(tenant).virtual_time()
    }
}
