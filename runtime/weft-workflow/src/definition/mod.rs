//! Definitions: read from the forms they are written in, and validated.
//!
//! [`load`] finds the workflows in a document (a deployment template, a Standard `workflow.json`, the
//! body of a deployment, a bare definition), resolves what the document leaves to deployment, and
//! keeps the order of keys. [`validate`] reports every fault of one definition. Neither refuses what
//! the peer would run.

mod fault;
mod load;
mod template;
mod text;
mod validate;

pub use fault::{Fault, Severity};
pub use load::{Form, Kind, Loaded, Options, State, Workflow, load, load_text};
pub use validate::{Known, validate};

use crate::expression::is_placeholder as is_unresolved;

#[cfg(test)]
mod tests;
