//! The process that runs one script, map or schema.

use std::io::{BufRead, Read, Write};
use std::process::ExitCode;

use boa_engine::builtins::promise::PromiseState;
use boa_engine::object::builtins::JsPromise;
use boa_engine::property::Attribute;
use boa_engine::{Context, JsString, JsValue, Source, js_string};
use rustix::process::{Resource, Rlimit, setrlimit};
use weft_workflow::value::Value;
use weft_workflow::wire::Refused;
use weft_workflow::xml::{Artifacts, xml_validation, xslt};

use super::{Bounds, Done, EXIT_FAILED, Job};

/// Nested calls; beyond it the engine throws.
const RECURSION_MAX: usize = 512;
const STACK_BYTES: usize = 64 << 20;

/// What people expect to be there although nothing listens.
const PRELUDE: &str = "globalThis.console = Object.fromEntries(['log', 'info', 'warn', 'error', \
    'debug', 'trace'].map(name => [name, () => undefined]));";

/// The whole main function of the process: reads a job, writes what comes of it.
#[must_use]
pub fn script_main() -> ExitCode {
    // The engines walk what nests by calling themselves.
    let thread = std::thread::Builder::new()
        .stack_size(STACK_BYTES)
        .spawn(run);
    let ran = thread.map_err(|error| error.to_string());
    let ran = ran.and_then(|thread| thread.join().map_err(|_| "the engine failed".to_owned()));
    match ran {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(message)) => {
            eprint!("{message}");
            ExitCode::from(u8::try_from(EXIT_FAILED).unwrap_or(1))
        }
        Err(message) => {
            eprint!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| error.to_string();
    let mut input = std::io::stdin().lock();
    let mut line = String::new();
    input.read_line(&mut line).map_err(|e| failed(&e))?;
    let bounds: Bounds = serde_json::from_str(&line).map_err(|e| failed(&e))?;
    for (resource, bound) in [
        (Resource::As, bounds.memory_bytes),
        (Resource::Cpu, bounds.cpu_secs),
        (Resource::Core, 0),
        // No file and no socket from here on; the three that are open stay so.
        (Resource::Nofile, 0),
        (Resource::Nproc, 0),
        (Resource::Fsize, 0),
    ] {
        let limit = Rlimit {
            current: Some(bound),
            maximum: Some(bound),
        };
        setrlimit(resource, limit).map_err(|e| failed(&e))?;
    }
    let mut text = String::new();
    input.read_to_string(&mut text).map_err(|e| failed(&e))?;
    let job: Job = serde_json::from_str(&text).map_err(|e| failed(&e))?;
    let returned = match job {
        Job::Script { code, context } => evaluate(&code, &context)?,
        Job::Transform { input, artifacts } => xml(xslt, &input, &artifacts)?,
        Job::Validate { input, artifacts } => xml(xml_validation, &input, &artifacts)?,
    };
    let mut output = std::io::stdout().lock();
    output
        .write_all(returned.as_bytes())
        .map_err(|e| failed(&e))?;
    output.flush().map_err(|e| failed(&e))
}

/// What comes of a map or a schema, as JSON.
fn xml(
    act: fn(&Value, &Artifacts) -> Result<Value, Refused>,
    input: &str,
    artifacts: &Artifacts,
) -> Result<String, String> {
    let input = serde_json::from_str(input).map_err(|error| error.to_string())?;
    let done = match act(&input, artifacts) {
        Ok(output) => Done::Output(output.to_string()),
        Err(Refused { code, message }) => Done::Refused {
            code: code.to_owned(),
            message,
        },
    };
    serde_json::to_string(&done).map_err(|error| error.to_string())
}

/// The JSON of what the script returns. It is the body of a function, which may wait for promises.
fn evaluate(code: &str, given: &str) -> Result<String, String> {
    let mut context = Context::default();
    context
        .runtime_limits_mut()
        .set_recursion_limit(RECURSION_MAX);
    let mut eval = |source: &str| context.eval(Source::from_bytes(source));
    eval(PRELUDE).map_err(|error| error.to_string())?;
    let text = JsString::from(given);
    define(&mut context, "workflowContext", text.into()).map_err(|error| error.to_string())?;
    let parsed = "globalThis.workflowContext = JSON.parse(globalThis.workflowContext);";
    let read = context.eval(Source::from_bytes(parsed));
    read.map_err(|error| error.to_string())?;
    let body = format!("(async function () {{\n{code}\n}})()");
    let promise = context
        .eval(Source::from_bytes(body.as_bytes()))
        .map_err(|error| error.to_string())?;
    context.run_jobs().map_err(|error| error.to_string())?;
    let promise = promise
        .as_object()
        .map(|object| JsPromise::from_object(object.clone()));
    let promise = promise
        .and_then(Result::ok)
        .ok_or("the code is no body of a function")?;
    let value = match promise.state() {
        PromiseState::Fulfilled(value) => value,
        PromiseState::Rejected(error) => return Err(thrown(&error, &mut context)),
        PromiseState::Pending => return Err("the script waits for what never happens".to_owned()),
    };
    define(&mut context, "returned", value).map_err(|error| error.to_string())?;
    let written = context
        .eval(Source::from_bytes(
            "JSON.stringify(globalThis.returned) ?? 'null'",
        ))
        .map_err(|error| error.to_string())?;
    let written = written
        .to_string(&mut context)
        .map_err(|error| error.to_string())?;
    written.to_std_string().map_err(|error| error.to_string())
}

fn define(context: &mut Context, name: &str, value: JsValue) -> Result<(), boa_engine::JsError> {
    let everything = Attribute::WRITABLE | Attribute::ENUMERABLE | Attribute::CONFIGURABLE;
    context.register_global_property(JsString::from(name), value, everything)
}

/// What a script threw, as its text: `TypeError: ...`.
fn thrown(error: &JsValue, context: &mut Context) -> String {
    let text = error.to_string(context);
    let text = text.unwrap_or(js_string!("the script threw what has no text"));
    text.to_std_string_escaped()
}
