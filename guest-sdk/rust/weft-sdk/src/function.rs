//! What the attributes make of a function: a marker type with a name, types and a way to run it.

use std::future::Future;

use schemars::{JsonSchema, SchemaGenerator};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::describe::exports::weft::functions::describe;
use crate::http::{Error, Request, Response};
use crate::{Call, Context, Failure};

/// A function of any role. The attributes [`activity`](macro@crate::activity),
/// [`orchestrator`](macro@crate::orchestrator) and [`http`](macro@crate::http) implement it for a
/// type that is named like the function.
pub trait Function {
    /// The name that callers use, `[a-z0-9-]{1,63}`.
    const NAME: &'static str;
    /// The documentation of the function; empty without any.
    const DESCRIPTION: &'static str;
    #[doc(hidden)]
    fn describe() -> describe::Function;
}

/// An activity: ordinary code with side effects, run at least once for each call.
pub trait Activity: Function {
    /// What it takes.
    type Input: Serialize + DeserializeOwned + JsonSchema;
    /// What it returns.
    type Output: Serialize + DeserializeOwned + JsonSchema;
    /// Runs it here and now.
    fn run(call: Call, input: Self::Input) -> Result<Self::Output, Failure>;
}

/// An orchestrator: deterministic code that sequences the calls of others.
pub trait Orchestrator: Function {
    /// What it takes.
    type Input: Serialize + DeserializeOwned + JsonSchema;
    /// What it returns.
    type Output: Serialize + DeserializeOwned + JsonSchema;
    /// Begins to run it.
    fn run(
        ctx: Context,
        input: Self::Input,
    ) -> impl Future<Output = Result<Self::Output, Failure>> + 'static;
}

/// A function that answers HTTP requests.
pub trait HttpFunction: Function {
    /// The route template below `/api/`; the name where none was given.
    const ROUTE: &'static str;
    /// Upper-case methods; every method when empty.
    const METHODS: &'static [&'static str];
    /// Answers a request.
    fn handle(request: Request) -> Result<Response, Error>;
}

#[doc(hidden)]
pub fn describe_activity<A: Activity>() -> describe::Function {
    typed::<A::Input, A::Output>(A::NAME, A::DESCRIPTION, describe::Kind::Activity)
}

#[doc(hidden)]
pub fn describe_orchestrator<O: Orchestrator>() -> describe::Function {
    typed::<O::Input, O::Output>(O::NAME, O::DESCRIPTION, describe::Kind::Orchestrator)
}

#[doc(hidden)]
pub fn describe_http<H: HttpFunction>() -> describe::Function {
    describe::Function {
        route: Some(H::ROUTE.to_owned()),
        methods: H::METHODS.iter().map(|&method| method.to_owned()).collect(),
        ..bare(H::NAME, H::DESCRIPTION, describe::Kind::Http)
    }
}

fn typed<I: JsonSchema, O: JsonSchema>(
    name: &str,
    description: &str,
    kind: describe::Kind,
) -> describe::Function {
    describe::Function {
        input_schema: Some(schema::<I>()),
        output_schema: Some(schema::<O>()),
        ..bare(name, description, kind)
    }
}

fn bare(name: &str, description: &str, kind: describe::Kind) -> describe::Function {
    describe::Function {
        name: name.to_owned(),
        kind,
        description: (!description.is_empty()).then(|| description.to_owned()),
        input_schema: None,
        output_schema: None,
        route: None,
        methods: Vec::new(),
    }
}

fn schema<T: JsonSchema>() -> String {
    SchemaGenerator::default()
        .into_root_schema_for::<T>()
        .as_value()
        .to_string()
}
