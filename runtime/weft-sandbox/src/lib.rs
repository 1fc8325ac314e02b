//! Runs components: the only crate that knows wasmtime.
//!
//! Owns the engine, the inspection and compilation of uploads, signed native code, what guests
//! import, and every bound on what they do. Decides nothing about who may call what: the server
//! hands in [`Services`] and an [`Invocation`] for each call.
//!
//! Invariants:
//! - an instance serves one call, or one execution of an orchestrator, and is dropped after it and
//!   after any error;
//! - uploads are compiled in a child process, and native code is loaded only with our signature;
//! - tenants that compute at one time get equal parts of the processor, and a panic of host code ends
//!   one call;
//! - every wait, buffer and body of a guest is bounded, and dropping a future or a body of this
//!   crate frees the guest behind it;
//! - an orchestrator sees no clock, randomness or I/O but what its replay gives.

mod activity;
mod admission;
mod apart;
mod bindings;
mod body;
mod cache;
mod compile;
mod config;
mod confine;
mod describe;
mod egress;
mod engine;
mod entity;
mod error;
mod execution;
mod fair;
mod host;
mod http;
mod inspect;
mod loaded;
mod logs;
mod metering;
mod native;
mod plain;
mod prepare;
mod prepared;
mod quarantine;
mod reuse;
mod running;
mod sandbox;
mod services;
mod state;
mod virtual_wasi;

pub use activity::{ActivityCall, Completed, Usage};
pub use apart::guest_host_main;
pub use body::Body;
pub use compile::compile_main;
pub use config::{
    Admission, Compiler, Config, GuestLimits, Invocation, Isolated, Isolation, Pool, UploadLimits,
};
pub use egress::{
    Cidr, ClientIdentity, InvalidCidr, Outbound, OutboundError, OutboundOptions, Resolver,
    SystemResolver,
};
pub use error::{CallError, SetupError, UploadError};
pub use execution::Execution;
pub use inspect::inspect;
pub use metering::{Limited, MeterUsage, Metering, TenantMeter};
pub use prepare::Prepared;
pub use quarantine::{Cause, Quarantine};
pub use sandbox::Sandbox;
pub use services::{
    Client, ClientError, Components, Control, InstanceStatus, LogLevel, LogRecord, LogSink,
    Management, Secrets, Services, StartOptions,
};
