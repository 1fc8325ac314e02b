//! The compiled form of an expression, and its canonical text.

use std::fmt;
use std::sync::Arc;

use crate::value::Value;

use super::functions::Function;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expr {
    pub(super) node: Node,
    /// Where it starts, in characters from the start of the whole string.
    pub(super) offset: usize,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Literal(Value),
    Call(Call),
    /// A chain of look-ups is one node, so that its length costs no stack.
    Access {
        base: Box<Expr>,
        steps: Vec<Step>,
    },
}

#[derive(Debug, Clone)]
pub(super) struct Call {
    /// As the author wrote it.
    pub(super) name: Arc<str>,
    /// `None` for a name that no function has: an error once it is evaluated, since the lazy
    /// functions may never come to it.
    pub(super) function: Option<&'static Function>,
    pub(super) arguments: Vec<Expr>,
}

impl PartialEq for Call {
    fn eq(&self, other: &Call) -> bool {
        self.name == other.name && self.arguments == other.arguments
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) key: Expr,
    /// Written with `?`: null where there is nothing.
    pub(super) safe: bool,
}

/// A function call in a template, with those of its arguments that are literals.
#[derive(Debug, Clone, PartialEq)]
pub struct Reference {
    /// The function's name in the letter case of its documentation; as written when unknown.
    pub function: String,
    /// One per argument; `None` for what is computed.
    pub arguments: Vec<Option<Value>>,
    /// JSON pointer of the string (or of the member whose key it is) in the compiled value.
    pub pointer: String,
    /// Where the call starts in that string, in characters.
    pub offset: usize,
}

impl Reference {
    /// The first argument when it is a literal string: the name of what is referred to.
    pub fn name(&self) -> Option<&str> {
        self.arguments.first()?.as_ref()?.as_str()
    }
}

impl Expr {
    /// Calls `visit` with every call in the expression, outer before inner.
    pub(super) fn visit_calls(&self, visit: &mut impl FnMut(&Call, usize)) {
        match &self.node {
            Node::Literal(_) => {}
            Node::Call(call) => {
                visit(call, self.offset);
                call.arguments.iter().for_each(|a| a.visit_calls(visit));
            }
            Node::Access { base, steps } => {
                base.visit_calls(visit);
                steps.iter().for_each(|step| step.key.visit_calls(visit));
            }
        }
    }
}

/// The text that compiles to the same expression.
impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Node::Literal(Value::String(text)) => write!(f, "'{}'", text.replace('\'', "''")),
            Node::Literal(value) => write!(f, "{value}"),
            Node::Call(call) => {
                write!(f, "{}(", call.name)?;
                for (index, argument) in call.arguments.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "{argument}")?;
                }
                f.write_str(")")
            }
            Node::Access { base, steps } => {
                write!(f, "{base}")?;
                for step in steps {
                    let mark = if step.safe { "?" } else { "" };
                    write!(f, "{mark}[{}]", step.key)?;
                }
                Ok(())
            }
        }
    }
}
