//! The durable core: what an orchestration has done, and what it decides next.
//!
//! Pure. Values in, values out: no clock, no I/O, no async, no randomness of its own. [`Replay`] is
//! called and never calls; the component host, the simulation and every other way of running an
//! orchestrator drive the same object.
//!
//! Invariants:
//! - the same history and the same answers of the orchestrator give the same turn, always;
//! - a turn's events are `OrchestratorStarted`, then what was received, then what was decided;
//! - completions become visible in the order of the history, one at a time, and only while a wait
//!   has nothing ready.

mod carries;
mod entity;
mod event;
mod labels;
mod limits;
mod message;
mod payload;
mod rehearsal;
mod replay;
mod reserved;
mod retry;
mod rewind;
mod time;
mod turn;

pub use carries::Carries;
pub use entity::{
    Batch, BatchDone, Caller, Effect, Entity, EntityRecord, LockOwner, LockRequest, Operation,
    Waiting,
};
pub use event::{Event, EventKind, Failure, Outcome, Parent, Start, Status, failure_kind};
pub use labels::Labels;
pub use limits::Limits;
pub use message::{Message, split_at_suspension};
pub use payload::{Kept, Payload};
pub use rehearsal::Rehearsal;
pub use replay::{Decision, Error, External, Next, Replay, TaskHandle};
pub use reserved::{RESERVED_MEMBER, RESERVED_NAMES, Reserved, check_start, is_reserved};
pub use retry::RetryPolicy;
pub use rewind::{Found, OpenChild, Remedy, RewindError, Rewound, rewind};
pub use time::Timestamp;
pub use turn::{After, NewTask, NewTimer, Outgoing, Turn};
