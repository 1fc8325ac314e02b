//! Triggers: when a workflow starts, and what it is started with.
//!
//! Owns what lies between an event of the world and the runs that it starts. Pure as everything here:
//! [`Firing`] decides by a trigger's definition what its outputs start, [`Recurrence`] when the clock
//! fires, and [`Watch`] is the orchestration of a trigger that fires of its own accord.

mod callback;
mod firing;
mod recurrence;
mod scope;
mod watch;

pub use callback::TriggerCallback;
pub use firing::{Fate, Fired, Firing};
pub use recurrence::{NoRecurrence, Recurrence};
pub use scope::{Parameters, Surroundings, parameters};
pub use watch::{
    CallbackUrl, Entry, FIRE_EVENT, LOOK, LOOK_EVENT, OPEN_RUNS, START, TOO_MANY_RUNS, Told,
    Verdict, WATCH, Watch, WatchState, fingerprint, is_watched, watch_id,
};
