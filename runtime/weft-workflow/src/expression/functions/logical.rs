//! Conditions and comparisons. `and`, `or`, `if` and `coalesce` evaluate no more than they need.

use std::cmp::Ordering;

use crate::value::Value;

use super::super::ast::Expr;
use super::super::error::EvalError;
use super::super::eval::Evaluator;
use super::{Invocation, Outcome};

pub(super) fn and(evaluator: &mut Evaluator<'_>, args: &[Expr]) -> Outcome {
    until(evaluator, "and", args, false)
}

pub(super) fn or(evaluator: &mut Evaluator<'_>, args: &[Expr]) -> Outcome {
    until(evaluator, "or", args, true)
}

fn until(evaluator: &mut Evaluator<'_>, name: &str, args: &[Expr], decisive: bool) -> Outcome {
    for arg in args {
        if truth(evaluator, name, arg)? == decisive {
            return Ok(Value::Bool(decisive));
        }
    }
    Ok(Value::Bool(!decisive))
}

fn truth(evaluator: &mut Evaluator<'_>, name: &str, arg: &Expr) -> Result<bool, EvalError> {
    let value = evaluator.evaluate(arg)?;
    value.as_bool().ok_or_else(|| {
        EvalError::invalid(format!(
            "The template language function '{name}' expects its parameters to be of type boolean. \
             The provided value is of type '{}'.",
            value.kind()
        ))
    })
}

pub(super) fn if_(evaluator: &mut Evaluator<'_>, args: &[Expr]) -> Outcome {
    let chosen = if truth(evaluator, "if", &args[0])? {
        1
    } else {
        2
    };
    evaluator.evaluate(&args[chosen])
}

pub(super) fn coalesce(evaluator: &mut Evaluator<'_>, args: &[Expr]) -> Outcome {
    for arg in args {
        let value = evaluator.evaluate(arg)?;
        if !value.is_null() {
            return Ok(value);
        }
    }
    Ok(Value::Null)
}

pub(super) fn not(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let truth = args[0]
        .as_bool()
        .ok_or_else(|| call.wrong(0, &args[0], "be of type boolean"))?;
    Ok(Value::Bool(!truth))
}

/// A boolean beside a number counts as 1 or 0.
pub(super) fn equals(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    call.budget
        .steps(args[0].weight().min(args[1].weight()) / 16)?;
    let as_number = |value: &Value| match value {
        Value::Bool(truth) => Value::Int(i64::from(*truth)),
        other => other.clone(),
    };
    Ok(Value::Bool(match (&args[0], &args[1]) {
        (Value::Bool(_), Value::Int(_) | Value::Float(_) | Value::Decimal(_))
        | (Value::Int(_) | Value::Float(_) | Value::Decimal(_), Value::Bool(_)) => {
            as_number(&args[0]) == as_number(&args[1])
        }
        (a, b) => a == b,
    }))
}

pub(super) fn less(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    compare(call, args, Ordering::is_lt)
}

pub(super) fn less_or_equals(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    compare(call, args, Ordering::is_le)
}

pub(super) fn greater(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    compare(call, args, Ordering::is_gt)
}

pub(super) fn greater_or_equals(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    compare(call, args, Ordering::is_ge)
}

fn compare(call: &Invocation<'_>, args: &[Value], holds: fn(Ordering) -> bool) -> Outcome {
    for (index, arg) in args.iter().enumerate() {
        if matches!(
            arg,
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_)
        ) {
            return Err(call.wrong(index, arg, "be an integer, a float or a string"));
        }
    }
    let same_kind = args[0].as_str().is_some() == args[1].as_str().is_some();
    if !same_kind {
        return Err(call.error(format_args!(
            "expects two parameters of matching types. The function was invoked with values of \
             type '{}' and '{}' that do not match.",
            args[0].kind(),
            args[1].kind()
        )));
    }
    // NaN is neither less nor greater than anything.
    Ok(Value::Bool(order(&args[0], &args[1]).is_some_and(holds)))
}

/// Numbers by value, strings by their characters; `None` where there is no order.
pub(super) fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Decimal(a), Value::Decimal(b)) => Some(a.cmp(b)),
        (Value::Int(a), Value::Decimal(b)) => Some(rust_decimal::Decimal::from(*a).cmp(b)),
        (Value::Decimal(a), Value::Int(b)) => Some(a.cmp(&rust_decimal::Decimal::from(*b))),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => a.to_f64()?.partial_cmp(&b.to_f64()?),
    }
}
