//! Arithmetic: whole numbers stay whole, decimals keep their digits, everything else is a float.

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;

use crate::value::Value;

use super::logical::order;
use super::{EvalError, Invocation, Outcome};

/// Two numbers as the wider of their kinds.
enum Pair {
    Int(i64, i64),
    Decimal(Decimal, Decimal),
    Float(f64, f64),
}

fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::Int(number) => Some(Decimal::from(*number)),
        Value::Decimal(number) => Some(*number),
        Value::Float(number) => Decimal::from_f64(*number),
        _ => None,
    }
}

fn pair(call: &Invocation<'_>, args: &[Value]) -> Result<Pair, EvalError> {
    for (index, arg) in args.iter().enumerate() {
        if !matches!(arg, Value::Int(_) | Value::Float(_) | Value::Decimal(_)) {
            return Err(call.wrong(index, arg, "be an integer or a decimal number"));
        }
    }
    let (a, b) = (&args[0], &args[1]);
    if let (Value::Int(a), Value::Int(b)) = (a, b) {
        return Ok(Pair::Int(*a, *b));
    }
    let exact = matches!(a, Value::Decimal(_)) || matches!(b, Value::Decimal(_));
    if let (true, Some(a), Some(b)) = (exact, decimal(a), decimal(b)) {
        return Ok(Pair::Decimal(a, b));
    }
    let float = |value: &Value| value.to_f64().unwrap_or(f64::NAN);
    Ok(Pair::Float(float(a), float(b)))
}

fn overflow(call: &Invocation<'_>) -> EvalError {
    call.error("cannot be evaluated: Arithmetic operation resulted in an overflow.")
}

fn compute(
    call: &mut Invocation<'_>,
    args: &[Value],
    int: fn(i64, i64) -> Option<i64>,
    decimal: fn(Decimal, Decimal) -> Option<Decimal>,
    float: fn(f64, f64) -> f64,
) -> Outcome {
    let found = match pair(call, args)? {
        Pair::Int(a, b) => int(a, b).map(Value::Int),
        Pair::Decimal(a, b) => decimal(a, b).map(Value::Decimal),
        Pair::Float(a, b) => Some(Value::Float(float(a, b))),
    };
    found.ok_or_else(|| overflow(call))
}

pub(super) fn add(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    compute(
        call,
        args,
        i64::checked_add,
        Decimal::checked_add,
        |a, b| a + b,
    )
}

pub(super) fn sub(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    compute(
        call,
        args,
        i64::checked_sub,
        Decimal::checked_sub,
        |a, b| a - b,
    )
}

pub(super) fn mul(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    compute(
        call,
        args,
        i64::checked_mul,
        Decimal::checked_mul,
        |a, b| a * b,
    )
}

fn by_zero(call: &Invocation<'_>, args: &[Value]) -> Result<(), EvalError> {
    let zero = match pair(call, args)? {
        Pair::Int(_, b) => b == 0,
        Pair::Decimal(_, b) => b.is_zero(),
        Pair::Float(..) => false,
    };
    match zero {
        true => Err(call
            .error("cannot be evaluated: Attempt to divide an integral or decimal value by zero.")),
        false => Ok(()),
    }
}

pub(super) fn div(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    by_zero(call, args)?;
    compute(
        call,
        args,
        i64::checked_div,
        Decimal::checked_div,
        |a, b| a / b,
    )
}

/// Takes the sign of the dividend.
pub(super) fn modulo(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    by_zero(call, args)?;
    compute(
        call,
        args,
        i64::checked_rem,
        Decimal::checked_rem,
        |a, b| a % b,
    )
}

fn extreme(call: &Invocation<'_>, args: &[Value], sought: std::cmp::Ordering) -> Outcome {
    let items = match args {
        [Value::Array(items)] => &**items,
        args => args,
    };
    let mut found: Option<&Value> = None;
    for (index, item) in items.iter().enumerate() {
        if !matches!(item, Value::Int(_) | Value::Float(_) | Value::Decimal(_)) {
            return Err(call.wrong(index, item, "be an integer or a decimal number"));
        }
        if found.is_none_or(|found| order(item, found) == Some(sought)) {
            found = Some(item);
        }
    }
    found
        .cloned()
        .ok_or_else(|| call.error("expects an array that is not empty."))
}

pub(super) fn max(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    extreme(call, args, std::cmp::Ordering::Greater)
}

pub(super) fn min(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    extreme(call, args, std::cmp::Ordering::Less)
}

/// From the first number up to, not including, the second.
pub(super) fn rand(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let (from, to) = (call.integer(args, 0)?, call.integer(args, 1)?);
    let span = i128::from(to) - i128::from(from);
    if span <= 0 {
        return Err(call.error("expects its second parameter to be greater than the first."));
    }
    let offset = i128::from(call.scope.random()) % span;
    let number = i64::try_from(i128::from(from) + offset).expect("between two of them");
    Ok(Value::Int(number))
}

pub(super) fn range(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    const COUNT_MAX: i64 = 100_000;
    let (from, count) = (call.integer(args, 0)?, call.integer(args, 1)?);
    if !(0..=COUNT_MAX).contains(&count) {
        return Err(call.error(format_args!(
            "expects its second parameter to be an integer from 0 to {COUNT_MAX}."
        )));
    }
    let Some(end) = from.checked_add(count) else {
        return Err(overflow(call));
    };
    call.budget.bytes(count.unsigned_abs() * 8)?;
    Ok((from..end).map(Value::Int).collect())
}
