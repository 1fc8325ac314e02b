//! The platform as its users meet it: the real binary, real components, nothing but its public
//! interfaces.

#![expect(
    clippy::unwrap_used,
    reason = "every function here is a test or serves one"
)]

mod backup;
mod bad_starts;
mod canary;
mod cli;
mod compatibility;
mod control;
mod dev;
mod durable_api;
mod durable_clients;
mod durable_starts;
mod durable_task;
mod durable_task_faults;
mod durable_wire;
mod durable_worker;
mod hostile;
mod http;
mod languages;
mod node;
mod orders;
mod patterns;
mod payloads;
mod photos;
mod plain;
mod polyglot;
mod requests;
mod retention;
mod revisions;
mod templates;
mod tenancy;
mod triggers;
mod workflow_control;
mod workflow_deployment;
mod workflows;
