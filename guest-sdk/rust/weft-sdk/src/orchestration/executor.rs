//! Polls an orchestrator and waits where it cannot go on.
//!
//! Invariants: the orchestrator is polled again only when one of its tasks is done or it woke
//! itself; the tasks that are waited for are listed in the order in which they were started. So
//! the same history leads through the same polls.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as Poller, Poll, Wake, Waker};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Context;
use super::engine::{Engine, Task};
use crate::Failure;
use crate::activity::parse_input;

/// One execution of an orchestrator.
pub(super) struct Execution {
    pub(super) engine: Rc<dyn Engine>,
    /// Who to wake when a task is done. Holds the tasks that were polled and not ready.
    waiting: RefCell<BTreeMap<Task, Waker>>,
    pub(super) continued: Cell<bool>,
}

impl Execution {
    pub(super) fn new(engine: Rc<dyn Engine>) -> Self {
        Self {
            engine,
            waiting: RefCell::default(),
            continued: Cell::new(false),
        }
    }

    /// The task's result, or the promise to wake the poller.
    pub(super) fn poll(&self, task: Task, poller: &Poller<'_>) -> Poll<Result<String, Failure>> {
        if self.engine.is_ready(task) {
            self.forget(task);
            return Poll::Ready(self.engine.result(task));
        }
        self.waiting
            .borrow_mut()
            .insert(task, poller.waker().clone());
        Poll::Pending
    }

    pub(super) fn forget(&self, task: Task) {
        self.waiting.borrow_mut().remove(&task);
    }

    /// # Panics
    /// When nothing durable is waited for: such an orchestrator would never go on.
    fn wait(&self) {
        let tasks: Vec<Task> = self.waiting.borrow().keys().copied().collect();
        assert!(
            !tasks.is_empty(),
            "the orchestrator awaits something that its context did not make; await activities, \
             sub-orchestrations, timers and events only"
        );
        let first = tasks[self.engine.wait_any(&tasks)];
        let waker = self.waiting.borrow_mut().remove(&first);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Whether the orchestrator woke itself while it was polled, as streams of many futures do to
/// give way.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs an orchestrator from JSON to JSON.
pub(crate) fn run<I, O, F>(
    ctx: &Context,
    orchestrator: impl FnOnce(Context, I) -> F,
    input: &str,
) -> Result<String, Failure>
where
    I: DeserializeOwned,
    O: Serialize,
    F: Future<Output = Result<O, Failure>>,
{
    let input = parse_input(input)?;
    let output = block_on(&ctx.execution, orchestrator(ctx.clone(), input));
    if ctx.execution.continued.get() {
        // The platform starts over and looks at no result.
        return Ok("null".to_owned());
    }
    Ok(serde_json::to_string(&output?)?)
}

fn block_on<F: Future>(execution: &Execution, future: F) -> F::Output {
    let mut future = pin!(future);
    let woken = Arc::new(Woken::default());
    let waker = Waker::from(woken.clone());
    let mut poller = Poller::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut poller) {
            return output;
        }
        if !woken.0.swap(false, Ordering::Relaxed) {
            execution.wait();
        }
    }
}
