//! What several crates' tests share. A dev-dependency only.

pub mod cargo;
pub mod guests;
pub mod node;
