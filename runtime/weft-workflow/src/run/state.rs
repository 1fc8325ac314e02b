//! What a run remembers: running graphs, their actions, variables.

use std::collections::BTreeMap;
use std::sync::Arc;

use weft_orchestration::{TaskHandle, Timestamp};

use crate::expression::Deferred;
use crate::program::GraphRef;
use crate::value::{Array, Object, Value};

use super::Status;
use super::request::Request;

/// A running graph among those of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct FrameId(pub(crate) usize);

/// One run of a graph: the top level, the inside of a scope or branch, one iteration of a loop.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) graph: GraphRef,
    /// The frame in which the container runs; `None` for the top level.
    pub(crate) parent: Option<FrameId>,
    /// For an iteration of a loop.
    pub(crate) iteration: Option<Iteration>,
    /// By the place of the action in its graph.
    pub(crate) slots: Vec<Slot>,
    /// Actions that have not ended.
    pub(crate) open: usize,
}

#[derive(Debug, Clone)]
pub(crate) struct Iteration {
    pub(crate) index: u64,
    /// The item of a Foreach; `None` in an Until.
    pub(crate) item: Option<Value>,
}

/// An action in a frame.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    pub(crate) record: Record,
    /// Predecessors that have not ended.
    pub(crate) pending: usize,
    /// The frames of a container, in the order of the iterations.
    pub(crate) frames: Vec<FrameId>,
    /// Tasks of the replay whose end it waits for.
    pub(crate) tasks: Vec<TaskHandle>,
    pub(crate) progress: Progress,
}

/// How far an action has come that takes more than one step.
#[derive(Debug, Default)]
pub(crate) enum Progress {
    #[default]
    None,
    Request(Box<Request>),
    Foreach(Foreach),
    Until(Until),
    Child {
        responds: bool,
    },
    Webhook {
        unsubscribe: Value,
    },
}

#[derive(Debug)]
pub(crate) struct Foreach {
    pub(crate) items: crate::value::Array,
    pub(crate) next: usize,
    pub(crate) open: usize,
    pub(crate) failed: Option<Status>,
}

#[derive(Debug)]
pub(crate) struct Until {
    pub(crate) count_max: u64,
    pub(crate) deadline_passed: bool,
}

/// What is known of an action, as the run history shows it.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) status: Status,
    pub(crate) code: Option<Arc<str>>,
    pub(crate) error: Option<Value>,
    pub(crate) inputs: Option<Value>,
    /// What in the inputs is left for whoever carries out the action.
    pub(crate) deferred: Deferred,
    pub(crate) outputs: Option<Value>,
    pub(crate) started: Option<Timestamp>,
    pub(crate) ended: Option<Timestamp>,
    pub(crate) tracked: Option<Value>,
    pub(crate) retries: Vec<Retry>,
    /// The how-manieth it was to end.
    pub(crate) order: u64,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            status: Status::Waiting,
            code: None,
            error: None,
            inputs: None,
            deferred: Deferred::new(),
            outputs: None,
            started: None,
            ended: None,
            tracked: None,
            retries: Vec::new(),
            order: 0,
        }
    }
}

/// An attempt that was followed by another.
#[derive(Debug, Clone)]
pub(crate) struct Retry {
    pub(crate) started: Timestamp,
    pub(crate) ended: Timestamp,
    pub(crate) code: Arc<str>,
    pub(crate) error: Option<Value>,
}

/// What became of an action.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) status: Status,
    pub(crate) code: Option<Arc<str>>,
    pub(crate) error: Option<Value>,
    pub(crate) outputs: Option<Value>,
}

impl End {
    pub(crate) fn succeeded(outputs: Option<Value>) -> Self {
        Self {
            status: Status::Succeeded,
            code: None,
            error: None,
            outputs,
        }
    }

    /// With `{"body": ...}` as outputs.
    pub(crate) fn body(body: Value) -> Self {
        Self::succeeded(Some([("body", body)].into_iter().collect()))
    }

    pub(crate) fn failed(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: Status::Failed,
            code: Some(code.into()),
            error: Some(error(code, message)),
            outputs: None,
        }
    }

    pub(crate) fn skipped(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: Status::Skipped,
            code: Some("ActionSkipped".into()),
            error: Some(error(code, message)),
            outputs: None,
        }
    }

    pub(crate) fn timed_out(message: impl Into<String>) -> Self {
        Self {
            status: Status::TimedOut,
            code: Some("ActionTimedOut".into()),
            error: Some(error("ActionTimedOut", message)),
            outputs: None,
        }
    }
}

impl From<crate::expression::EvalError> for End {
    fn from(fault: crate::expression::EvalError) -> Self {
        Self::failed(fault.code, fault.message)
    }
}

/// An error as the run history shows it.
pub(crate) fn error(code: &str, message: impl Into<String>) -> Value {
    let members = [
        ("code", Value::from(code)),
        ("message", Value::from(message.into())),
    ];
    members.into_iter().collect()
}

/// A variable of a run.
#[derive(Debug, Clone)]
pub(crate) struct Variable {
    pub(crate) kind: VariableKind,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VariableKind {
    Boolean,
    Integer,
    Float,
    String,
    Object,
    Array,
}

/// By name in lower case.
pub(crate) type Variables = BTreeMap<String, Variable>;

impl VariableKind {
    pub(crate) fn read(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "boolean" | "bool" => Self::Boolean,
            "integer" | "int" => Self::Integer,
            "float" => Self::Float,
            "string" => Self::String,
            "object" => Self::Object,
            "array" => Self::Array,
            _ => return None,
        })
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Boolean => "Boolean",
            Self::Integer => "Integer",
            Self::Float => "Float",
            Self::String => "String",
            Self::Object => "Object",
            Self::Array => "Array",
        }
    }

    /// What a variable holds that is initialized without a value.
    pub(crate) fn initial(self) -> Value {
        match self {
            Self::Boolean => Value::Bool(false),
            Self::Integer => Value::Int(0),
            Self::Float => Value::Float(0.0),
            Self::String => Value::from(""),
            Self::Object => Value::Object(Object::new()),
            Self::Array => Value::Array(Array::new()),
        }
    }

    /// Whether a variable of this kind may hold the value. Null is nothing yet, in any of them.
    pub(crate) fn takes(self, value: &Value) -> bool {
        match (self, value) {
            (_, Value::Null)
            | (Self::Boolean, Value::Bool(_))
            | (Self::Integer, Value::Int(_))
            | (Self::Float, Value::Int(_) | Value::Float(_) | Value::Decimal(_))
            | (Self::String, Value::String(_))
            | (Self::Object, Value::Object(_))
            | (Self::Array, Value::Array(_)) => true,
            (Self::Integer, number) => number.as_i64().is_some(),
            _ => false,
        }
    }
}

/// Members of an evaluated `inputs`, in whatever letter case.
pub(crate) fn member<'a>(inputs: &'a Value, name: &str) -> Option<&'a Value> {
    inputs.get(name).filter(|value| !value.is_null())
}

/// An object of those members that there are.
pub(crate) fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let mut object = Object::new();
    for (name, value) in members {
        if let Some(value) = value {
            object.insert(name, value);
        }
    }
    Value::Object(object)
}
