//! What is done to a node, one kind of fault a module.

pub mod clock;
pub mod disk;
pub mod io_error;
pub mod kills;
pub mod pause;
mod site;
pub mod syscalls;
mod tracer;

pub use site::Base;
