//! The questions that a run answers.

pub(crate) mod call;
pub(crate) mod cold;
pub(crate) mod density;
pub(crate) mod entities;
pub(crate) mod hello;
pub(crate) mod languages;
pub(crate) mod manage;
pub(crate) mod memory;
pub(crate) mod recovery;
pub(crate) mod scale;
pub(crate) mod steps;
pub(crate) mod workers;
pub(crate) mod workflows;

use std::time::Duration;

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) round: Duration,
    pub(crate) rounds: usize,
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
