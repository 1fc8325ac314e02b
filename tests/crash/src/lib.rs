//! Shows from outside that a node loses nothing and repeats nothing, whatever happens to it.
//!
//! A real node with the embedded store runs a mixed load while faults are done to it. An observer
//! outside of the node keeps its own [`record`] of what was acknowledged and of every execution of
//! every activity, which tell it over HTTP; from that record alone it judges the node. The results
//! that must come out are known beforehand, from the [`workload`]'s model.

pub mod client;
pub mod faults;
pub mod load;
pub mod node;
pub mod observer;
pub mod plant;
pub mod power;
pub mod record;
pub mod report;
pub mod workload;
