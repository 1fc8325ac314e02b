//! What is wrong with an expression: when it is read, and when it is evaluated.

use std::fmt;

/// A fault in the text of a template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CompileError {
    /// JSON pointer of the string (or of the member whose key it is) in the compiled value.
    pub pointer: String,
    /// Where in that string, in characters from its start.
    pub offset: usize,
    pub message: String,
    /// What would help, when we know.
    pub hint: Option<String>,
}

impl CompileError {
    pub(crate) fn new(offset: usize, message: impl Into<String>) -> CompileError {
        CompileError {
            pointer: String::new(),
            offset,
            message: message.into(),
            hint: None,
        }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> CompileError {
        self.hint = Some(hint.into());
        self
    }
}

/// Why an evaluation has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalError {
    /// `InvalidTemplate`, or `ExpressionLimitExceeded` when the budget ran out.
    pub code: &'static str,
    /// In the words of the peer.
    pub message: String,
    /// JSON pointer of the string in the compiled value.
    pub pointer: String,
    /// Where in that string, in characters from its start; `None` where no text is to blame.
    pub offset: Option<usize>,
}

impl EvalError {
    pub const INVALID: &'static str = "InvalidTemplate";
    pub const LIMIT: &'static str = "ExpressionLimitExceeded";

    /// An `InvalidTemplate` without a place; the evaluator adds the place of the call.
    pub(crate) fn invalid(message: impl Into<String>) -> EvalError {
        EvalError {
            code: Self::INVALID,
            message: message.into(),
            pointer: String::new(),
            offset: None,
        }
    }

    pub(super) fn limit(message: impl Into<String>) -> EvalError {
        EvalError {
            code: Self::LIMIT,
            ..Self::invalid(message)
        }
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EvalError {}
