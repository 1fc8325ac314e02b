//! Expressions to values: calls, and look-ups of properties and items.

use crate::value::Value;

use super::ast::{Call, Expr, Node, Step};
use super::budget::Budget;
use super::error::EvalError;
use super::functions::{self, Invocation, Run};
use super::scope::Scope;

/// What the function `name` gives for these arguments.
///
/// # Errors
/// There is no such function, or it refuses the arguments.
pub fn apply(
    name: &str,
    arguments: &[Value],
    scope: &dyn Scope,
    budget: &mut Budget,
) -> Result<Value, EvalError> {
    let literal = |value: &Value| Expr {
        node: Node::Literal(value.clone()),
        offset: 0,
    };
    let call = Call {
        name: name.into(),
        function: functions::find(name),
        arguments: arguments.iter().map(literal).collect(),
    };
    Evaluator { scope, budget }.call(&call)
}

pub(super) struct Evaluator<'a> {
    pub(super) scope: &'a dyn Scope,
    pub(super) budget: &'a mut Budget,
}

impl Evaluator<'_> {
    pub(super) fn evaluate(&mut self, expr: &Expr) -> Result<Value, EvalError> {
        let value = match &expr.node {
            Node::Literal(value) => return Ok(value.clone()),
            Node::Call(call) => self.call(call),
            Node::Access { base, steps } => self.access(base, steps, expr),
        };
        value.map_err(|error| EvalError {
            offset: error.offset.or(Some(expr.offset)),
            ..error
        })
    }

    fn call(&mut self, call: &Call) -> Result<Value, EvalError> {
        self.budget.steps(1)?;
        if let Some(fault) = functions::fault(call, 0) {
            return Err(EvalError::invalid(fault.message));
        }
        let function = call.function.expect("an unknown function is a fault");
        let run = match function.run {
            Run::Lazy(run) => return run(self, &call.arguments),
            Run::Eager(run) => run,
        };
        let arguments: Vec<Value> = call
            .arguments
            .iter()
            .map(|argument| self.evaluate(argument))
            .collect::<Result<_, _>>()?;
        let mut invocation = Invocation {
            function,
            scope: self.scope,
            budget: self.budget,
        };
        let value = run(&mut invocation, &arguments)?;
        self.budget.depth(value.depth())?;
        if function.builds() {
            self.budget.bytes(value.weight())?;
        }
        Ok(value)
    }

    fn access(&mut self, base: &Expr, steps: &[Step], whole: &Expr) -> Result<Value, EvalError> {
        let mut value = self.evaluate(base)?;
        for step in steps {
            self.budget.steps(1)?;
            let key = self.evaluate(&step.key)?;
            value = select(&value, &key, step.safe).map_err(|reason| EvalError {
                offset: Some(step.key.offset),
                ..EvalError::invalid(format!(
                    "The template language expression '{}' cannot be evaluated because {reason}",
                    shortened(whole)
                ))
            })?;
        }
        Ok(value)
    }
}

/// Long expressions would hide the reason behind them.
fn shortened(expr: &Expr) -> String {
    const SHOWN_MAX: usize = 500;
    let text = expr.to_string();
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

fn select(parent: &Value, key: &Value, safe: bool) -> Result<Value, String> {
    match (parent, key) {
        (Value::Null, _) if safe => Ok(Value::Null),
        (Value::Object(object), Value::String(name)) => match object.get(name) {
            Some(value) => Ok(value.clone()),
            None if safe => Ok(Value::Null),
            None => {
                let names: Vec<&str> = object.iter().take(20).map(|(k, _)| k.as_ref()).collect();
                Err(format!(
                    "property '{name}' doesn't exist, available properties are '{}'.",
                    names.join(", ")
                ))
            }
        },
        (Value::Array(items), _) => {
            let Some(index) = key.as_i64() else {
                return Err(format!(
                    "property '{}' cannot be selected. Array elements can only be selected using \
                     an integer index.",
                    key.to_text()
                ));
            };
            let item = usize::try_from(index).ok().and_then(|i| items.get(i));
            match item {
                Some(item) => Ok(item.clone()),
                None if safe => Ok(Value::Null),
                None => Err(format!(
                    "array index '{index}' is outside bounds (0, {}) of array.",
                    items.len() as i64 - 1
                )),
            }
        }
        (Value::Null, _) => Err(format!(
            "property '{}' cannot be selected. The value it is selected from is null; '?' in \
             front of the look-up makes that null.",
            key.to_text()
        )),
        (Value::Object(_), _) => Err(format!(
            "a value of type '{}' cannot be the name of a property.",
            key.kind()
        )),
        _ => Err(format!(
            "property '{}' cannot be selected. Property selection is not supported on values of \
             type '{}'.",
            key.to_text(),
            parent.kind()
        )),
    }
}
