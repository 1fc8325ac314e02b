//! A task that has been started, owned by exactly one future.

use std::task::{Context as Poller, Poll};

use super::Context;
use super::engine::Task;
use crate::Failure;

/// What becomes of a task whose future is dropped before it is done.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenDropped {
    /// It goes on and nobody hears of its end: what was begun outside cannot be taken back.
    GoesOn,
    IsCancelled,
}

pub(super) struct Started {
    ctx: Context,
    task: Task,
    when_dropped: WhenDropped,
    done: bool,
}

impl Started {
    pub(super) fn new(ctx: Context, task: Task, when_dropped: WhenDropped) -> Self {
        Self {
            ctx,
            task,
            when_dropped,
            done: false,
        }
    }

    pub(super) fn poll(&mut self, poller: &Poller<'_>) -> Poll<Result<String, Failure>> {
        let polled = self.ctx.execution.poll(self.task, poller);
        self.done = polled.is_ready();
        polled
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        self.ctx.execution.forget(self.task);
        if self.when_dropped == WhenDropped::IsCancelled {
            self.ctx.engine().cancel(self.task);
        }
    }
}
