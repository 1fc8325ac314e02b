//! Variables: global to the run, of a kind that stays.

use std::collections::BTreeMap;

use crate::program::{ActionId, Kind, Program, VariableChange};
use crate::value::{Array, Object, Value};

use super::super::Run;
use super::super::state::{End, FrameId, Variable, VariableKind, Variables, object};

impl Run {
    pub(super) fn initialize(&mut self, _: FrameId, _: ActionId, inputs: &Value) -> End {
        initialize(&mut self.variables, inputs)
    }

    pub(super) fn change_variable(&mut self, change: VariableChange, inputs: &Value) -> End {
        change_one(&mut self.variables, change, inputs)
    }

    /// Takes over a variable of an earlier run.
    pub(in super::super) fn restore_variable(&mut self, name: &str, shown: &Value) {
        let kind = shown.get("type").map(Value::to_text).unwrap_or_default();
        if let Some(kind) = VariableKind::read(&kind) {
            let value = shown.get("value").cloned().unwrap_or_default();
            self.variables
                .insert(name.to_lowercase(), Variable { kind, value });
        }
    }

    /// Variables by name: `{type, value}`.
    #[must_use]
    pub(in super::super) fn shown_variables(&self) -> BTreeMap<String, Value> {
        all_described(&self.variables)
    }
}

/// What actions on variables have made of them, by the inputs of each in their order.
pub(in super::super) fn variables_after<'a>(
    program: &Program,
    changes: impl Iterator<Item = (ActionId, &'a Value)>,
) -> BTreeMap<String, Value> {
    let mut variables = Variables::new();
    for (id, inputs) in changes {
        match &program.action(id).kind {
            Kind::InitializeVariable(_) => drop(initialize(&mut variables, inputs)),
            Kind::Variable(change, _) => drop(change_one(&mut variables, *change, inputs)),
            _ => {}
        }
    }
    all_described(&variables)
}

fn all_described(variables: &Variables) -> BTreeMap<String, Value> {
    let all = variables.iter();
    all.map(|(name, variable)| (name.clone(), described(variable)))
        .collect()
}

fn initialize(variables: &mut Variables, inputs: &Value) -> End {
    let given = inputs.get("variables").and_then(Value::as_array);
    for given in given.into_iter().flat_map(|all| all.iter()) {
        let text = |name: &str| given.get(name).map(Value::to_text).unwrap_or_default();
        let name = text("name");
        let Some(kind) = VariableKind::read(&text("type")) else {
            let message = format!(
                "The variable '{name}' has the unknown type '{}'.",
                text("type")
            );
            return End::failed("InvalidTemplate", message);
        };
        let value = given.get("value").cloned();
        let value = value.unwrap_or_else(|| kind.initial());
        if let Some(end) = mismatch(&name, kind, &value) {
            return end;
        }
        let value = settled(kind, value);
        variables.insert(name.to_lowercase(), Variable { kind, value });
    }
    End::succeeded(None)
}

fn change_one(variables: &mut Variables, change: VariableChange, inputs: &Value) -> End {
    let name = inputs.get("name").map(Value::to_text).unwrap_or_default();
    let operand = inputs.get("value").cloned();
    let Some(variable) = variables.get_mut(&name.to_lowercase()) else {
        let message = format!(
            "The variable '{name}' is not initialized. An InitializeVariable action has to run \
             before."
        );
        return End::failed("InvalidTemplate", message);
    };
    let changed = match change {
        VariableChange::Set => Ok(operand.unwrap_or_default()),
        VariableChange::Increment => step(variable, &name, operand, 1),
        VariableChange::Decrement => step(variable, &name, operand, -1),
        VariableChange::AppendToArray => match (&mut variable.value, variable.kind) {
            (Value::Array(items), _) => {
                // In place: a copy for each item would make a loop quadratic.
                items.push(operand.unwrap_or_default());
                return shown(&name, variable);
            }
            (Value::Null, VariableKind::Array) => {
                Ok(Value::from(vec![operand.unwrap_or_default()]))
            }
            _ => Err(wrong_kind(&name, variable.kind, "append an item to")),
        },
        VariableChange::AppendToString => match (&variable.value, variable.kind) {
            (Value::String(text), _) => {
                let more = operand.as_ref().map(Value::to_text).unwrap_or_default();
                Ok(Value::from(format!("{text}{more}")))
            }
            (Value::Null, VariableKind::String) => Ok(Value::from(
                operand.as_ref().map(Value::to_text).unwrap_or_default(),
            )),
            _ => Err(wrong_kind(&name, variable.kind, "append a text to")),
        },
    };
    let value = match changed {
        Ok(value) => value,
        Err(end) => return end,
    };
    if let Some(end) = mismatch(&name, variable.kind, &value) {
        return end;
    }
    variable.value = settled(variable.kind, value);
    shown(&name, variable)
}

fn step(variable: &Variable, name: &str, by: Option<Value>, sign: i64) -> Result<Value, End> {
    let by = by.unwrap_or(Value::Int(1));
    match (variable.kind, &variable.value, &by) {
        (VariableKind::Integer | VariableKind::Float, Value::Null, _) => {
            step_from(&Value::Int(0), &by, sign)
        }
        (VariableKind::Integer | VariableKind::Float, value, _) => step_from(value, &by, sign),
        _ => return Err(wrong_kind(name, variable.kind, "change the number of")),
    }
    .ok_or_else(|| {
        let message = format!(
            "The variable '{name}' of type '{}' cannot be changed by '{}'.",
            variable.kind.as_str(),
            by.to_text()
        );
        End::failed("InvalidTemplate", message)
    })
}

fn step_from(value: &Value, by: &Value, sign: i64) -> Option<Value> {
    if let (Some(value), Some(by)) = (value.as_i64(), by.as_i64()) {
        return value.checked_add(by.checked_mul(sign)?).map(Value::Int);
    }
    #[expect(clippy::cast_precision_loss, reason = "it is 1 or -1")]
    let sum = value.to_f64()? + by.to_f64()? * sign as f64;
    Some(Value::Float(sum))
}

fn wrong_kind(name: &str, kind: VariableKind, what: &str) -> End {
    let message = format!(
        "It is not possible to {what} the variable '{name}', which is of type '{}'.",
        kind.as_str()
    );
    End::failed("InvalidTemplate", message)
}

fn mismatch(name: &str, kind: VariableKind, value: &Value) -> Option<End> {
    if kind.takes(value) {
        return None;
    }
    let message = format!(
        "The variable '{name}' of type '{}' cannot be initialized or updated with value '{}' of type \
         '{}'. The variable '{name}' only supports values of types '{}'.",
        kind.as_str(),
        super::super::short(&value.to_text()),
        value.kind(),
        kind.as_str()
    );
    Some(End::failed("InvalidTemplate", message))
}

/// Whole floats become integers in integer variables; nothing yet is empty where that exists.
fn settled(kind: VariableKind, value: Value) -> Value {
    match (kind, value) {
        (VariableKind::Integer, value) => value.as_i64().map_or(value, Value::Int),
        (VariableKind::Array, Value::Null) => Value::Array(Array::new()),
        (VariableKind::Object, Value::Null) => Value::Object(Object::new()),
        (_, value) => value,
    }
}

fn described(variable: &Variable) -> Value {
    object([
        ("type", Some(Value::from(variable.kind.as_str()))),
        ("value", Some(variable.value.clone())),
    ])
}

fn shown(name: &str, variable: &Variable) -> End {
    // The value of a list that grows is not shown with each item: it would be kept as often.
    let value = match &variable.value {
        Value::Array(_) => None,
        value => Some(value.clone()),
    };
    End::body(object([
        ("name", Some(Value::from(name))),
        ("type", Some(Value::from(variable.kind.as_str()))),
        ("value", value),
    ]))
}
