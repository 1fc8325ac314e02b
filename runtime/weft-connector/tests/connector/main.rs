//! What actions ask of a real server, and what their runs see of its answers.

#![expect(
    clippy::unwrap_used,
    reason = "every function here is a test or serves one"
)]

mod chunks;
mod http;
mod identities;
mod places;
mod scripts;
mod server;
mod xml;
