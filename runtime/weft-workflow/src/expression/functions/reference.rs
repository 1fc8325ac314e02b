//! What only a run knows: parameters, variables, the trigger, actions, loops.

use crate::value::Value;

use super::super::error::EvalError;
use super::{Invocation, Outcome};

impl Invocation<'_> {
    fn known(&self, what: &str, name: &str, found: Option<Value>) -> Outcome {
        found.ok_or_else(|| {
            EvalError::invalid(format!(
                "The template language function '{}' cannot be evaluated: the {what} '{name}' is \
                 not defined or not available here.",
                self.function.name
            ))
        })
    }

    fn here(&self, found: Option<Value>) -> Outcome {
        found.ok_or_else(|| self.error("is not available in this place of a workflow."))
    }

    fn trigger(&self) -> Outcome {
        self.here(self.scope.trigger())
    }

    fn action(&self, args: &[Value]) -> Outcome {
        let name = self.string(args, 0)?;
        self.known("action", name, self.scope.action(name))
    }
}

fn member(value: &Value, name: &str) -> Value {
    value.get(name).cloned().unwrap_or(Value::Null)
}

pub(super) fn parameters(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let name = call.string(args, 0)?;
    call.known("workflow parameter", name, call.scope.parameter(name))
}

pub(super) fn variables(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let name = call.string(args, 0)?;
    call.known("variable", name, call.scope.variable(name))
}

pub(super) fn appsetting(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let name = call.string(args, 0)?;
    let found = call.scope.app_setting(name);
    if found.is_none() && call.scope.defers_setting(name) {
        return Err(EvalError::invalid(format!(
            "The app setting '{name}' is none of the workflow's own. A secret of the app (`weft \
             secrets set {name}`) is known to requests alone: their uri, path, queries, headers, \
             body, authentication and parameters."
        )));
    }
    call.known("app setting", name, found)
}

pub(super) fn agent_parameters(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let name = call.string(args, 0)?;
    call.known("agent parameter", name, call.scope.agent_parameter(name))
}

pub(super) fn trigger(call: &mut Invocation<'_>, _: &[Value]) -> Outcome {
    call.trigger()
}

pub(super) fn trigger_outputs(call: &mut Invocation<'_>, _: &[Value]) -> Outcome {
    Ok(member(&call.trigger()?, "outputs"))
}

pub(super) fn trigger_body(call: &mut Invocation<'_>, _: &[Value]) -> Outcome {
    Ok(member(&member(&call.trigger()?, "outputs"), "body"))
}

pub(super) fn actions(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    call.action(args)
}

pub(super) fn outputs(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    Ok(member(&call.action(args)?, "outputs"))
}

pub(super) fn body(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    Ok(member(&member(&call.action(args)?, "outputs"), "body"))
}

pub(super) fn action(call: &mut Invocation<'_>, _: &[Value]) -> Outcome {
    call.here(call.scope.current_action())
}

pub(super) fn result(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    match call.optional_string(args, 0)? {
        Some(name) => call.known("scope", name, call.scope.result(Some(name))),
        None => call.here(call.scope.result(None)),
    }
}

pub(super) fn item(call: &mut Invocation<'_>, _: &[Value]) -> Outcome {
    call.here(call.scope.item())
}

pub(super) fn items(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let name = call.string(args, 0)?;
    call.known("loop", name, call.scope.items(name))
}

pub(super) fn iteration_indexes(call: &mut Invocation<'_>, args: &[Value]) -> Outcome {
    let name = call.string(args, 0)?;
    let index = call.scope.iteration_index(name);
    let index = index.map(|i| Value::Int(i64::try_from(i).unwrap_or(i64::MAX)));
    call.known("loop", name, index)
}

pub(super) fn workflow(call: &mut Invocation<'_>, _: &[Value]) -> Outcome {
    call.here(call.scope.workflow())
}

pub(super) fn list_callback_url(call: &mut Invocation<'_>, _: &[Value]) -> Outcome {
    call.here(call.scope.list_callback_url())
}
