//! The API over the store in memory and a host that runs nothing: routes, refusals, shapes.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod apps;
mod audit;
mod auth;
mod durable;
mod functions;
mod harness;
mod instances;
mod keys;
mod logs;
mod openapi;
mod quota;
mod signatures;
mod tenants;
mod vault;
mod workflows;
