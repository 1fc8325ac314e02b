//! The sandbox against real components.

mod activities;
mod fixture;
mod http;
mod orchestrators;
mod outbound;
mod uploads;
