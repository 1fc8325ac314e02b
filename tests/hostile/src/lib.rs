//! Attacks on a real node by one tenant, beside another one that wants to be served.
//!
//! Each [`attack`] says what must become of it. It runs against a node in a process of its own,
//! while a [`victim`] is called all the time; judged are the refusal, the node's memory, and what the
//! victim sees. The [`disarmed`] node has a defence less: the attacks that it should have stopped must
//! come through there, or they prove nothing.

pub mod api_fuzz;
pub mod attack;
pub mod attacks;
pub mod disarmed;
pub mod report;
pub mod run;
pub mod scene;
pub mod victim;
pub mod watch;
