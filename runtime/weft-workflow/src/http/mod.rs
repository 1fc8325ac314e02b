//! Values of workflows as HTTP messages, and messages as values: what a trigger makes of a request,
//! and what is sent for a Response.

mod content;
mod request;
mod response;

pub use content::{InvalidContent, body_value};
pub use request::{header_values, match_path, trigger_outputs};
pub use response::{Answer, answer};
