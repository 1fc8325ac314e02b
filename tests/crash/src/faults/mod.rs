//! What is done to a node, one kind of fault a module.

pub mod kills;
