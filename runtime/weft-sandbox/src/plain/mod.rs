//! Components that know nothing of weft: every function that they export is an activity, called with
//! JSON.
//!
//! A function of an interface is called `interface.function`, any other by its name. Parameters come
//! as an object with their names, or as a list in their order. A result of the type `result` is an
//! output or a failure. What is bound to one instance, resources and streams, is refused.

mod docs;
mod json;
mod schema;
mod shape;
#[cfg(test)]
mod tests;

use serde_json::Value;
use wasmtime::Engine;
use wasmtime::Store;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, Instance, Type, Val};
use weft_app::{DescribedFunction, FunctionKind};
use weft_orchestration::Failure;

pub(crate) use docs::Package;
use json::At;
use shape::{Budget, Shape};

use crate::state::State;

/// The failure of a call whose input does not fit the function's parameters.
const INVALID_INPUT: &str = "invalid-input";
/// The failure of a function whose error type gives no name of its own.
const ERROR: &str = "error";

/// The functions of a component, in the order of its exports.
#[derive(Default)]
pub(crate) struct Plain(Vec<Exported>);

struct Exported {
    name: weft_id::Function,
    /// The interface's name without package and version, where it is of one.
    interface: Option<String>,
    own_name: String,
    index: ComponentExportIndex,
    parameters: Vec<(String, Shape)>,
    result: Option<Shape>,
}

impl Plain {
    /// What can be called of the component, and why the rest cannot.
    pub(crate) fn of(component: &Component) -> (Self, Vec<String>) {
        let engine = component.engine();
        let (mut found, mut refused) = (Vec::new(), Vec::new());
        let mut budget = Budget::of_component();
        let ty = component.component_type();
        for (name, item) in ty.exports(engine) {
            match item.ty {
                ComponentItem::ComponentFunc(function) if !is_of_the_engine(name, &function) => {
                    let index = component.get_export_index(None, name);
                    collect(
                        &mut found,
                        &mut refused,
                        &mut budget,
                        Candidate {
                            interface: None,
                            name,
                            function: &function,
                            named: &[],
                            index,
                        },
                    );
                }
                ComponentItem::ComponentInstance(instance) => {
                    let of = component.get_export_index(None, name);
                    let named = named_types(instance.exports(engine), &mut budget);
                    for (function_name, item) in instance.exports(engine) {
                        if let ComponentItem::ComponentFunc(function) = item.ty {
                            let index = component.get_export_index(of.as_ref(), function_name);
                            collect(
                                &mut found,
                                &mut refused,
                                &mut budget,
                                Candidate {
                                    interface: Some(short(name)),
                                    name: function_name,
                                    function: &function,
                                    named: &named,
                                    index,
                                },
                            );
                        }
                    }
                }
                _ => {}
            }
        }
        (Self(found), refused)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn describe(&self, package: &Package) -> Vec<DescribedFunction> {
        let functions = self.0.iter();
        functions
            .map(|function| function.describe(package))
            .collect()
    }

    fn find(&self, name: &weft_id::Function) -> Option<&Exported> {
        self.0.iter().find(|function| function.name == *name)
    }

    /// Calls a function from JSON to JSON. `None` where there is none of that name.
    pub(crate) async fn call(
        &self,
        store: &mut Store<State>,
        instance: &Instance,
        name: &weft_id::Function,
        input: &str,
    ) -> Option<wasmtime::Result<Result<String, Failure>>> {
        let function = self.find(name)?;
        let arguments = match function.arguments(input) {
            Ok(arguments) => arguments,
            Err(why) => {
                let message = format!("the input is not as expected: {why}");
                return Some(Ok(Err(Failure::permanent(INVALID_INPUT, message))));
            }
        };
        let mut results = vec![Val::Bool(false); usize::from(function.result.is_some())];
        let export = instance.get_func(&mut *store, function.index)?;
        let called = export.call_async(store, &arguments, &mut results).await;
        Some(called.map(|()| function.output(results.first())))
    }
}

struct Candidate<'a> {
    interface: Option<&'a str>,
    name: &'a str,
    function: &'a ComponentFunc,
    named: &'a [(String, Type)],
    index: Option<ComponentExportIndex>,
}

fn collect(
    found: &mut Vec<Exported>,
    refused: &mut Vec<String>,
    budget: &mut Budget,
    candidate: Candidate<'_>,
) {
    let shown = match candidate.interface {
        Some(interface) => format!("{interface}.{}", candidate.name),
        None => candidate.name.to_owned(),
    };
    match exported(candidate, &shown, budget) {
        Ok(function) if found.iter().all(|other| other.name != function.name) => {
            found.push(function);
        }
        Ok(_) => refused.push(format!("{shown}: another function is called so")),
        Err(why) => refused.push(format!("{shown}: {why}")),
    }
}

fn exported(
    candidate: Candidate<'_>,
    shown: &str,
    budget: &mut Budget,
) -> Result<Exported, String> {
    let Candidate {
        interface,
        name,
        function,
        named,
        index,
    } = candidate;
    if name.starts_with('[') {
        return Err("it belongs to a resource, which lives in one instance only".to_owned());
    }
    if function.async_() {
        return Err("it is an `async func`".to_owned());
    }
    let parameters = function.params().map(|(parameter, ty)| {
        let shape = Shape::of(&ty, named, budget);
        let shape = shape.map_err(|why| format!("{parameter} holds {why}"))?;
        Ok((parameter.to_owned(), shape))
    });
    let parameters = parameters.collect::<Result<_, String>>()?;
    let result = function.results().next();
    let result = result.map(|ty| Shape::of(&ty, named, budget)).transpose();
    Ok(Exported {
        name: shown
            .to_ascii_lowercase()
            .parse()
            .map_err(|error: weft_id::Error| error.to_string())?,
        interface: interface.map(ToOwned::to_owned),
        own_name: name.to_owned(),
        index: index.ok_or("it is not exported as a function")?,
        parameters,
        result: result.map_err(|why| format!("its result holds {why}"))?,
    })
}

/// `ns:package/interface@1.0.0` without what stands around the interface.
fn short(name: &str) -> &str {
    let name = name.split_once('@').map_or(name, |(name, _)| name);
    name.rsplit(['/', ':']).next().unwrap_or(name)
}

/// What engines of other languages export for themselves.
fn is_of_the_engine(name: &str, function: &ComponentFunc) -> bool {
    name == "init" && function.params().any(|(name, _)| name == "shim")
}

/// The types that an interface names, but for those that are too large to be compared with others.
fn named_types<'a>(
    exports: impl Iterator<Item = (&'a str, wasmtime::component::types::ComponentExtern<'a>)>,
    budget: &mut Budget,
) -> Vec<(String, Type)> {
    exports
        .filter_map(|(name, item)| match item.ty {
            ComponentItem::Type(ty) => Some((name.to_owned(), ty)),
            _ => None,
        })
        .filter(|(_, ty)| Shape::of(ty, &[], budget).is_ok())
        .collect()
}

impl Exported {
    fn describe(&self, package: &Package) -> DescribedFunction {
        let docs = match &self.interface {
            Some(interface) => package.interface(interface),
            None => package.world(),
        };
        let output = match &self.result {
            Some(result) => match result.bare() {
                Shape::Result(Some(ok), _) => schema::schema(ok, &docs),
                Shape::Result(None, _) => serde_json::json!({"type": "null"}),
                _ => schema::schema(result, &docs),
            },
            None => serde_json::json!({"type": "null"}),
        };
        DescribedFunction {
            name: self.name.clone(),
            kind: FunctionKind::Activity,
            description: docs.of_function(&self.own_name),
            input_schema: Some(schema::object(&self.parameters, &docs, |_| None)),
            output_schema: Some(output),
            route: None,
            methods: Vec::new(),
        }
    }

    fn arguments(&self, input: &str) -> Result<Vec<Val>, String> {
        let input = if input.is_empty() { "null" } else { input };
        let value = json::read(input)?;
        let names = || {
            let names = self.parameters.iter().map(|(name, _)| name.as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        match value {
            Value::Null if self.parameters.iter().all(|(_, of)| of.is_optional()) => {
                Ok(vec![Val::Option(None); self.parameters.len()])
            }
            Value::Object(object) => {
                let fields = json::fields(&object, &self.parameters, &At::Whole)?;
                Ok(fields.into_iter().map(|(_, value)| value).collect())
            }
            Value::Array(list) if list.len() == self.parameters.len() => {
                let pairs = list.iter().zip(&self.parameters);
                pairs
                    .map(|(value, (name, of))| {
                        json::from_json(value, of, &At::Name(&At::Whole, name))
                    })
                    .collect()
            }
            // Where there is one parameter, a number or the like can be nothing but its value.
            Value::Bool(_) | Value::Number(_) | Value::String(_)
                if let [(name, of)] = self.parameters.as_slice() =>
            {
                Ok(vec![json::from_json(
                    &value,
                    of,
                    &At::Name(&At::Whole, name),
                )?])
            }
            _ => Err(format!(
                "it is not an object with the names {}, nor a list of {}",
                names(),
                self.parameters.len()
            )),
        }
    }

    fn output(&self, result: Option<&Val>) -> Result<String, Failure> {
        let (Some(value), Some(of)) = (result, &self.result) else {
            return Ok("null".to_owned());
        };
        let (Val::Result(value), Shape::Result(ok, err)) = (value, of.bare()) else {
            return Ok(json::to_json(value, of).to_string());
        };
        let convert = |value: &Option<Box<Val>>, of: &Option<Box<Shape>>| {
            let value = value.as_deref().zip(of.as_deref());
            value.map_or(Value::Null, |(value, of)| json::to_json(value, of))
        };
        match value {
            Ok(value) => Ok(convert(value, ok).to_string()),
            Err(value) => Err(failure(value.as_deref(), &convert(value, err))),
        }
    }
}

/// The failure that an error of the function's own type is.
fn failure(error: Option<&Val>, json: &Value) -> Failure {
    let kind = match error {
        Some(Val::Enum(name) | Val::Variant(name, _)) => name.as_str(),
        _ => ERROR,
    };
    let message = match json {
        Value::String(text) => text.clone(),
        Value::Null => "the function returned an error".to_owned(),
        other => other.to_string(),
    };
    Failure {
        details: Some(json.to_string()),
        ..Failure::transient(kind, message)
    }
}

/// What the component exports that cannot be called, for a message.
pub(crate) fn why_nothing(engine: &Engine, component: &Component, refused: &[String]) -> String {
    const SHOWN_MAX: usize = 8;
    if !refused.is_empty() {
        let shown = &refused[..refused.len().min(SHOWN_MAX)];
        return shown.join("; ");
    }
    let ty = component.component_type();
    let names: Vec<&str> = ty
        .exports(engine)
        .map(|(name, _)| name)
        .take(SHOWN_MAX)
        .collect();
    match names.is_empty() {
        true => "nothing".to_owned(),
        false => names.join(", "),
    }
}
