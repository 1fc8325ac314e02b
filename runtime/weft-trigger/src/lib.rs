//! What makes functions run from outside: the route table and the HTTP data plane.
//!
//! Owns which function a request is for and when none may answer. It refuses to know how keys are
//! kept, where deployments come from and how a refusal is worded: those are handed in through
//! [`Host`] and given back as [`Refused`].
//!
//! Invariants:
//! - choosing a function takes no lock and parses nothing but the request;
//! - nothing of a refused request reaches a guest, and no key that opened a function does either;
//! - headers of one connection stay on that connection, in both directions.

mod headers;
mod http;
mod routes;
mod table;

pub use http::{Gateway, Host, Observed, Refused};
pub use routes::{AppRoutes, Target};
pub use table::{Match, RouteTable};
