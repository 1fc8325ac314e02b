//! A short run of everything; `cargo xtask crash` is the long one.

mod kills;
mod plants;
mod power;
