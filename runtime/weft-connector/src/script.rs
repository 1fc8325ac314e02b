//! Scripts, maps and schemas of workflows, each run in a process of its own.
//!
//! The engines are safe Rust and give what they run no way out: no files, no network, no clock but
//! the engine's own. The process bounds what they take: memory, processor time, real time, output; it
//! may open no file, so that even an engine that was broken into reaches nothing. See
//! `docs/decisions/0007-scripts.md`.

mod child;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;
use weft_workflow::value::Value;
use weft_workflow::xml::Artifacts;

use crate::Failed;
use crate::request::text;

pub use child::script_main;

const MESSAGE_BYTES_MAX: u64 = 16 << 10;
/// The exit code of a script that failed by itself; any other is a bound that was hit.
const EXIT_FAILED: i32 = 3;

/// The program that runs scripts, and how many run at one time.
pub struct Scripts {
    /// Must call [`script_main`] when it is started with `args`.
    program: PathBuf,
    args: Vec<String>,
    limits: ScriptLimits,
    places: Semaphore,
}

/// Bounds of one script.
#[derive(Debug, Clone, Copy)]
pub struct ScriptLimits {
    /// Address space (default 512 MiB, of which the program itself takes a part).
    pub memory_bytes_max: u64,
    /// Processor time (default 5 s).
    pub cpu_max: Duration,
    /// From its start to its end, when it has a place (default 10 s).
    pub wall_max: Duration,
    /// Of what it returns (default 3 MiB).
    pub output_bytes_max: u64,
    /// Scripts that run at one time (default 4; others wait).
    pub concurrency: usize,
}

impl Default for ScriptLimits {
    fn default() -> Self {
        Self {
            memory_bytes_max: 512 << 20,
            cpu_max: Duration::from_secs(5),
            wall_max: Duration::from_secs(10),
            output_bytes_max: 3 << 20,
            concurrency: 4,
        }
    }
}

/// What the child bounds itself to before it reads its job.
#[derive(Serialize, Deserialize)]
struct Bounds {
    memory_bytes: u64,
    cpu_secs: u64,
}

/// What the child is to do.
#[derive(Serialize, Deserialize)]
enum Job {
    Script {
        code: String,
        /// JSON text.
        context: String,
    },
    /// `workflow/xslt`, with its input as JSON text.
    Transform { input: String, artifacts: Artifacts },
    /// `workflow/xml-validation`, with its input as JSON text.
    Validate { input: String, artifacts: Artifacts },
}

/// What comes of a map or a schema.
#[derive(Serialize, Deserialize)]
enum Done {
    /// JSON text.
    Output(String),
    Refused {
        code: String,
        message: String,
    },
}

impl Job {
    /// What a failure speaks of, and its code.
    fn named(&self) -> (&'static str, &'static str) {
        match self {
            Self::Script { .. } => ("script", "InlineCodeScriptRuntimeFailure"),
            Self::Transform { .. } => ("map", "InvalidXsltContent"),
            Self::Validate { .. } => ("schema", "XmlValidationFailed"),
        }
    }
}

/// How the child ended, for the parent.
enum Ended {
    Returned(Vec<u8>),
    TooMuch,
}

impl Scripts {
    #[must_use]
    pub fn new(program: PathBuf, args: Vec<String>, limits: ScriptLimits) -> Self {
        Self {
            program,
            args,
            limits,
            places: Semaphore::new(limits.concurrency.max(1)),
        }
    }

    /// `workflow/javascript`: the JSON of what the script returns, `null` where that is nothing.
    pub(crate) async fn run(&self, input: &Value) -> Result<String, Failed> {
        let code =
            text(input, "code").ok_or_else(|| Failed::invalid("the action has no code to run"))?;
        let context = input.get("workflowContext").cloned().unwrap_or_default();
        let context = context.to_string();
        self.within_bounds(&Job::Script { code, context }).await
    }

    /// `workflow/xslt`
    pub(crate) async fn transform(
        &self,
        input: &Value,
        artifacts: &Artifacts,
    ) -> Result<String, Failed> {
        let (input, artifacts) = (input.to_string(), of_kind(artifacts, "maps"));
        let job = Job::Transform { input, artifacts };
        output(&self.within_bounds(&job).await?)
    }

    /// `workflow/xml-validation`
    pub(crate) async fn validate(
        &self,
        input: &Value,
        artifacts: &Artifacts,
    ) -> Result<String, Failed> {
        let (input, artifacts) = (input.to_string(), of_kind(artifacts, "schemas"));
        let job = Job::Validate { input, artifacts };
        output(&self.within_bounds(&job).await?)
    }

    async fn within_bounds(&self, job: &Job) -> Result<String, Failed> {
        let _place = self.places.acquire().await.expect("never closed");
        let ran = tokio::time::timeout(self.limits.wall_max, self.child(job));
        ran.await.unwrap_or_else(|_| {
            let seconds = self.limits.wall_max.as_secs();
            let (noun, code) = job.named();
            let message = format!("the {noun} took longer than {seconds} s");
            Err(Failed::of_code(code, message))
        })
    }

    async fn child(&self, job: &Job) -> Result<String, Failed> {
        let (noun, code) = job.named();
        let failed = |message: String| Failed::of_code(code, message);
        let job = serde_json::to_vec(job).expect("strings are JSON");
        let broken = |what: &str, error: std::io::Error| {
            Failed::unreachable(format!("no {noun} can be run now: {what}: {error}"))
        };
        let mut child = tokio::process::Command::new(&self.program)
            .args(&self.args)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| broken("start", error))?;
        let mut input = child.stdin.take().expect("stdin is piped");
        let mut output = child.stdout.take().expect("stdout is piped");
        let errors = child.stderr.take().expect("stderr is piped");
        let bounds = Bounds {
            memory_bytes: self.limits.memory_bytes_max,
            cpu_secs: self.limits.cpu_max.as_secs().max(1),
        };
        let mut head = serde_json::to_vec(&bounds).expect("numbers are JSON");
        head.push(b'\n');
        let feed = async move {
            // A child that ends early breaks the pipe; its exit tells why.
            if input.write_all(&head).await.is_ok() {
                drop(input.write_all(&job).await);
            }
        };
        let max = self.limits.output_bytes_max;
        // The pipe goes with it: a child that has more to say than is heard would wait for ever.
        let listen = async move {
            let mut read = Vec::new();
            let mut bounded = (&mut output).take(max + 1);
            bounded.read_to_end(&mut read).await?;
            let within = read.len() as u64 <= max;
            std::io::Result::Ok(if within {
                Ended::Returned(read)
            } else {
                Ended::TooMuch
            })
        };
        let mut message = Vec::new();
        let mut errors = errors.take(MESSAGE_BYTES_MAX);
        let hear = errors.read_to_end(&mut message);
        let ((), returned, heard) = tokio::join!(feed, listen, hear);
        drop((heard, errors));
        let returned = returned.map_err(|error| broken("output", error))?;
        let Ended::Returned(returned) = returned else {
            return Err(failed(format!("the {noun} returns more than {max} bytes")));
        };
        let status = child.wait().await.map_err(|error| broken("exit", error))?;
        if status.success() {
            return String::from_utf8(returned)
                .map_err(|_| failed(format!("the {noun} returns what is not UTF-8")));
        }
        let message = String::from_utf8_lossy(&message);
        if status.code() == Some(EXIT_FAILED) {
            return Err(failed(message.into_owned()));
        }
        let (memory, cpu) = (
            self.limits.memory_bytes_max >> 20,
            self.limits.cpu_max.as_secs(),
        );
        Err(failed(format!(
            "the {noun} needs more than {memory} MiB of memory or {cpu} s of processor time"
        )))
    }
}

/// What the child needs of a project.
fn of_kind(artifacts: &Artifacts, kind: &str) -> Artifacts {
    let found = artifacts.get_key_value(kind);
    let owned = found.map(|(kind, files)| (kind.clone(), files.clone()));
    owned.into_iter().collect()
}

/// The output that the child has told of, or why there is none.
fn output(done: &str) -> Result<String, Failed> {
    let done = serde_json::from_str(done)
        .map_err(|error| Failed::unreachable(format!("the process gave no answer: {error}")))?;
    match done {
        Done::Output(output) => Ok(output),
        Done::Refused { code, message } => {
            // Codes are constants, which do not survive the way between processes.
            const CODES: [&str; 5] = [
                "NotFound",
                "NotSupported",
                "InvalidTemplate",
                "InvalidXsltContent",
                "XmlValidationFailed",
            ];
            let code = CODES.into_iter().find(|own| *own == code);
            Err(Failed::of_code(code.unwrap_or("BadRequest"), message))
        }
    }
}
