//! Text to expressions: `primary := 'str' | number | true | false | null | fn(args)` with any chain
//! of `.id`, `?.id`, `[expr]` and `?[expr]` behind it.
//!
//! Bounded: an expression may not nest deeper than [`NESTING_MAX`] nor be longer than
//! [`LENGTH_MAX`], so that neither reading, evaluating nor dropping it overflows the stack.

use std::sync::Arc;

use crate::value::Value;

use super::ast::{Call, Expr, Node, Step};
use super::error::CompileError;
use super::functions;
use super::lexer::Cursor;

/// Calls and brackets within each other.
pub(super) const NESTING_MAX: usize = 100;
/// Characters of one expression.
pub(super) const LENGTH_MAX: usize = 65_536;

/// Reads one expression and leaves the cursor behind it and the space that follows.
pub(super) fn expression(cursor: &mut Cursor<'_>) -> Result<Expr, CompileError> {
    let start = cursor.offset();
    let mut parser = Parser {
        cursor,
        start,
        nesting: 0,
    };
    parser.expression()
}

struct Parser<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    start: usize,
    nesting: usize,
}

impl Parser<'_, '_> {
    fn expression(&mut self) -> Result<Expr, CompileError> {
        self.cursor.skip_space();
        let offset = self.cursor.offset();
        if self.nesting > NESTING_MAX {
            let message = format!("The expression nests deeper than {NESTING_MAX} levels.");
            return Err(CompileError::new(offset, message));
        }
        if offset - self.start > LENGTH_MAX {
            let message = format!("The expression is longer than {LENGTH_MAX} characters.");
            return Err(CompileError::new(offset, message));
        }
        self.nesting += 1;
        let node = self.primary()?;
        let base = Expr { node, offset };
        let steps = self.steps()?;
        self.nesting -= 1;
        if steps.is_empty() {
            return Ok(base);
        }
        let base = Box::new(base);
        Ok(Expr {
            node: Node::Access { base, steps },
            offset,
        })
    }

    fn primary(&mut self) -> Result<Node, CompileError> {
        match self.cursor.peek() {
            Some('\'') => Ok(Node::Literal(Value::from(self.cursor.string()?))),
            Some(c) if c.is_ascii_digit() || matches!(c, '+' | '-' | '.') => {
                Ok(Node::Literal(self.cursor.number()?))
            }
            _ => self.word(),
        }
    }

    fn word(&mut self) -> Result<Node, CompileError> {
        let offset = self.cursor.offset();
        let name = self.cursor.identifier();
        if name.is_empty() {
            return Err(self.unexpected("a function, a string or a number"));
        }
        self.cursor.skip_space();
        if self.cursor.eat('(') {
            return Ok(Node::Call(Call {
                name: Arc::from(name),
                function: functions::find(name),
                arguments: self.arguments()?,
            }));
        }
        match name.to_ascii_lowercase().as_str() {
            "true" => Ok(Node::Literal(Value::Bool(true))),
            "false" => Ok(Node::Literal(Value::Bool(false))),
            "null" => Ok(Node::Literal(Value::Null)),
            _ => {
                let message = format!(
                    "The string '{name}' at position '{offset}' is not expected in the template \
                     language expression."
                );
                let hint = match functions::find(name) {
                    Some(function) => format!("Is it a call: {}(...)?", function.name),
                    None => format!("Is it a text: '{name}'?"),
                };
                Err(CompileError::new(offset, message).hint(hint))
            }
        }
    }

    fn arguments(&mut self) -> Result<Vec<Expr>, CompileError> {
        let mut arguments = Vec::new();
        self.cursor.skip_space();
        if self.cursor.eat(')') {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.expression()?);
            if self.cursor.eat(')') {
                return Ok(arguments);
            }
            if !self.cursor.eat(',') {
                return Err(self.unexpected("',' or ')'"));
            }
        }
    }

    fn steps(&mut self) -> Result<Vec<Step>, CompileError> {
        let mut steps = Vec::new();
        loop {
            self.cursor.skip_space();
            let safe = self.cursor.eat('?');
            if safe {
                self.cursor.skip_space();
            }
            let offset = self.cursor.offset();
            let key = if self.cursor.eat('[') {
                let key = self.expression()?;
                if !self.cursor.eat(']') {
                    return Err(self.unexpected("']'"));
                }
                key
            } else if self.cursor.eat('.') {
                self.cursor.skip_space();
                let name = self.cursor.identifier();
                if name.is_empty() {
                    return Err(self.unexpected("the name of a property"));
                }
                let node = Node::Literal(Value::from(name));
                Expr { node, offset }
            } else if safe {
                return Err(self.unexpected("'.' or '[' behind '?'"));
            } else {
                return Ok(steps);
            };
            steps.push(Step { key, safe });
        }
    }

    fn unexpected(&self, wanted: &str) -> CompileError {
        unexpected(self.cursor, wanted)
    }
}

pub(super) fn unexpected(cursor: &Cursor<'_>, wanted: &str) -> CompileError {
    let found = match cursor.peek() {
        Some(char) => format!("'{char}'"),
        None => "the end".to_owned(),
    };
    let message = format!(
        "Unable to parse template language expression: expected {wanted} and found {found} at \
         position '{}'.",
        cursor.offset()
    );
    CompileError::new(cursor.offset(), message)
}
