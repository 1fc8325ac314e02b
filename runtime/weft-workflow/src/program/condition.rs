//! Conditions: an expression, or objects named after functions whose operands are templates.

use crate::expression::{Budget, CompileError, EvalError, Scope, Template, apply};
use crate::value::Value;

/// What an If, an Until or a filter decides by.
#[derive(Debug, Clone)]
pub(crate) enum Condition {
    Template(Template),
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    /// A function over operands.
    Call(String, Vec<Template>),
}

/// How deep conditions nest at the most.
const DEPTH_MAX: usize = 64;

impl Condition {
    pub(crate) fn compile(value: &Value) -> Result<Self, Vec<CompileError>> {
        build(value, 0)
    }

    /// Whether it holds.
    pub(crate) fn holds(&self, scope: &dyn Scope, budget: &mut Budget) -> Result<bool, EvalError> {
        match self {
            Self::Template(template) => truth(&template.evaluate(scope, budget)?),
            Self::And(all) => {
                for condition in all {
                    if !condition.holds(scope, budget)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Or(any) => {
                for condition in any {
                    if condition.holds(scope, budget)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Not(condition) => Ok(!condition.holds(scope, budget)?),
            Self::Call(name, operands) => {
                let operands = operands
                    .iter()
                    .map(|operand| operand.evaluate(scope, budget))
                    .collect::<Result<Vec<_>, _>>()?;
                truth(&apply(name, &operands, scope, budget)?)
            }
        }
    }
}

fn build(value: &Value, depth: usize) -> Result<Condition, Vec<CompileError>> {
    if depth > DEPTH_MAX {
        let message = format!("Conditions nest {DEPTH_MAX} levels deep at the most.");
        return Err(vec![CompileError::new(0, message)]);
    }
    let Value::Object(object) = value else {
        return Template::compile(value).map(Condition::Template);
    };
    let mut conditions = Vec::new();
    for (name, operand) in object.iter() {
        let nested = || match operand {
            Value::Array(items) => items.iter().map(|item| build(item, depth + 1)).collect(),
            other => build(other, depth + 1).map(|condition| vec![condition]),
        };
        conditions.push(match name.to_ascii_lowercase().as_str() {
            "and" => Condition::And(nested()?),
            "or" => Condition::Or(nested()?),
            "not" => match nested()?.into_iter().next() {
                Some(condition) => Condition::Not(Box::new(condition)),
                None => {
                    let message = "'not' needs a condition.".to_owned();
                    return Err(vec![CompileError::new(0, message)]);
                }
            },
            _ => {
                let operands = match operand {
                    Value::Array(items) => items
                        .iter()
                        .map(Template::compile)
                        .collect::<Result<Vec<_>, _>>()?,
                    other => vec![Template::compile(other)?],
                };
                Condition::Call(name.to_string(), operands)
            }
        });
    }
    match conditions.len() {
        1 => Ok(conditions.remove(0)),
        _ => Ok(Condition::And(conditions)),
    }
}

fn truth(value: &Value) -> Result<bool, EvalError> {
    match value {
        Value::Bool(truth) => Ok(*truth),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(false),
        other => Err(EvalError::invalid(format!(
            "The condition must be a boolean, and is '{}' of type '{}'.",
            crate::run::short(&other.to_text()),
            other.kind()
        ))),
    }
}
