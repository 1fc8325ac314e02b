//! The gRPC service of the Durable Task SDKs: their clients manage orchestrations and entities here,
//! and their workers run orchestrators, activities and entities in processes of their own, while the
//! history stays with us.
//!
//! - [`Workers`] hands work to connected workers and takes their answers; it knows no gRPC call.
//! - [`router`] answers the calls.
//! - `convert` is the only place where our values and the wire's meet.
//!
//! Messages and numbers are those of `proto/durabletask.proto`. Nothing here runs code of a tenant.

mod convert;
mod node;
mod service;
mod workers;

/// The messages of the wire.
#[expect(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    reason = "made by the compiler of the .proto"
)]
pub mod proto {
    tonic::include_proto!("_");
}

pub use node::{Node, Permission};
pub use service::router;
pub use workers::{ActivityWork, Decided, Kind, Orchestration, Unserved, Workers};
