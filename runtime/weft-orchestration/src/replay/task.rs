//! The tasks of one execution: what is open, what is done and in which order.

use std::collections::{BTreeMap, VecDeque};

use weft_id::InstanceId;

use crate::{Failure, Payload, RetryPolicy, Timestamp};

/// A task as the orchestrator's code names it; valid for one execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskHandle(pub u32);

#[derive(Debug, Default)]
pub(super) struct Tasks {
    list: Vec<Task>,
    /// Decisions that have not been answered, by their number.
    open: BTreeMap<u32, Answer>,
    /// Tasks that wait for an external event, by its lower-case name, first come first served. None
    /// of the queues is empty.
    event_waiters: BTreeMap<String, VecDeque<TaskHandle>>,
    /// How many wait, over all names.
    waiting: usize,
    /// External events that no task has taken, in order of arrival.
    buffered_events: VecDeque<(String, Payload)>,
    done: u64,
    /// Tasks that are done, in their order, for code that takes them one after the other.
    finished: VecDeque<TaskHandle>,
}

#[derive(Debug)]
struct Task {
    kind: TaskKind,
    state: TaskState,
}

#[derive(Debug)]
pub(super) enum TaskKind {
    /// An activity or a sub-orchestration.
    Call(Box<Call>),
    Timer {
        id: u32,
    },
    Event {
        /// Lower-case.
        name: String,
    },
    /// A call of an entity.
    Operation,
    /// A lock, by the number of the decision that asked for it.
    Lock {
        id: u32,
    },
}

/// What is needed to make a call again.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) input: Payload,
    pub(super) target: Target,
    pub(super) retry: Option<RetryPolicy>,
    /// 1 for the first attempt.
    pub(super) attempt: u32,
    /// The number of the first attempt's decision.
    pub(super) first_id: u32,
    pub(super) first_at: Timestamp,
}

#[derive(Debug, Clone)]
pub(super) enum Target {
    Activity,
    /// Every attempt uses the same id, over the ended child of the one before.
    Child(InstanceId),
}

#[derive(Debug)]
enum TaskState {
    Open,
    Canceled,
    Done {
        /// The how-manieth task of the execution it was to be done.
        order: u64,
        result: Result<Payload, Failure>,
    },
}

/// What the answer to a decision leads to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Answer {
    Done(TaskHandle),
    /// The timer between two attempts.
    Retry(TaskHandle),
}

/// What a look at a task finds.
pub(super) enum Look<'a> {
    Open,
    Canceled,
    Done {
        order: u64,
        result: &'a Result<Payload, Failure>,
    },
    Unknown,
}

impl Tasks {
    pub(super) fn push(&mut self, kind: TaskKind) -> TaskHandle {
        let handle = TaskHandle(u32::try_from(self.list.len()).expect("limited by open tasks"));
        self.list.push(Task {
            kind,
            state: TaskState::Open,
        });
        handle
    }

    /// Answers to decision `id` go to `answer`.
    pub(super) fn expect(&mut self, id: u32, answer: Answer) {
        self.open.insert(id, answer);
    }

    /// Takes what an answer to decision `id` leads to; `None` for an unknown or repeated answer.
    pub(super) fn answer(&mut self, id: u32) -> Option<Answer> {
        self.open.remove(&id)
    }

    pub(super) fn open_len(&self) -> usize {
        self.open.len() + self.waiting
    }

    /// The task that was done first of those that were not handed out here before.
    pub(super) fn take_finished(&mut self) -> Option<TaskHandle> {
        self.finished.pop_front()
    }

    pub(super) fn call_mut(&mut self, handle: TaskHandle) -> Option<&mut Call> {
        match &mut self.list.get_mut(handle.0 as usize)?.kind {
            TaskKind::Call(call) => Some(call),
            TaskKind::Timer { .. }
            | TaskKind::Event { .. }
            | TaskKind::Operation
            | TaskKind::Lock { .. } => None,
        }
    }

    /// The number of the decision that asked for the lock which the task stands for.
    pub(super) fn lock(&self, handle: TaskHandle) -> Option<u32> {
        match &self.list.get(handle.0 as usize)?.kind {
            TaskKind::Lock { id } => Some(*id),
            TaskKind::Call(_)
            | TaskKind::Timer { .. }
            | TaskKind::Event { .. }
            | TaskKind::Operation => None,
        }
    }

    pub(super) fn complete(&mut self, handle: TaskHandle, result: Result<Payload, Failure>) {
        let task = &mut self.list[handle.0 as usize];
        if matches!(task.state, TaskState::Open) {
            self.done += 1;
            let order = self.done;
            task.state = TaskState::Done { order, result };
            self.finished.push_back(handle);
        }
    }

    pub(super) fn look(&self, handle: TaskHandle) -> Look<'_> {
        match self.list.get(handle.0 as usize).map(|task| &task.state) {
            None => Look::Unknown,
            Some(TaskState::Open) => Look::Open,
            Some(TaskState::Canceled) => Look::Canceled,
            Some(TaskState::Done { order, result }) => Look::Done {
                order: *order,
                result,
            },
        }
    }

    /// Cancels an open timer or event; returns the number of a timer that must not fire.
    pub(super) fn cancel(&mut self, handle: TaskHandle) -> Option<u32> {
        let task = self.list.get_mut(handle.0 as usize)?;
        if !matches!(task.state, TaskState::Open) {
            return None;
        }
        match &task.kind {
            TaskKind::Call(_) | TaskKind::Operation | TaskKind::Lock { .. } => None,
            TaskKind::Timer { id } => {
                self.open.remove(id);
                task.state = TaskState::Canceled;
                Some(*id)
            }
            TaskKind::Event { name } => {
                if let Some(waiters) = self.event_waiters.get_mut(name) {
                    let before = waiters.len();
                    waiters.retain(|waiter| *waiter != handle);
                    self.waiting -= before - waiters.len();
                    if waiters.is_empty() {
                        self.event_waiters.remove(name);
                    }
                }
                task.state = TaskState::Canceled;
                None
            }
        }
    }

    /// A task for the next event of that name, done at once where one is buffered.
    pub(super) fn wait_for_event(&mut self, name: &str) -> TaskHandle {
        let name = name.to_lowercase();
        let handle = self.push(TaskKind::Event { name: name.clone() });
        let mut buffered = self.buffered_events.iter();
        let found = buffered.position(|(n, _)| n.to_lowercase() == name);
        match found.and_then(|index| self.buffered_events.remove(index)) {
            Some((_, payload)) => self.complete(handle, Ok(payload)),
            None => {
                let waiters = self.event_waiters.entry(name).or_default();
                waiters.push_back(handle);
                self.waiting += 1;
            }
        }
        handle
    }

    /// Gives an event to the first task that waits for its name, or keeps it.
    pub(super) fn event(&mut self, name: String, payload: Payload) {
        let lower = name.to_lowercase();
        let Some(waiters) = self.event_waiters.get_mut(&lower) else {
            return self.buffered_events.push_back((name, payload));
        };
        let first = waiters.pop_front();
        // Names that nobody waits for any more would be walked over with every new task.
        if waiters.is_empty() {
            self.event_waiters.remove(&lower);
        }
        if let Some(waiter) = first {
            self.waiting -= 1;
            self.complete(waiter, Ok(payload));
        }
    }

    pub(super) fn take_buffered_events(&mut self) -> VecDeque<(String, Payload)> {
        std::mem::take(&mut self.buffered_events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_nobody_waits_for_are_forgotten() {
        let mut tasks = Tasks::default();
        let handles: Vec<_> = (0..4)
            .map(|n| tasks.wait_for_event(&format!("N{n}")))
            .collect();
        assert_eq!(tasks.open_len(), 4);
        for name in ["n2", "N0"] {
            tasks.event(name.to_owned(), Payload::null());
        }
        tasks.cancel(handles[3]);
        assert_eq!(tasks.open_len(), 1);
        assert_eq!(tasks.event_waiters.len(), 1);
        let finished = [tasks.take_finished(), tasks.take_finished()];
        assert_eq!(finished, [Some(handles[2]), Some(handles[0])]);
        assert_eq!(tasks.take_finished(), None);
    }
}
