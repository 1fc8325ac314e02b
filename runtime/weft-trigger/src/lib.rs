//! What makes functions run from outside: the route table.
//!
//! Owns which function a path and a method lead to, and which methods would have been taken.

mod table;

pub use table::{Match, RouteTable};
