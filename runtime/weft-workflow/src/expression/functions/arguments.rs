//! What functions ask of their arguments, and the errors that name what they got instead.

use crate::value::{Array, Object, Value};

use super::super::error::EvalError;
use super::Invocation;

const ORDINALS: [&str; 5] = ["first", "second", "third", "fourth", "fifth"];

impl Invocation<'_> {
    /// "The template language function 'f' {rest}"
    pub(super) fn error(&self, rest: impl std::fmt::Display) -> EvalError {
        EvalError::invalid(format!(
            "The template language function '{}' {rest}",
            self.function.name
        ))
    }

    /// The argument at `index` should have been `expected`, which reads after "expects it to".
    pub(super) fn wrong(&self, index: usize, found: &Value, expected: &str) -> EvalError {
        let which = match (self.function.most, ORDINALS.get(index)) {
            (1, _) | (_, None) => "its parameter".to_owned(),
            (_, Some(ordinal)) => format!("its {ordinal} parameter"),
        };
        self.error(format_args!(
            "expects {which} to {expected}. The provided value is of type '{}'.",
            found.kind()
        ))
    }

    pub(super) fn string<'v>(&self, args: &'v [Value], index: usize) -> Result<&'v str, EvalError> {
        args[index]
            .as_str()
            .ok_or_else(|| self.wrong(index, &args[index], "be a string"))
    }

    /// A string that may be left out or null.
    pub(super) fn optional_string<'v>(
        &self,
        args: &'v [Value],
        index: usize,
    ) -> Result<Option<&'v str>, EvalError> {
        match args.get(index) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.string(args, index).map(Some),
        }
    }

    pub(super) fn integer(&self, args: &[Value], index: usize) -> Result<i64, EvalError> {
        args[index]
            .as_i64()
            .ok_or_else(|| self.wrong(index, &args[index], "be an integer"))
    }

    pub(super) fn array<'v>(
        &self,
        args: &'v [Value],
        index: usize,
    ) -> Result<&'v Array, EvalError> {
        args[index]
            .as_array()
            .ok_or_else(|| self.wrong(index, &args[index], "be an array"))
    }

    pub(super) fn object<'v>(
        &self,
        args: &'v [Value],
        index: usize,
    ) -> Result<&'v Object, EvalError> {
        args[index]
            .as_object()
            .ok_or_else(|| self.wrong(index, &args[index], "be of type object"))
    }
}
