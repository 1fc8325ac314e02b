//! A short run of everything; `cargo xtask attack` is the long one.

mod api;
mod attacks;
