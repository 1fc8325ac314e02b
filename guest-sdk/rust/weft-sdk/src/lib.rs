#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod activity;
#[doc(hidden)]
pub mod bindings;
pub mod blob;
pub mod client;
pub mod config;
pub mod entity;
mod export;
mod failure;
mod function;
pub mod http;
pub mod kv;
pub mod logging;
pub mod management;
mod orchestration;
mod panic;
mod retry;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use activity::Call;
pub use entity::{Entity, EntityId};
pub use failure::Failure;
pub use function::{Activity, Function, HttpFunction, Orchestrator};
pub use futures_util::future::{
    Either, join, join_all, select, select_all, try_join, try_join_all,
};
pub use orchestration::{
    ActivityCall, Context, EntityCall, Event, Lock, SubOrchestrationCall, Timer,
};
pub use retry::RetryPolicy;
pub use schemars::JsonSchema;
pub use weft_sdk_macros::{activity, http, orchestrator};

/// What the macros refer to.
#[doc(hidden)]
pub mod rt {
    pub use crate::activity::{run as run_activity, unknown};
    pub use crate::bindings::activity::exports::weft::functions::activity;
    pub use crate::bindings::describe::exports::weft::functions::describe;
    pub use crate::bindings::entity::exports::weft::functions::entity;
    pub use crate::bindings::imports::weft::functions::types;
    pub use crate::bindings::orchestrator::exports::weft::functions::orchestrator;
    pub use crate::entity::run as run_entity;
    pub use crate::function::{describe_activity, describe_http, describe_orchestrator};
    pub use crate::http::{Entry, serve};
    pub use crate::orchestration::run_in_component as run_orchestrator;
    pub use wasip2;
}

/// The time that so many milliseconds since 1970 are, to the microsecond.
pub(crate) fn time(ms: f64) -> std::time::SystemTime {
    std::time::UNIX_EPOCH + duration(ms)
}

/// A number of milliseconds, to the microsecond: beyond it a date has no exact `f64`.
pub(crate) fn duration(ms: f64) -> std::time::Duration {
    std::time::Duration::from_micros((ms * 1000.0).round() as u64)
}

/// The WIT counts time in fractional milliseconds.
pub(crate) fn millis(duration: std::time::Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
