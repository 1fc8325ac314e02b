//! HTTP functions: requests in, responses out, errors as `application/problem+json`.
//!
//! Handlers are plain functions of a [`Request`], so tests call them natively. A handler that
//! wants to stream uses the crate `wasip2` directly instead.

mod error;
mod request;
mod response;
mod route;
mod serve;

pub use error::Error;
pub use request::Request;
pub use response::Response;
#[doc(hidden)]
pub use serve::{Entry, serve};
