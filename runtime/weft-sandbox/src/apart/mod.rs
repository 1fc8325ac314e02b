//! Tenants whose guests run in a process of their own.
//!
//! Where the operator says so for a tenant, none of its code runs in the node: this process checks and
//! compiles as always, and hands native code and calls to a child of the same program. The
//! child has given up files, connections and other processes before it reads the first byte of them,
//! and is bounded in memory. What its guests ask of the host goes back over a second socket, and is
//! answered for the child's tenant alone, whatever the child says; requests of guests to others are
//! checked and made by this process.
//!
//! Both sockets speak HTTP/2, which carries many calls at a time, streams bodies and tells of calls
//! that nobody waits for any more. What belongs to a call beside its body stands in one header.
//!
//! HTTP functions and activities run there, without objects: `wasi:blobstore` says so. Orchestrators and entities, which live in memory between
//! turns, do not: a component that holds some is refused for such a tenant.

mod child;
mod parent;
mod remote;
mod remote_kept;
mod serve;
mod wire;

pub use child::guest_host_main;
pub(crate) use parent::Apart;
pub(crate) use remote::{Waits, Way};
pub(crate) use wire::app_id;
