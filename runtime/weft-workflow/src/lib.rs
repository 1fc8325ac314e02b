//! The declarative workflow language: values, expressions, definitions and what runs them.
//!
//! Pure: no async, no clock, no I/O. Time and randomness come in through
//! [`expression::Scope`], effects leave as data.

pub mod definition;
pub mod expression;
pub mod http;
pub mod program;
pub mod run;
pub mod trigger;
pub mod value;
pub mod wire;
pub mod xml;
