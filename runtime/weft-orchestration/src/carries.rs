//! Which payloads a value carries: what a store looks through before it keeps something, and after
//! it has read it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::{
    After, Batch, EntityRecord, Event, EventKind, Failure, Kept, Message, NewTask, Operation,
    Outcome, Outgoing, Payload, Start, Turn, Waiting,
};

/// Something with payloads in it.
pub trait Carries {
    fn each(&self, see: &mut dyn FnMut(&Payload));

    fn each_mut(&mut self, change: &mut dyn FnMut(&mut Payload));

    /// The names of all texts that are kept apart.
    fn all_kept(&self) -> BTreeSet<Kept> {
        let mut all = BTreeSet::new();
        self.each(&mut |payload| all.extend(payload.kept().cloned()));
        all
    }
}

impl Carries for Payload {
    fn each(&self, see: &mut dyn FnMut(&Payload)) {
        see(self);
    }

    fn each_mut(&mut self, change: &mut dyn FnMut(&mut Payload)) {
        change(self);
    }
}

/// Both ways through one list, so that neither forgets a field.
macro_rules! fields {
    ($type:ty: $($field:ident),+) => {
        impl Carries for $type {
            fn each(&self, see: &mut dyn FnMut(&Payload)) {
                $(self.$field.each(see);)+
            }

            fn each_mut(&mut self, change: &mut dyn FnMut(&mut Payload)) {
                $(self.$field.each_mut(change);)+
            }
        }
    };
}

macro_rules! variants {
    ($type:ty: { $($pattern:pat => $($bound:ident),+;)+ } $none:pat) => {
        impl Carries for $type {
            fn each(&self, see: &mut dyn FnMut(&Payload)) {
                match self {
                    $($pattern => { $($bound.each(see);)+ })+
                    $none => {}
                }
            }

            fn each_mut(&mut self, change: &mut dyn FnMut(&mut Payload)) {
                match self {
                    $($pattern => { $($bound.each_mut(change);)+ })+
                    $none => {}
                }
            }
        }
    };
}

macro_rules! collections {
    ($($type:ty),+) => {
        $(impl<T: Carries> Carries for $type {
            fn each(&self, see: &mut dyn FnMut(&Payload)) {
                self.iter().for_each(|one| one.each(see));
            }

            fn each_mut(&mut self, change: &mut dyn FnMut(&mut Payload)) {
                self.iter_mut().for_each(|one| one.each_mut(change));
            }
        })+
    };
}

collections!(Option<T>, [T], Vec<T>, VecDeque<T>);

impl<K, T: Carries> Carries for BTreeMap<K, T> {
    fn each(&self, see: &mut dyn FnMut(&Payload)) {
        self.values().for_each(|one| one.each(see));
    }

    fn each_mut(&mut self, change: &mut dyn FnMut(&mut Payload)) {
        self.values_mut().for_each(|one| one.each_mut(change));
    }
}

variants!(Result<Payload, Failure>: { Ok(output) => output; } Err(_));

fields!(Turn: events, tasks, messages, custom_status, after);
fields!(NewTask: input);
fields!(Outgoing: message);
fields!(Start: input);
fields!(Operation: input);
fields!(EntityRecord: state, queue, delayed);
fields!(Batch: state, operations);
fields!(Event: kind);

variants!(After: {
    Self::ContinuedAsNew { start, carried } => start, carried;
    Self::Ended(outcome) => outcome;
    Self::Entity(record) => record;
} Self::Waiting | Self::Suspended);

variants!(Outcome: {
    Self::Completed(output) => output;
} Self::Failed(_) | Self::Terminated { .. });

variants!(Waiting: {
    Self::Operation(operation) => operation;
} Self::Lock(_));

variants!(Message: {
    Self::Start(start) => start;
    Self::TaskDone { result, .. }
    | Self::ChildDone { result, .. }
    | Self::OperationDone { result, .. } => result;
    Self::Event { payload, .. } => payload;
    Self::Operation(operation) => operation;
} Self::TimerFired { .. }
    | Self::Suspend { .. }
    | Self::Resume { .. }
    | Self::Terminate { .. }
    | Self::LockGranted { .. }
    | Self::Rewind { .. }
    | Self::Move { .. }
    | Self::Lock(_)
    | Self::Unlock(_));

variants!(EventKind: {
    Self::ExecutionStarted(start) => start;
    Self::TaskScheduled { input, .. }
    | Self::SubOrchestrationCreated { input, .. }
    | Self::ContinuedAsNew { input }
    | Self::EntityOperationSignaled { input, .. }
    | Self::EntityOperationCalled { input, .. } => input;
    Self::TaskCompleted { output, .. }
    | Self::SubOrchestrationCompleted { output, .. }
    | Self::EntityOperationCompleted { output, .. } => output;
    Self::EventSent { payload, .. } | Self::EventRaised { payload, .. } => payload;
    Self::ExecutionCompleted { outcome } => outcome;
} Self::OrchestratorStarted
    | Self::TaskFailed { .. }
    | Self::SubOrchestrationFailed { .. }
    | Self::TimerCreated { .. }
    | Self::TimerFired { .. }
    | Self::ExecutionSuspended { .. }
    | Self::ExecutionResumed { .. }
    | Self::ExecutionTerminated { .. }
    | Self::EntityOperationFailed { .. }
    | Self::EntityLockRequested { .. }
    | Self::EntityLockGranted { .. }
    | Self::EntityUnlockSent { .. }
    | Self::ExecutionRewound { .. }
    | Self::ExecutionMoved { .. });
