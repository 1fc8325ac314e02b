//! What a history says at a glance, without the code: which decisions wait for an answer, whether
//! the instance is suspended, which locks it has asked for.

use std::collections::{BTreeMap, BTreeSet};

use weft_id::{EntityId, ExecutionId, InstanceId};

use crate::{EventKind, Message};

#[derive(Debug, Default)]
pub(super) struct Known {
    /// Decisions that wait for an answer, by their number: a second answer is dropped on arrival.
    pub(super) unanswered: BTreeMap<u32, Unanswered>,
    /// Why the instance is suspended, while it is.
    pub(super) suspended: Option<String>,
    /// The entities that are locked or asked for and not released, by the number of the request.
    pub(super) locks: BTreeMap<u32, BTreeSet<EntityId>>,
    /// Ids that the execution had before it was rewound: answers to these are answers to it.
    pub(super) former: BTreeSet<ExecutionId>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Unanswered {
    Task,
    Timer,
    Child(InstanceId),
    Operation,
    Lock,
}

impl Known {
    pub(super) fn track(&mut self, event: &EventKind) {
        match event {
            EventKind::TaskScheduled { id, .. } => self.open(*id, Unanswered::Task),
            EventKind::TimerCreated { id, .. } => self.open(*id, Unanswered::Timer),
            EventKind::SubOrchestrationCreated { id, instance, .. } => {
                self.open(*id, Unanswered::Child(instance.clone()));
            }
            EventKind::EntityOperationCalled { id, .. } => self.open(*id, Unanswered::Operation),
            EventKind::EntityLockRequested { id, set, .. } => {
                self.locks.insert(*id, set.iter().cloned().collect());
                self.open(*id, Unanswered::Lock);
            }
            EventKind::EntityUnlockSent { target, lock, .. } => {
                if let Some(set) = self.locks.get_mut(lock) {
                    set.remove(target);
                    if set.is_empty() {
                        self.locks.remove(lock);
                    }
                }
            }
            EventKind::TaskCompleted { .. }
            | EventKind::TaskFailed { .. }
            | EventKind::SubOrchestrationCompleted { .. }
            | EventKind::SubOrchestrationFailed { .. }
            | EventKind::TimerFired { .. }
            | EventKind::EntityOperationCompleted { .. }
            | EventKind::EntityOperationFailed { .. }
            | EventKind::EntityLockGranted { .. } => {
                if let Some(id) = answered(event) {
                    self.unanswered.remove(&id);
                }
            }
            EventKind::ExecutionSuspended { reason } => self.suspended = Some(reason.clone()),
            EventKind::ExecutionResumed { .. } => self.suspended = None,
            EventKind::ExecutionRewound { former, .. } => {
                self.former.insert(*former);
            }
            EventKind::OrchestratorStarted
            | EventKind::ExecutionStarted(_)
            | EventKind::EventSent { .. }
            | EventKind::EventRaised { .. }
            | EventKind::ExecutionTerminated { .. }
            | EventKind::ContinuedAsNew { .. }
            | EventKind::EntityOperationSignaled { .. }
            | EventKind::ExecutionMoved { .. }
            | EventKind::ExecutionCompleted { .. } => {}
        }
    }

    /// Whether `message` suspends what is suspended or resumes what is not. It is dropped: workers
    /// do not expect an event that says what is so already, and some never get past one.
    pub(super) fn changes_nothing(&self, message: &Message) -> bool {
        match message {
            Message::Suspend { .. } => self.suspended.is_some(),
            Message::Resume { .. } => self.suspended.is_none(),
            Message::Start(_)
            | Message::TaskDone { .. }
            | Message::ChildDone { .. }
            | Message::TimerFired { .. }
            | Message::Event { .. }
            | Message::Terminate { .. }
            | Message::OperationDone { .. }
            | Message::LockGranted { .. }
            | Message::Rewind { .. }
            | Message::Move { .. }
            | Message::Operation(_)
            | Message::Lock(_)
            | Message::Unlock(_) => false,
        }
    }

    fn open(&mut self, id: u32, what: Unanswered) {
        self.unanswered.insert(id, what);
    }
}

/// The number of the decision that an event answers.
pub(crate) fn answered(event: &EventKind) -> Option<u32> {
    match event {
        EventKind::TaskCompleted { task: id, .. }
        | EventKind::TaskFailed { task: id, .. }
        | EventKind::SubOrchestrationCompleted { task: id, .. }
        | EventKind::SubOrchestrationFailed { task: id, .. }
        | EventKind::EntityOperationCompleted { task: id, .. }
        | EventKind::EntityOperationFailed { task: id, .. }
        | EventKind::EntityLockGranted { task: id }
        | EventKind::TimerFired { timer: id } => Some(*id),
        EventKind::OrchestratorStarted
        | EventKind::ExecutionStarted(_)
        | EventKind::TaskScheduled { .. }
        | EventKind::SubOrchestrationCreated { .. }
        | EventKind::TimerCreated { .. }
        | EventKind::EventSent { .. }
        | EventKind::EventRaised { .. }
        | EventKind::ExecutionSuspended { .. }
        | EventKind::ExecutionResumed { .. }
        | EventKind::ExecutionTerminated { .. }
        | EventKind::ContinuedAsNew { .. }
        | EventKind::EntityOperationSignaled { .. }
        | EventKind::EntityOperationCalled { .. }
        | EventKind::EntityLockRequested { .. }
        | EventKind::EntityUnlockSent { .. }
        | EventKind::ExecutionRewound { .. }
        | EventKind::ExecutionMoved { .. }
        | EventKind::ExecutionCompleted { .. } => None,
    }
}
