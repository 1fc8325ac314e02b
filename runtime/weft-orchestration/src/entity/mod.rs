//! Entities: small pieces of state with operations that run one after another.
//!
//! [`Entity`] decides what happens to the messages of one entity, turn by turn, as `Replay` does
//! for an orchestration; what it keeps between turns is an [`EntityRecord`], not a history. It
//! never runs an operation: [`Entity::next_batch`] says which to run, [`Entity::complete`] takes
//! what came of them.
//!
//! Invariants:
//! - operations take effect in the order of their arrival, except that a lock's holder goes first
//!   and that an operation with a time is not due before it;
//! - a lock passes through its set in order, so that no two requests wait for each other in a
//!   circle; the last entity of the set grants it;
//! - what an operation asks for is sent in the transaction that records its effect.

mod record;
mod scheduler;

pub use record::{Caller, EntityRecord, LockOwner, LockRequest, Operation, Waiting};
pub use scheduler::{Batch, BatchDone, Effect, Entity};

#[cfg(test)]
mod tests;
