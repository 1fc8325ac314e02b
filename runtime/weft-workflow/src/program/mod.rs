//! A definition made ready to run: a tree of actions whose expressions are compiled.
//!
//! Owns what can be known before a run begins. Refuses what cannot be compiled, with a pointer into
//! the definition; whether a definition makes sense beyond that is the validation's business. An
//! action of a type that is not known compiles, and fails when it is reached.

mod compile;
mod condition;
mod duration;
mod graph;
mod retry;

use std::collections::HashMap;
use std::sync::Arc;

use crate::expression::Template;
use crate::value::Value;

pub(crate) use condition::Condition;
pub(crate) use duration::{duration_ms, interval_ms};
pub(crate) use graph::{Graph, GraphRef};
pub use retry::RetryPolicy;

/// A compiled definition. Shared by all runs of it.
#[derive(Debug)]
pub struct Program {
    actions: Vec<Action>,
    root: Graph,
    graphs: HashMap<GraphRef, Graph>,
    /// By name in lower case.
    by_name: HashMap<String, ActionId>,
    parameters: Vec<Parameter>,
    triggers: Vec<Trigger>,
    outputs: Vec<Output>,
}

/// The place of an action in its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionId(pub(crate) usize);

/// An action as the definition has it.
#[derive(Debug)]
pub(crate) struct Action {
    pub(crate) name: Arc<str>,
    /// As the author wrote it.
    pub(crate) kind_name: Arc<str>,
    pub(crate) kind: Kind,
    /// The graph that it is part of, and its place there.
    pub(crate) graph: GraphRef,
    pub(crate) position: usize,
    pub(crate) run_after: Vec<RunAfter>,
    /// Those that run after it, by their place in the same graph.
    pub(crate) successors: Vec<usize>,
    pub(crate) tracked: Option<Template>,
    pub(crate) secure: Secure,
    /// `limit.timeout`.
    pub(crate) timeout: Option<Template>,
    pub(crate) options: Options,
    /// `runtimeConfiguration.paginationPolicy.minimumItemCount`.
    pub(crate) pagination: Option<u64>,
    /// `runtimeConfiguration.contentTransfer.transferMode` is `Chunked`.
    pub(crate) chunked: bool,
}

/// A predecessor and what it has to end as.
#[derive(Debug, Clone)]
pub(crate) struct RunAfter {
    /// By its place in the same graph.
    pub(crate) position: usize,
    pub(crate) statuses: Vec<crate::run::Status>,
}

/// What the run history does not show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Secure {
    pub(crate) inputs: bool,
    pub(crate) outputs: bool,
}

/// `operationOptions` that change how an action runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) disable_async_pattern: bool,
    pub(crate) sequential: bool,
    /// An asynchronous response: the caller gets 202 and asks again.
    pub(crate) asynchronous: bool,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Compose(Template),
    InitializeVariable(Template),
    Variable(VariableChange, Template),
    ParseJson {
        content: Template,
        schema: Option<Box<Schema>>,
    },
    Query {
        from: Template,
        condition: Condition,
    },
    Select {
        from: Template,
        select: Template,
    },
    Join(Template),
    Table {
        from: Template,
        format: Template,
        columns: Option<Vec<Column>>,
    },
    /// The date operations of the designer, by their kind.
    Expression {
        kind: Arc<str>,
        inputs: Template,
    },
    Response(Template),
    Terminate(Template),
    Wait(Template),
    /// A request over a transport, which may be retried, polled and paged.
    Request(Transport, Template),
    Webhook(Webhook, Template),
    Workflow(Template),
    /// `Function` and `InvokeFunction`: an activity, orchestrator or entity of the same app.
    Function(Template),
    JavaScript(Template),
    Xslt(Template),
    XmlValidation(Template),
    Scope,
    If(Condition),
    Switch {
        on: Template,
        /// In the order of the definition; the graphs go by the same order.
        cases: Vec<Template>,
    },
    Foreach {
        over: Template,
        /// Iterations at one time; 1 is in sequence.
        concurrency: usize,
    },
    Until {
        condition: Condition,
        count: Option<Template>,
        timeout: Option<Template>,
    },
    Unknown,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VariableChange {
    Set,
    Increment,
    Decrement,
    AppendToArray,
    AppendToString,
}

/// Who carries a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Http,
    ApiConnection,
    ServiceProvider,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Webhook {
    Http,
    ApiConnection,
}

#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) header: Template,
    pub(crate) value: Template,
}

/// A JSON Schema to check contents with.
pub(crate) struct Schema(pub(crate) jsonschema::Validator);

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Schema")
    }
}

/// What is wrong with a value by a JSON Schema, the first few faults of it. A schema that is none
/// finds no fault.
#[must_use]
pub fn schema_faults(schema: &Value, value: &Value) -> Vec<String> {
    let schema = serde_json::Value::from(schema.clone());
    match Schema::compile(&schema) {
        Ok(schema) => schema.faults(value),
        Err(_) => Vec::new(),
    }
}

impl Schema {
    /// A schema of the draft that it names. Without a name it is of the drafts that definitions are
    /// written in, up to 7, in which `items` may be an array; else of the newest.
    pub(crate) fn compile(schema: &serde_json::Value) -> Result<Self, String> {
        let named = schema.get("$schema").is_some();
        let older = (!named).then(|| {
            jsonschema::options()
                .with_draft(jsonschema::Draft::Draft7)
                .build(schema)
        });
        match older {
            Some(Ok(validator)) => Ok(Self(validator)),
            Some(Err(_)) | None => match jsonschema::options().build(schema) {
                Ok(validator) => Ok(Self(validator)),
                Err(error) => Err(error.to_string()),
            },
        }
    }

    /// The first few faults of a value.
    pub(crate) fn faults(&self, value: &Value) -> Vec<String> {
        let json = serde_json::Value::from(value.clone());
        let faults = self.0.iter_errors(&json).take(5);
        faults
            .map(|fault| format!("{fault} (at '{}')", fault.instance_path()))
            .collect()
    }
}

/// A parameter that the definition declares.
#[derive(Debug)]
pub struct Parameter {
    pub name: Arc<str>,
    /// `SecureString` and `SecureObject`.
    pub secure: bool,
    pub(crate) default: Option<Template>,
}

/// A trigger as it stands in the definition; whoever listens reads the rest of it there.
#[derive(Debug)]
pub struct Trigger {
    pub name: Arc<str>,
    /// The type as the author wrote it.
    pub kind: Arc<str>,
    pub definition: Value,
}

/// One of `outputs` of the definition.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) name: Arc<str>,
    pub(crate) kind: Option<Value>,
    pub(crate) value: Template,
}

impl Program {
    #[must_use]
    pub fn triggers(&self) -> &[Trigger] {
        &self.triggers
    }

    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Whether the inputs or outputs of any action are secured (`runtimeConfiguration.secureData`).
    #[must_use]
    pub fn has_secured(&self) -> bool {
        let mut secured = self.actions.iter().map(|action| action.secure);
        secured.any(|secure| secure.inputs || secure.outputs)
    }

    /// Whether any action is a Response, so that callers have to wait for one.
    #[must_use]
    pub fn responds(&self) -> bool {
        self.actions
            .iter()
            .any(|action| matches!(action.kind, Kind::Response(_)))
    }

    /// Whether any Response is asynchronous: callers get 202 and ask again.
    #[must_use]
    pub fn responds_asynchronously(&self) -> bool {
        self.actions
            .iter()
            .any(|action| matches!(action.kind, Kind::Response(_)) && action.options.asynchronous)
    }

    /// The names of all actions, in the order of the definition.
    pub fn action_names(&self) -> impl Iterator<Item = &str> {
        self.actions.iter().map(|action| &*action.name)
    }

    pub(crate) fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    pub(crate) fn action(&self, id: ActionId) -> &Action {
        &self.actions[id.0]
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = ActionId> + use<> {
        (0..self.actions.len()).map(ActionId)
    }

    /// Names are compared without regard to letter case.
    pub(crate) fn find(&self, name: &str) -> Option<ActionId> {
        self.by_name.get(&name.to_lowercase()).copied()
    }

    /// The containers that an action lies in, from the inside out.
    pub(crate) fn around(&self, id: ActionId) -> impl Iterator<Item = ActionId> + '_ {
        std::iter::successors(self.parent(id), |id| self.parent(*id))
    }

    pub(crate) fn is_loop(&self, id: ActionId) -> bool {
        matches!(
            self.action(id).kind,
            Kind::Foreach { .. } | Kind::Until { .. }
        )
    }

    /// The outermost loop that an action lies in.
    pub(crate) fn loop_around(&self, id: ActionId) -> Option<ActionId> {
        self.around(id).filter(|id| self.is_loop(*id)).last()
    }

    /// The container that an action lies in directly; `None` at the top level.
    pub(crate) fn parent(&self, id: ActionId) -> Option<ActionId> {
        self.action(id).graph.owner()
    }
}
