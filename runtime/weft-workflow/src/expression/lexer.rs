//! Characters and words of an expression.
//!
//! The cursor reads what the parser asks for, since only the parser knows whether `.5` is a number
//! or a look-up. It counts characters, which is what error messages point at.

use crate::value::Value;

use super::error::CompileError;

pub(super) struct Cursor<'a> {
    rest: &'a str,
    /// Characters from the start of the whole string.
    offset: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Cursor<'a> {
        Cursor {
            rest: text,
            offset: 0,
        }
    }

    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let char = chars.next()?;
        self.rest = chars.as_str();
        self.offset += 1;
        Some(char)
    }

    pub(super) fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.next();
        }
        found
    }

    pub(super) fn skip_space(&mut self) {
        self.take_while(char::is_whitespace);
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let start = self.rest;
        while self.peek().is_some_and(&wanted) {
            self.next();
        }
        &start[..start.len() - self.rest.len()]
    }

    /// A function's or property's name; empty when there is none here.
    pub(super) fn identifier(&mut self) -> &'a str {
        if self
            .peek()
            .is_some_and(|c| c.is_alphabetic() || c == '_' || c == '$')
        {
            self.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '$' | '-'))
        } else {
            ""
        }
    }

    /// The text between quotes, of which the first one is next.
    pub(super) fn string(&mut self) -> Result<String, CompileError> {
        let start = self.offset;
        self.next();
        let mut text = String::new();
        loop {
            text.push_str(self.take_while(|c| c != '\''));
            if !self.eat('\'') {
                let error = CompileError::new(start, "The string literal has no closing quote.");
                return Err(error.hint("A quote inside a string is written twice: 'it''s'."));
            }
            if !self.eat('\'') {
                return Ok(text);
            }
            text.push('\'');
        }
    }

    /// `1`, `-1`, `.5`, `1.`, `3e1`: an integer unless it has a point or an exponent.
    pub(super) fn number(&mut self) -> Result<Value, CompileError> {
        let (start, text) = (self.offset, self.rest);
        if matches!(self.peek(), Some('+' | '-')) {
            self.next();
        }
        let mut digits = self.take_while(|c| c.is_ascii_digit()).len();
        let mut whole = true;
        if self.eat('.') {
            whole = false;
            digits += self.take_while(|c| c.is_ascii_digit()).len();
        }
        let mut complete = digits > 0;
        if complete && matches!(self.peek(), Some('e' | 'E')) {
            self.next();
            whole = false;
            if matches!(self.peek(), Some('+' | '-')) {
                self.next();
            }
            complete = !self.take_while(|c| c.is_ascii_digit()).is_empty();
        }
        let text = &text[..text.len() - self.rest.len()];
        if !complete {
            let message = format!("The number '{text}' is not complete.");
            return Err(CompileError::new(start, message));
        }
        if !whole {
            let number: f64 = text.parse().expect("digits, a point and an exponent");
            return Ok(Value::Float(number));
        }
        text.parse().map(Value::Int).map_err(|_| {
            let message = format!("The number '{text}' does not fit 64 bits.");
            CompileError::new(start, message).hint("Written with a point it is a float.")
        })
    }
}
