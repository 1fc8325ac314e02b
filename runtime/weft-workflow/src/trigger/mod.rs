//! Triggers: when a workflow starts, and what it is started with.
//!
//! Owns what lies between an event of the world and the runs that it starts. Pure as everything here:
//! [`Firing`] decides by a trigger's definition what its outputs start.

mod firing;
mod recurrence;
mod scope;

pub use firing::{Fate, Fired, Firing};
pub use recurrence::{NoRecurrence, Recurrence};
pub use scope::{Surroundings, parameters};
