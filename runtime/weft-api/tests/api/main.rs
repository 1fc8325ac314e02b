//! The API over the store in memory and a host that runs nothing: routes, refusals, shapes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod apps;
mod auth;
mod durable;
mod functions;
mod harness;
mod instances;
mod logs;
mod openapi;
mod tenants;
mod vault;
mod workflows;
