//! From a definition to a program.

use std::collections::HashMap;
use std::sync::Arc;

use crate::expression::{CompileError, Template};
use crate::run::Status;
use crate::value::{Object, Value, same_name};

use super::{
    Action, ActionId, Column, Condition, Graph, GraphRef, Kind, Options, Output, Parameter,
    Program, RunAfter, Schema, Secure, Transport, Trigger, VariableChange, Webhook,
};

/// How deep containers nest at the most: enough for every definition, and no danger to the stack.
const DEPTH_MAX: usize = 64;
/// Actions of one definition.
const ACTIONS_MAX: usize = 10_000;
/// Iterations at one time where the definition does not say; the peer's number.
const CONCURRENCY_DEFAULT: usize = 20;

impl Program {
    /// Compiles a bare definition: an object with `triggers`, `actions` and the rest.
    ///
    /// # Errors
    /// Every fault that keeps it from being run, with a JSON pointer into the definition.
    pub fn compile(definition: &Value) -> Result<Self, Vec<CompileError>> {
        let mut compiler = Compiler::default();
        compiler.graph(definition.get("actions"), GraphRef::Root, "/actions", 0);
        let parameters = compiler.parameters(definition.get("parameters"));
        let outputs = compiler.outputs(definition.get("outputs"));
        let triggers = members(definition.get("triggers"))
            .map(|(name, trigger)| Trigger {
                name: name.clone(),
                kind: trigger
                    .get("type")
                    .map(Value::to_text)
                    .unwrap_or_default()
                    .into(),
                definition: trigger.clone(),
            })
            .collect();
        if !compiler.faults.is_empty() {
            return Err(compiler.faults);
        }
        let root = compiler.graphs.remove(&GraphRef::Root).unwrap_or_default();
        Ok(Self {
            actions: compiler.actions.into_iter().flatten().collect(),
            root,
            graphs: compiler.graphs,
            by_name: compiler.by_name,
            parameters,
            triggers,
            outputs,
        })
    }
}

#[derive(Default)]
struct Compiler {
    /// `None` while an action's own graphs are compiled.
    actions: Vec<Option<Action>>,
    graphs: HashMap<GraphRef, Graph>,
    /// Loops over items around what is being compiled.
    foreach_depth: usize,
    by_name: HashMap<String, ActionId>,
    faults: Vec<CompileError>,
}

impl Compiler {
    fn fault(&mut self, pointer: &str, message: impl Into<String>) {
        let mut fault = CompileError::new(0, message);
        pointer.clone_into(&mut fault.pointer);
        self.faults.push(fault);
    }

    /// Faults of a part, moved to where the part stands.
    fn moved(&mut self, pointer: &str, faults: Vec<CompileError>) {
        self.faults
            .extend(faults.into_iter().map(|fault| CompileError {
                pointer: format!("{pointer}{}", fault.pointer),
                ..fault
            }));
    }

    fn template(&mut self, value: Option<&Value>, pointer: &str) -> Template {
        match Template::compile(value.unwrap_or(&Value::Null)) {
            Ok(template) => template,
            Err(faults) => {
                self.moved(pointer, faults);
                Template::literal(Value::Null)
            }
        }
    }

    fn optional(&mut self, value: Option<&Value>, pointer: &str) -> Option<Template> {
        value.map(|value| self.template(Some(value), pointer))
    }

    fn condition(&mut self, value: Option<&Value>, pointer: &str) -> Condition {
        match Condition::compile(value.unwrap_or(&Value::Null)) {
            Ok(condition) => condition,
            Err(faults) => {
                self.moved(pointer, faults);
                Condition::And(Vec::new())
            }
        }
    }

    fn graph(&mut self, actions: Option<&Value>, place: GraphRef, pointer: &str, depth: usize) {
        if depth > DEPTH_MAX {
            self.fault(
                pointer,
                format!("Actions nest {DEPTH_MAX} levels deep at the most."),
            );
            return;
        }
        let mut ids = Vec::new();
        for (name, action) in members(actions) {
            let at = format!("{pointer}/{}", token(name));
            let id = ActionId(self.actions.len());
            if id.0 >= ACTIONS_MAX {
                self.fault(
                    &at,
                    format!("A definition has {ACTIONS_MAX} actions at the most."),
                );
                return;
            }
            if self.by_name.insert(name.to_lowercase(), id).is_some() {
                self.fault(
                    &at,
                    format!("There is another action of the name '{name}'."),
                );
            }
            self.actions.push(None);
            ids.push(id);
            let compiled = self.action(id, name, action, &at, depth);
            self.actions[id.0] = Some(Action {
                graph: place,
                position: ids.len() - 1,
                ..compiled
            });
        }
        self.order(actions, &ids, pointer);
        self.graphs.insert(place, Graph { actions: ids });
    }

    /// Who runs after whom. A name that no action of the graph has is a trigger's, which is there.
    fn order(&mut self, actions: Option<&Value>, ids: &[ActionId], pointer: &str) {
        let names: HashMap<String, usize> = members(actions)
            .enumerate()
            .map(|(position, (name, _))| (name.to_lowercase(), position))
            .collect();
        for (position, (name, action)) in members(actions).enumerate().take(ids.len()) {
            let mut after = Vec::new();
            for (before, statuses) in members(action.get("runAfter")) {
                let Some(&before) = names.get(&before.to_lowercase()) else {
                    continue;
                };
                let statuses = statuses.as_array().map(|statuses| {
                    let known = statuses.iter().filter_map(Value::as_str);
                    known
                        .filter_map(|status| status.parse::<Status>().ok())
                        .collect()
                });
                let statuses: Vec<Status> = statuses.unwrap_or_default();
                let statuses = match statuses.is_empty() {
                    true => vec![Status::Succeeded],
                    false => statuses,
                };
                after.push(RunAfter {
                    position: before,
                    statuses,
                });
                if let Some(action) = &mut self.actions[ids[before].0] {
                    action.successors.push(position);
                }
            }
            if let Some(action) = &mut self.actions[ids[position].0] {
                action.run_after = after;
            } else {
                self.fault(pointer, format!("'{name}' could not be compiled."));
            }
        }
        if let Some(position) = cycle(ids.iter().map(|id| self.actions[id.0].as_ref())) {
            let name = self.actions[ids[position].0]
                .as_ref()
                .map_or_else(String::new, |action| action.name.to_string());
            let at = format!("{pointer}/{}/runAfter", token(&name));
            self.fault(
                &at,
                format!("'{name}' runs after itself, by way of others."),
            );
        }
    }

    fn action(
        &mut self,
        id: ActionId,
        name: &Arc<str>,
        action: &Value,
        pointer: &str,
        depth: usize,
    ) -> Action {
        let kind_name = action.get("type").map(Value::to_text).unwrap_or_default();
        let runtime = action.get("runtimeConfiguration");
        let configured = |path: &str| runtime.and_then(|runtime| runtime.pointer(path));
        let options = options(action);
        let secured = |what: &str| {
            let properties = configured("/secureData/properties").and_then(Value::as_array);
            properties.is_some_and(|all| {
                let named = |value: &Value| value.as_str().is_some_and(|v| same_name(v, what));
                all.iter().any(named)
            })
        };
        let secure = Secure {
            inputs: secured("inputs"),
            outputs: secured("outputs"),
        };
        let repetitions = configured("/concurrency/repetitions")
            .and_then(Value::as_i64)
            .and_then(|count| usize::try_from(count).ok())
            .filter(|count| *count > 0);
        // A loop inside of another takes one item after the other, as the peer documents.
        let concurrency = match options.sequential || self.foreach_depth > 0 {
            true => 1,
            false => repetitions.unwrap_or(CONCURRENCY_DEFAULT),
        };
        let kind = self.kind(id, &kind_name, action, concurrency, pointer, depth);
        Action {
            name: name.clone(),
            kind_name: kind_name.into(),
            kind,
            graph: GraphRef::Root,
            position: 0,
            run_after: Vec::new(),
            successors: Vec::new(),
            tracked: self.optional(
                action.get("trackedProperties"),
                &format!("{pointer}/trackedProperties"),
            ),
            secure,
            timeout: self.optional(
                action.pointer("/limit/timeout"),
                &format!("{pointer}/limit/timeout"),
            ),
            options,
            pagination: configured("/paginationPolicy/minimumItemCount")
                .and_then(Value::as_i64)
                .and_then(|count| u64::try_from(count).ok()),
            chunked: configured("/contentTransfer/transferMode")
                .and_then(Value::as_str)
                .is_some_and(|mode| same_name(mode, "Chunked")),
        }
    }

    fn kind(
        &mut self,
        id: ActionId,
        name: &str,
        action: &Value,
        concurrency: usize,
        pointer: &str,
        depth: usize,
    ) -> Kind {
        let inputs = action.get("inputs");
        let at = format!("{pointer}/inputs");
        let input = |name: &str| inputs.and_then(|inputs| inputs.get(name));
        let body = |compiler: &mut Self| {
            let place = GraphRef::Body(id);
            let at = format!("{pointer}/actions");
            compiler.graph(action.get("actions"), place, &at, depth + 1);
        };
        match name.to_ascii_lowercase().as_str() {
            "compose" => Kind::Compose(self.template(inputs, &at)),
            "initializevariable" => Kind::InitializeVariable(self.template(inputs, &at)),
            "setvariable" => Kind::Variable(VariableChange::Set, self.template(inputs, &at)),
            "incrementvariable" => {
                Kind::Variable(VariableChange::Increment, self.template(inputs, &at))
            }
            "decrementvariable" => {
                Kind::Variable(VariableChange::Decrement, self.template(inputs, &at))
            }
            "appendtoarrayvariable" => {
                Kind::Variable(VariableChange::AppendToArray, self.template(inputs, &at))
            }
            "appendtostringvariable" => {
                Kind::Variable(VariableChange::AppendToString, self.template(inputs, &at))
            }
            "parsejson" => Kind::ParseJson {
                content: self.template(input("content"), &format!("{at}/content")),
                schema: self.schema(input("schema"), &format!("{at}/schema")),
            },
            "query" => Kind::Query {
                from: self.template(input("from"), &format!("{at}/from")),
                condition: self.condition(input("where"), &format!("{at}/where")),
            },
            "select" => Kind::Select {
                from: self.template(input("from"), &format!("{at}/from")),
                select: self.template(input("select"), &format!("{at}/select")),
            },
            "join" => Kind::Join(self.template(inputs, &at)),
            "table" => Kind::Table {
                from: self.template(input("from"), &format!("{at}/from")),
                format: self.template(input("format"), &format!("{at}/format")),
                columns: self.columns(input("columns"), &format!("{at}/columns")),
            },
            "expression" => Kind::Expression {
                kind: action
                    .get("kind")
                    .map(Value::to_text)
                    .unwrap_or_default()
                    .into(),
                inputs: self.template(inputs, &at),
            },
            "response" => Kind::Response(self.template(inputs, &at)),
            "terminate" => Kind::Terminate(self.template(inputs, &at)),
            "wait" => Kind::Wait(self.template(inputs, &at)),
            "http" => Kind::Request(Transport::Http, self.template(inputs, &at)),
            "apiconnection" | "apimanagement" => {
                Kind::Request(Transport::ApiConnection, self.template(inputs, &at))
            }
            "serviceprovider" => {
                Kind::Request(Transport::ServiceProvider, self.template(inputs, &at))
            }
            "httpwebhook" => Kind::Webhook(Webhook::Http, self.template(inputs, &at)),
            "apiconnectionwebhook" => {
                Kind::Webhook(Webhook::ApiConnection, self.template(inputs, &at))
            }
            "workflow" => Kind::Workflow(self.template(inputs, &at)),
            "function" | "invokefunction" => Kind::Function(self.template(inputs, &at)),
            "javascriptcode" => Kind::JavaScript(self.template(inputs, &at)),
            "xslt" => Kind::Xslt(self.template(inputs, &at)),
            "xmlvalidation" => Kind::XmlValidation(self.template(inputs, &at)),
            "scope" => {
                body(self);
                Kind::Scope
            }
            "if" => {
                body(self);
                let place = GraphRef::Else(id);
                let actions = action.pointer("/else/actions");
                self.graph(
                    actions,
                    place,
                    &format!("{pointer}/else/actions"),
                    depth + 1,
                );
                let at = format!("{pointer}/expression");
                Kind::If(self.condition(action.get("expression"), &at))
            }
            "switch" => self.switch(id, action, pointer, depth),
            "foreach" => {
                self.foreach_depth += 1;
                body(self);
                self.foreach_depth -= 1;
                let at = format!("{pointer}/foreach");
                Kind::Foreach {
                    over: self.template(action.get("foreach"), &at),
                    concurrency,
                }
            }
            "until" => {
                body(self);
                let limit = |name: &str| action.pointer(&format!("/limit/{name}"));
                Kind::Until {
                    condition: self
                        .condition(action.get("expression"), &format!("{pointer}/expression")),
                    count: self.optional(limit("count"), &format!("{pointer}/limit/count")),
                    timeout: self.optional(limit("timeout"), &format!("{pointer}/limit/timeout")),
                }
            }
            _ => Kind::Unknown,
        }
    }

    fn switch(&mut self, id: ActionId, action: &Value, pointer: &str, depth: usize) -> Kind {
        let mut cases = Vec::new();
        for (name, case) in members(action.get("cases")) {
            let at = format!("{pointer}/cases/{}", token(name));
            let place = GraphRef::Case(id, cases.len());
            self.graph(
                case.get("actions"),
                place,
                &format!("{at}/actions"),
                depth + 1,
            );
            cases.push(self.template(case.get("case"), &format!("{at}/case")));
        }
        let place = GraphRef::Default(id);
        let actions = action.pointer("/default/actions");
        self.graph(
            actions,
            place,
            &format!("{pointer}/default/actions"),
            depth + 1,
        );
        Kind::Switch {
            on: self.template(action.get("expression"), &format!("{pointer}/expression")),
            cases,
        }
    }

    fn schema(&mut self, schema: Option<&Value>, pointer: &str) -> Option<Box<Schema>> {
        let schema = schema.filter(|schema| schema.as_object().is_some_and(|o| !o.is_empty()))?;
        let json = serde_json::Value::from(schema.clone());
        match Schema::compile(&json) {
            Ok(schema) => Some(Box::new(schema)),
            Err(error) => {
                self.fault(pointer, format!("This is no JSON Schema: {error}"));
                None
            }
        }
    }

    fn columns(&mut self, columns: Option<&Value>, pointer: &str) -> Option<Vec<Column>> {
        let columns = columns?.as_array()?;
        let columns = columns.iter().enumerate().map(|(index, column)| {
            let at = format!("{pointer}/{index}");
            Column {
                header: self.template(column.get("header"), &format!("{at}/header")),
                value: self.template(column.get("value"), &format!("{at}/value")),
            }
        });
        Some(columns.collect())
    }

    fn parameters(&mut self, parameters: Option<&Value>) -> Vec<Parameter> {
        let parameters = members(parameters).map(|(name, parameter)| {
            let kind = parameter
                .get("type")
                .map(Value::to_text)
                .unwrap_or_default();
            let default = parameter.get("defaultValue").or(parameter.get("value"));
            let at = format!("/parameters/{}/defaultValue", token(name));
            Parameter {
                name: name.clone(),
                secure: kind.to_ascii_lowercase().starts_with("secure"),
                default: self.optional(default, &at),
            }
        });
        parameters.collect()
    }

    fn outputs(&mut self, outputs: Option<&Value>) -> Vec<Output> {
        let outputs = members(outputs).map(|(name, output)| Output {
            name: name.clone(),
            kind: output.get("type").cloned(),
            value: self.template(
                output.get("value"),
                &format!("/outputs/{}/value", token(name)),
            ),
        });
        outputs.collect()
    }
}

/// The members of an object; none of anything else.
fn members(value: Option<&Value>) -> impl Iterator<Item = (&Arc<str>, &Value)> {
    value
        .and_then(Value::as_object)
        .into_iter()
        .flat_map(Object::iter)
}

/// A name as part of a JSON pointer.
fn token(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn options(action: &Value) -> Options {
    let text = action.get("operationOptions").map(Value::to_text);
    let text = text.unwrap_or_default();
    let has = |option: &str| text.split(',').any(|one| same_name(one.trim(), option));
    Options {
        disable_async_pattern: has("DisableAsyncPattern"),
        sequential: has("Sequential"),
        asynchronous: has("Asynchronous"),
    }
}

/// An action that comes after itself.
fn cycle<'a>(actions: impl Iterator<Item = Option<&'a Action>>) -> Option<usize> {
    let actions: Vec<_> = actions.collect();
    let mut open: Vec<usize> = actions
        .iter()
        .map(|action| action.map_or(0, |action| action.run_after.len()))
        .collect();
    let mut ready: Vec<usize> = (0..open.len()).filter(|index| open[*index] == 0).collect();
    while let Some(done) = ready.pop() {
        for &next in actions[done].map_or(&[][..], |action| &action.successors) {
            open[next] -= 1;
            if open[next] == 0 {
                ready.push(next);
            }
        }
    }
    open.iter().position(|count| *count > 0)
}
