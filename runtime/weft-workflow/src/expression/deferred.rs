//! Expressions over what a run is not to know: settings that are secret.
//!
//! Such an expression is not evaluated but reduced to one over settings alone: everything else in it
//! becomes the value that it has. Whoever carries out the action evaluates the rest, so that no
//! secret stands in a history.

use crate::value::Value;

use super::ast::{Call, Expr, Node};
use super::error::EvalError;
use super::eval::Evaluator;

/// Expressions that were left, by JSON pointer into the value that stands for them:
/// `("/headers/key", "@concat('Key ', appsetting('key'))")`. The value has the same text there.
pub type Deferred = Vec<(String, String)>;

impl Evaluator<'_> {
    /// What is left of an expression, without the `@`; `None` where nothing of it is.
    pub(super) fn rest(&mut self, expr: &Expr) -> Result<Option<String>, EvalError> {
        match self.holds_deferred(expr) {
            true => self.part(expr).map(Some),
            false => Ok(None),
        }
    }

    pub(super) fn holds_deferred(&self, expr: &Expr) -> bool {
        let mut found = false;
        expr.visit_calls(&mut |call, _| found |= self.deferred(call).is_some());
        found
    }

    /// An expression over settings alone that gives the same.
    fn part(&mut self, expr: &Expr) -> Result<String, EvalError> {
        if !self.holds_deferred(expr) {
            return Ok(written(&self.evaluate(expr)?));
        }
        self.budget.steps(1)?;
        match &expr.node {
            Node::Literal(value) => Ok(written(value)),
            Node::Call(call) => match self.deferred(call) {
                Some(deferred) => Ok(deferred),
                None => {
                    let arguments = call.arguments.iter().map(|argument| self.part(argument));
                    let arguments: Vec<String> = arguments.collect::<Result<_, _>>()?;
                    Ok(format!("{}({})", call.name, arguments.join(", ")))
                }
            },
            Node::Access { base, steps } => {
                let mut text = self.part(base)?;
                for step in steps {
                    let mark = if step.safe { "?" } else { "" };
                    text.push_str(&format!("{mark}[{}]", self.part(&step.key)?));
                }
                Ok(text)
            }
        }
    }

    /// The expression that stands for a setting or a parameter which the run is not to know.
    fn deferred(&self, call: &Call) -> Option<String> {
        let [argument] = call.arguments.as_slice() else {
            return None;
        };
        let Node::Literal(Value::String(name)) = &argument.node else {
            return None;
        };
        match call.function?.name {
            "appsetting" if self.scope.defers_setting(name) => {
                Some(format!("appsetting({})", written(&Value::from(&**name))))
            }
            "parameters" => self.scope.deferred_parameter(name),
            _ => None,
        }
    }
}

/// A value as an expression. There are no literals of arrays and objects.
pub(super) fn written(value: &Value) -> String {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
    match value {
        Value::String(text) => quoted(text),
        Value::Array(_) | Value::Object(_) => format!("json({})", quoted(&value.to_string())),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Decimal(_) => {
            value.to_string()
        }
    }
}
