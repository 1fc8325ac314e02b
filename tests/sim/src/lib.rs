//! Seeded simulation of the worker over the store in memory.
//!
//! A seed decides everything: the programs, when nodes crash, which store calls fail or hang, how
//! news is delayed, doubled and reordered, when the clock jumps. The run is single-threaded over
//! simulated time, so a failing seed fails again. What is checked: every acknowledged instance ends
//! with the result that the program has without faults, no step that is recorded as complete runs
//! again, and nothing is left behind in the store. Random workflow definitions run the same way: each
//! ends as the interpreter alone ends it.

#![expect(
    clippy::unwrap_used,
    reason = "a simulation is a test: what does not hold fails it"
)]

pub mod crash;
pub mod crowd;
pub mod faults;
pub mod program;
pub mod runner;
mod side;
pub mod workflow;
pub mod world;

pub use crash::Crash;
pub use crowd::{Took, crowd};
pub use faults::{Fault, Plant};
pub use workflow::{crash_everywhere, simulate_workflow};
pub use world::{Failed, simulate, simulate_one_node};
