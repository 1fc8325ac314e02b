//! Expressions: text in, values out.
//!
//! Owns the grammar, the evaluation and every function. A [`Template`] is compiled once and evaluated
//! as often as needed against a [`Scope`] that knows the run. Invariants: the same scope gives the
//! same value (time and randomness are asked of the scope), every evaluation ends within its
//! [`Budget`], and no input makes the stack overflow.

mod ast;
mod budget;
mod context;
mod deferred;
mod deployment;
mod error;
mod eval;
mod functions;
mod lexer;
mod parser;
mod scope;
mod template;

pub use ast::Reference;
pub use budget::{Budget, Limits};
pub use context::Context;
pub use deferred::Deferred;
pub(crate) use deployment::{Deployment, DeploymentExpression, is_placeholder, unescaped};
pub use error::{CompileError, EvalError};
pub use eval::apply;
pub use functions::{is_function, time_zone};
pub use scope::Scope;
pub use template::Template;
