//! What the orchestrator's code may ask of entities, and the rules of critical sections.
//!
//! In a critical section, which lasts from the grant of a lock to its release, only the entities
//! that are locked may be called and only the others signaled, no second lock may be asked for and
//! no sub-orchestration started: each of these could wait for itself.

use weft_id::EntityId;

use super::task::{Answer, Look, TaskHandle, TaskKind};
use super::{Error, Replay};
use crate::{
    Caller, EventKind, LockOwner, LockRequest, Message, Operation, Outgoing, Payload, Timestamp,
};

impl Replay {
    /// Runs an operation on an entity, which is created where it does not exist; the task's result
    /// is the operation's.
    ///
    /// # Errors
    /// The code left its history, passed a limit or broke a rule of its critical section.
    pub fn call_entity(
        &mut self,
        target: EntityId,
        operation: &str,
        input: Payload,
    ) -> Result<TaskHandle, Error> {
        self.check_operation(operation, &input)?;
        if self.in_critical_section() && !self.is_locked(&target) {
            let text =
                format!("{target} is not locked: a critical section calls only what it locks");
            return self.refuse(Error::Misuse(text));
        }
        let handle = self.push(TaskKind::Operation)?;
        let id = self.take_id();
        self.tasks.expect(id, Answer::Done(handle));
        let decision = EventKind::EntityOperationCalled {
            id,
            target: target.clone(),
            operation: operation.to_owned(),
            input: input.clone(),
            request: None,
        };
        if self.decide(decision)? {
            self.send_operation(target, operation, input, Some(id), None);
        }
        Ok(handle)
    }

    /// Sends an operation to an entity without waiting for its result, to run at `at` or later
    /// where that is given.
    ///
    /// # Errors
    /// The code left its history, passed a limit or broke a rule of its critical section.
    pub fn signal_entity(
        &mut self,
        target: EntityId,
        operation: &str,
        input: Payload,
        at: Option<Timestamp>,
    ) -> Result<(), Error> {
        self.check_operation(operation, &input)?;
        if self.is_locked(&target) {
            let text = format!("{target} is locked: a critical section calls what it locks");
            return self.refuse(Error::Misuse(text));
        }
        let id = self.take_id();
        let decision = EventKind::EntityOperationSignaled {
            id,
            target: target.clone(),
            operation: operation.to_owned(),
            input: input.clone(),
            at,
        };
        if self.decide(decision)? {
            self.send_operation(target, operation, input, None, at);
        }
        Ok(())
    }

    fn check_operation(&mut self, operation: &str, input: &Payload) -> Result<(), Error> {
        self.check_name(operation)?;
        self.check_payload("a payload's length in bytes", input)
    }

    fn send_operation(
        &mut self,
        target: EntityId,
        operation: &str,
        input: Payload,
        reply: Option<u32>,
        at: Option<Timestamp>,
    ) {
        let start = self.start.as_ref().expect("code runs after the start");
        let operation = Operation {
            name: operation.to_owned(),
            input,
            caller: Some(Caller {
                instance: self.instance.clone(),
                execution: start.execution,
            }),
            reply,
            at,
            trace_parent: start.trace_parent.clone(),
        };
        self.live.messages.push(Outgoing {
            to: target.instance(),
            message: Message::Operation(operation),
        });
    }

    /// Locks entities; the task is done once all of them are. The order and duplicates of `set`
    /// do not matter.
    ///
    /// # Errors
    /// The set is empty, a lock is held or asked for already, the code left its history or passed
    /// a limit.
    pub fn lock_entities(&mut self, mut set: Vec<EntityId>) -> Result<TaskHandle, Error> {
        set.sort_unstable();
        set.dedup();
        let max = self.limits.locked_entities_max;
        self.check("the number of entities of a lock", max, set.len())?;
        let Some(first) = set.first().cloned() else {
            let text = "a lock needs at least one entity";
            return self.refuse(Error::Misuse(text.to_owned()));
        };
        if !self.locks.is_empty() {
            let text = "critical sections may not be nested: release the lock first";
            return self.refuse(Error::Misuse(text.to_owned()));
        }
        let id = self.next_id;
        let handle = self.push(TaskKind::Lock { id })?;
        self.take_id();
        self.tasks.expect(id, Answer::Done(handle));
        self.locks.insert(handle, set.clone());
        let decision = EventKind::EntityLockRequested {
            id,
            set: set.clone(),
            request: None,
        };
        if self.decide(decision)? {
            let owner = self.lock_owner(id);
            self.live.messages.push(Outgoing {
                to: first.instance(),
                message: Message::Lock(LockRequest {
                    owner,
                    set,
                    position: 0,
                }),
            });
        }
        Ok(handle)
    }

    /// Ends a critical section, or gives up waiting for one. No effect on a lock that was released
    /// before; what the code leaves locked is released when it ends.
    ///
    /// # Errors
    /// The task is no lock, or the code left its history.
    pub fn release_lock(&mut self, task: TaskHandle) -> Result<(), Error> {
        let Some(lock) = self.tasks.lock(task) else {
            let text = format!("task {} is no lock", task.0);
            return self.refuse(Error::Misuse(text));
        };
        let Some(set) = self.locks.remove(&task) else {
            return Ok(());
        };
        for target in set {
            let id = self.take_id();
            let to = target.instance();
            if self.decide(EventKind::EntityUnlockSent { id, target, lock })? {
                let message = Message::Unlock(self.lock_owner(lock));
                self.live.messages.push(Outgoing { to, message });
            }
        }
        Ok(())
    }

    fn lock_owner(&self, task: u32) -> LockOwner {
        LockOwner {
            instance: self.instance.clone(),
            execution: self.execution(),
            task,
        }
    }

    /// Whether a lock is held, as far as the code knows.
    pub(super) fn in_critical_section(&self) -> bool {
        self.locks.keys().any(|task| self.is_granted(*task))
    }

    fn is_locked(&self, target: &EntityId) -> bool {
        let mut locks = self.locks.iter();
        locks.any(|(task, set)| self.is_granted(*task) && set.contains(target))
    }

    fn is_granted(&self, task: TaskHandle) -> bool {
        matches!(self.tasks.look(task), Look::Done { .. })
    }

    /// Answers to what came for an execution that is over: a lock for it would never be released.
    pub(super) fn give_back(&mut self, message: Message) {
        let Message::LockGranted {
            execution,
            task,
            set,
        } = message
        else {
            return;
        };
        let owner = LockOwner {
            instance: self.instance.clone(),
            execution,
            task,
        };
        let released = unlocks(&owner, set);
        self.live.messages.extend(released);
    }

    /// Releases whatever the execution holds or has asked for when it ends. A request that is
    /// still on its way comes back as a grant, which is given back then.
    pub(super) fn release_all(&mut self, messages: &mut Vec<Outgoing>) {
        let Some(execution) = self.recorded_execution() else {
            return;
        };
        for (task, set) in std::mem::take(&mut self.known.locks) {
            let owner = LockOwner {
                instance: self.instance.clone(),
                execution,
                task,
            };
            messages.extend(unlocks(&owner, set));
        }
    }
}

/// The messages that release `set` from `owner`.
pub(super) fn unlocks(
    owner: &LockOwner,
    set: impl IntoIterator<Item = EntityId>,
) -> impl Iterator<Item = Outgoing> {
    set.into_iter().map(|target| Outgoing {
        to: target.instance(),
        message: Message::Unlock(owner.clone()),
    })
}
