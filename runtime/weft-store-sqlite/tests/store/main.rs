//! The store on disk: the contract, what a crash leaves, and how a directory is opened.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod conformance;
mod crash;
mod open;
mod payloads;
mod turns;
