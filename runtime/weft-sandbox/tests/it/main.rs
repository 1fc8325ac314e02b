//! The sandbox against real components.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod activities;
mod apart;
mod capabilities;
mod fixture;
mod http;
mod orchestrators;
mod outbound;
mod prepared;
mod reuse;
mod sharing;
mod uploads;
