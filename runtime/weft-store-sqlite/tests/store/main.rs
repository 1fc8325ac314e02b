//! The store on disk: the contract, and what a crash leaves.

mod conformance;
