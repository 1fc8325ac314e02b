//! The composition root: a node made of the parts.
//!
//! Owns configuration, wiring, the listeners and the end of the process. Every other crate is handed
//! what it needs here, and nothing is decided here that one of them could decide.
//!
//! Invariants:
//! - a node that has printed its ready line answers on both planes;
//! - a node whose store cannot promise durability any more stops, so that nothing is promised that
//!   could be lost;
//! - a shutdown that was asked for ends with everything that was acknowledged on disk.

mod api_host;
mod clock;
mod config;
mod data_dir;
mod data_plane;
mod deployments;
mod expr;
mod framing;
mod inspect;
mod linger;
mod listen;
mod management;
mod metrics;
mod node;
mod quota;
mod retention;
mod runner;
mod served;
mod services;
mod task_hub;
mod tenants;
mod triggers;
mod vault;
mod workflows;

use std::process::ExitCode;

pub use config::{
    Config, InvalidSettings, IsolationPolicy, LogFormat, Settings, Storage, TenantSettings,
};
pub use expr::{ExpressionFault, evaluate};
pub use inspect::{Inspected, NotAccepted, inspect};
pub use node::{Node, NodeError, Parts, Ready};
pub use weft_store_sqlite::{Copied, CopyError, backup, restore};

/// What the hidden verb that [`Config::compiler`] names must call: compiles one upload, from stdin
/// to stdout.
#[must_use]
pub fn compile() -> ExitCode {
    weft_sandbox::compile_main()
}

/// What the same program must call for the hidden verb `guest-host`, with its one argument: runs guests
/// of a tenant for the node that has started it.
#[must_use]
pub fn guest_host(setup: &str) -> ExitCode {
    weft_sandbox::guest_host_main(setup)
}

/// What the same program must call for the hidden verb `script`: runs one script of a workflow, from
/// stdin to stdout.
#[must_use]
pub fn script() -> ExitCode {
    weft_connector::script_main()
}
