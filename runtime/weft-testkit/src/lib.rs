//! What several crates' tests share. A dev-dependency only.

pub mod guests;
pub mod node;
