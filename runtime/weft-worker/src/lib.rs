//! Runs orchestrations: leases shards, runs turns, commits them, runs activities.
//!
//! Owns the loops and what is held in memory between turns (parked executions, timers that are due
//! soon, activities that wait for a place). Knows neither SQL nor WebAssembly: the store and the
//! [`Runner`] are handed in.
//!
//! Invariants:
//! - at most one turn of an instance runs at a time on a node, and the lease's epoch makes a turn
//!   of any other node fail to commit;
//! - what a turn received is removed in the transaction that records it, so nothing is lost when
//!   the process dies at any instant, and activities run at least once;
//! - everything held here can be dropped at any time and read again from the store.

mod clock;
mod config;
mod entity;
mod fair;
mod node;
mod runner;
mod stats;
mod timers;
mod turn;

pub use clock::{Clock, SystemClock};
pub use config::Config;
pub use node::{Stopped, Worker};
pub use runner::{
    ActivityCall, EntityBatch, Execution, Open, OpenError, Opened, Ran, Runner, TurnError,
};
pub use stats::Stats;
