//! What a node says about itself: its log and its metrics.
//!
//! Owns the set-up of `tracing` and the registry behind `/metrics`. Knows no other crate of weft:
//! whoever has a figure hands it in, as a handle to count on or as a closure to read it from.

mod log;
mod metrics;

pub use log::{Format, InvalidFilter, init};
pub use metrics::{FunctionMetrics, Kind, Labelled, Metrics, Outcome};
