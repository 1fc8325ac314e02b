//! Which operation of an entity runs when.

use std::collections::VecDeque;

use weft_id::{EntityId, ExecutionId, InstanceId};

use super::record::{Caller, EntityRecord, LockOwner, LockRequest, Operation, Waiting};
use crate::{
    After, Failure, Limits, Message, NewTimer, Outgoing, Payload, Start, Timestamp, Turn,
    failure_kind,
};

/// One entity during a turn.
#[derive(Debug)]
pub struct Entity {
    id: EntityId,
    record: EntityRecord,
    limits: Limits,
    now: Timestamp,
    /// Operations that [`Self::next_batch`] has given out.
    running: Vec<Operation>,
    messages: Vec<Outgoing>,
    timers: Vec<NewTimer>,
    canceled_timers: Vec<u32>,
    /// How many children this turn has started: part of their execution ids.
    started: u32,
    /// How many turns the entity has had.
    turns: u64,
}

/// Operations to run one after another on the same state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub entity: EntityId,
    /// JSON text; `None` where the entity has no state.
    pub state: Option<Payload>,
    /// At least one.
    pub operations: Vec<Operation>,
}

/// What came of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchDone {
    /// One for each operation that was run, in order. Those that are missing at the end are run
    /// later. An operation that failed has left neither state nor effects.
    pub results: Vec<Result<Payload, Failure>>,
    pub state: Option<Payload>,
    pub effects: Vec<Effect>,
}

/// Something that an operation asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    Signal {
        target: EntityId,
        operation: String,
        input: Payload,
        at: Option<Timestamp>,
    },
    /// Starts an orchestration, without effect where one with that id is open.
    Start {
        name: String,
        input: Payload,
        instance: InstanceId,
        scheduled_at: Option<Timestamp>,
    },
}

impl Entity {
    /// All timers of entities belong to this execution: an entity has no others.
    pub const EXECUTION: ExecutionId = ExecutionId::from_u128(0);

    /// For a turn of an entity that has had so many before.
    #[must_use]
    pub fn new(id: EntityId, record: EntityRecord, turns: u64, limits: Limits) -> Self {
        Self {
            id,
            record,
            limits,
            now: Timestamp::default(),
            running: Vec::new(),
            messages: Vec::new(),
            timers: Vec::new(),
            canceled_timers: Vec::new(),
            started: 0,
            turns,
        }
    }

    /// Starts a turn with what has arrived. What only an orchestration takes is dropped.
    pub fn deliver(&mut self, messages: Vec<Message>, now: Timestamp) {
        self.now = now;
        for message in messages {
            match message {
                Message::Operation(operation) => self.receive(operation),
                Message::Lock(request) => self.record.queue.push_back(Waiting::Lock(request)),
                Message::Unlock(owner) => self.unlock(&owner),
                Message::TimerFired { timer, .. } => self.fire(timer),
                Message::Start(_)
                | Message::TaskDone { .. }
                | Message::ChildDone { .. }
                | Message::Event { .. }
                | Message::Suspend { .. }
                | Message::Resume { .. }
                | Message::Terminate { .. }
                | Message::OperationDone { .. }
                | Message::LockGranted { .. }
                | Message::Rewind { .. }
                | Message::Move { .. } => {}
            }
        }
    }

    fn receive(&mut self, operation: Operation) {
        match operation.at {
            Some(at) if at > self.now => {
                let id = self.start_timer(at);
                self.record.delayed.insert(id, operation);
            }
            Some(_) | None => self.record.queue.push_back(Waiting::Operation(operation)),
        }
    }

    fn start_timer(&mut self, fire_at: Timestamp) -> u32 {
        if self.record.next_timer == 0 {
            // An entity of the same id may have been removed a while ago, with timers on their way.
            let millis = self.now.as_millis() % (1 << 31);
            self.record.next_timer = u32::try_from(millis).expect("below 2^31") + 1;
        }
        let id = self.record.next_timer;
        self.record.next_timer = id.wrapping_add(1);
        self.timers.push(NewTimer {
            execution: Self::EXECUTION,
            id,
            fire_at,
        });
        id
    }

    fn fire(&mut self, timer: u32) {
        if self.record.resume_timer == Some(timer) {
            self.record.resume_timer = None;
        }
        let Some(operation) = self.record.delayed.remove(&timer) else {
            return;
        };
        // The clock may have gone back.
        self.receive(operation);
    }

    /// Ends a lock, and a wait for it, whichever there is.
    fn unlock(&mut self, owner: &LockOwner) {
        if self.record.lock.as_ref() == Some(owner) {
            self.record.lock = None;
        }
        self.record.queue.retain(|waiting| match waiting {
            Waiting::Lock(request) => request.owner != *owner,
            Waiting::Operation(_) => true,
        });
    }

    /// Whether the first operation that may run is there, without a lock in front of it.
    fn runnable(&self) -> Option<usize> {
        let mut waiting = self.record.queue.iter();
        match &self.record.lock {
            None => matches!(waiting.next(), Some(Waiting::Operation(_))).then_some(0),
            Some(lock) => waiting.position(|waiting| match waiting {
                Waiting::Operation(operation) => is_holder(lock, operation),
                Waiting::Lock(_) => false,
            }),
        }
    }

    /// Takes the operations that run next, `operations_max` at most and no more than have
    /// `bytes_max` bytes of inputs together with the state, though always one; `None` when nothing
    /// can go on in this turn. Follow it with [`Self::complete`].
    pub fn next_batch(&mut self, operations_max: usize, bytes_max: usize) -> Option<Batch> {
        debug_assert!(self.running.is_empty(), "a batch is completed first");
        self.pass_locks();
        let mut bytes = self.record.state.as_ref().map_or(0, Payload::len);
        while self.running.len() < operations_max
            && let Some(at) = self.runnable()
        {
            let Some(Waiting::Operation(operation)) = self.record.queue.get(at) else {
                unreachable!("an operation stands there")
            };
            bytes += operation.input.len();
            if bytes > bytes_max && !self.running.is_empty() {
                break;
            }
            self.running.push(operation.clone());
            self.record.queue.remove(at);
        }
        (!self.running.is_empty()).then(|| Batch {
            entity: self.id.clone(),
            state: self.record.state.clone(),
            operations: self.running.clone(),
        })
    }

    /// Takes a lock that is due, and passes its request on.
    fn pass_locks(&mut self) {
        if self.record.lock.is_some() {
            return;
        }
        let Some(Waiting::Lock(request)) = self.record.queue.front() else {
            return;
        };
        let request = request.clone();
        self.record.queue.pop_front();
        self.record.lock = Some(request.owner.clone());
        self.messages.push(passed_on(request));
    }

    /// Records what came of the batch.
    pub fn complete(&mut self, done: BatchDone) {
        let operations = std::mem::take(&mut self.running);
        let run = done.results.len().min(operations.len());
        let mut operations = VecDeque::from(operations);
        for (operation, result) in operations.drain(..run).zip(done.results) {
            self.answer(&operation, result);
        }
        for operation in operations.into_iter().rev() {
            self.record.queue.push_front(Waiting::Operation(operation));
        }
        self.record.state = done.state;
        for effect in done.effects {
            // Whoever runs entities has refused it before; nothing else may come of it either.
            if !is_refused(&effect) {
                self.send(effect);
            }
        }
    }

    fn answer(&mut self, operation: &Operation, result: Result<Payload, Failure>) {
        let (Some(caller), Some(task)) = (&operation.caller, operation.reply) else {
            return;
        };
        let max = self.limits.payload_bytes_max;
        let result = match result {
            Ok(output) if output.len() > max => {
                let text = format!("the output's length in bytes is limited to {max}");
                Err(Failure::permanent(failure_kind::LIMIT, text))
            }
            result => result,
        };
        self.messages.push(Outgoing {
            to: caller.instance.clone(),
            message: Message::OperationDone {
                execution: caller.execution,
                task,
                result,
            },
        });
    }

    fn send(&mut self, effect: Effect) {
        let outgoing = match effect {
            Effect::Signal {
                target,
                operation,
                input,
                at,
            } => Outgoing {
                to: target.instance(),
                message: Message::Operation(Operation {
                    name: operation,
                    input,
                    caller: Some(Caller {
                        instance: self.id.instance(),
                        execution: Self::EXECUTION,
                    }),
                    reply: None,
                    at,
                    trace_parent: None,
                }),
            },
            Effect::Start {
                name,
                input,
                instance,
                scheduled_at,
            } => {
                self.started += 1;
                // The time tells a new entity from a removed one of the same id.
                let (now, turns, started) = (self.now.as_millis(), self.turns, self.started);
                let child = format!("{} {now} {turns} {started} {instance}", self.id);
                let execution = uuid::Uuid::new_v5(&uuid::Uuid::nil(), child.as_bytes());
                let execution = ExecutionId::from_u128(execution.as_u128());
                let start = Start {
                    scheduled_at,
                    ..Start::new(execution, name, input)
                };
                Outgoing {
                    to: instance,
                    message: Message::Start(start),
                }
            }
        };
        self.messages.push(outgoing);
    }

    /// The turn that the delivery began. What could still run is resumed by a timer that is due at
    /// once, so that a long queue neither holds up others nor is lost.
    pub fn take_turn(mut self) -> Turn {
        self.pass_locks();
        if self.runnable().is_some() && self.record.resume_timer.is_none() {
            let now = self.now;
            self.record.resume_timer = Some(self.start_timer(now));
        }
        if self.runnable().is_none()
            && let Some(timer) = self.record.resume_timer.take()
        {
            self.canceled_timers.push(timer);
        }
        Turn {
            events: Vec::new(),
            tasks: Vec::new(),
            timers: self.timers,
            canceled_timers: self.canceled_timers,
            messages: self.messages,
            custom_status: None,
            after: After::Entity(self.record),
        }
    }
}

/// Whether an effect starts what only the node starts.
fn is_refused(effect: &Effect) -> bool {
    match effect {
        Effect::Signal { .. } => false,
        Effect::Start { name, input, .. } => crate::check_start(name, input).is_err(),
    }
}

/// Whether the lock's holder waits for the operation. A signal of the holder, which may have been
/// sent for a later time before it asked for the lock, must not come between two calls.
fn is_holder(owner: &LockOwner, operation: &Operation) -> bool {
    operation.reply.is_some()
        && operation.caller.as_ref().is_some_and(|caller| {
            caller.instance == owner.instance && caller.execution == owner.execution
        })
}

/// To the next entity of the set, or to the owner once all of it is locked.
fn passed_on(mut request: LockRequest) -> Outgoing {
    request.position += 1;
    match request.set.get(request.position as usize) {
        Some(next) => Outgoing {
            to: next.instance(),
            message: Message::Lock(request),
        },
        None => Outgoing {
            to: request.owner.instance,
            message: Message::LockGranted {
                execution: request.owner.execution,
                task: request.owner.task,
                set: request.set,
            },
        },
    }
}
