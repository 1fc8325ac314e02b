//! Compiles uploads in a child process, since compiling hostile code may take any amount of memory
//! and time.
//!
//! The child gets one line of JSON and then the component on its standard input, bounds itself
//! before it reads the component, gives up files, network and other processes, and writes native code
//! to its standard output: a file whose size the bounds cover.

use std::fs::File;
use std::io::{BufRead, Read, Seek, SeekFrom, Write};
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use rustix::process::Resource;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::UploadError;
use crate::config::Compiler;
use crate::confine::{self, confine};

const MESSAGE_BYTES_MAX: u64 = 4 << 10;
/// The exit code of a component that is not valid; every other failure is a bound that was hit.
const EXIT_INVALID: u8 = 3;

#[derive(Serialize, Deserialize)]
struct Bounds {
    memory_bytes: u64,
    cpu_secs: u64,
    output_bytes: u64,
}

/// The whole main function of the compiler process: reads a component, writes native code.
#[must_use]
pub fn compile_main() -> ExitCode {
    match compile_stdin() {
        Ok(()) => ExitCode::SUCCESS,
        Err(ChildError::Invalid(message)) => {
            eprint!("{message}");
            ExitCode::from(EXIT_INVALID)
        }
        Err(ChildError::Failed(message)) => {
            eprint!("{message}");
            ExitCode::FAILURE
        }
    }
}

enum ChildError {
    Invalid(String),
    Failed(String),
}

fn compile_stdin() -> Result<(), ChildError> {
    let failed = |error: &dyn std::fmt::Display| ChildError::Failed(error.to_string());
    let mut input = std::io::stdin().lock();
    let mut line = String::new();
    input.read_line(&mut line).map_err(|e| failed(&e))?;
    let bounds: Bounds = serde_json::from_str(&line).map_err(|e| failed(&e))?;
    let bounds = confine::Bounds {
        memory: (Resource::As, bounds.memory_bytes),
        cpu_secs: Some(bounds.cpu_secs),
        file_bytes: bounds.output_bytes,
        // It has the three that it needs.
        descriptors: 0,
    };
    confine(&bounds).map_err(|e| failed(&e))?;
    let mut wasm = Vec::new();
    input.read_to_end(&mut wasm).map_err(|e| failed(&e))?;
    let engine = crate::engine::compiling().map_err(|e| failed(&e))?;
    let native = engine
        .precompile_component(&wasm)
        .map_err(|e| ChildError::Invalid(format!("{e:#}")))?;
    let mut output = std::io::stdout().lock();
    output.write_all(&native).map_err(|e| failed(&e))?;
    output.flush().map_err(|e| failed(&e))
}

/// Runs the compiler on `wasm` with its output in `file`, which must be empty.
pub(crate) async fn compile(
    compiler: &Compiler,
    wasm: &[u8],
    file: &File,
) -> Result<(), UploadError> {
    let internal = |what: &str, error: std::io::Error| {
        UploadError::Internal(format!("the compiler's {what}: {error}"))
    };
    let output = file.try_clone().map_err(|e| internal("output", e))?;
    let mut child = tokio::process::Command::new(&compiler.program)
        .args(&compiler.args)
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::from(output))
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| internal("start", e))?;
    let mut input = child.stdin.take().expect("stdin is piped");
    let errors = child.stderr.take().expect("stderr is piped");
    let bounds = Bounds {
        memory_bytes: compiler.memory_bytes_max,
        cpu_secs: compiler.cpu_max.as_secs().max(1),
        output_bytes: compiler.output_bytes_max,
    };
    let mut head = serde_json::to_vec(&bounds).expect("numbers are JSON");
    head.push(b'\n');
    let run = async {
        let feed = async move {
            // A child that dies early breaks the pipe; its exit tells why.
            if input.write_all(&head).await.is_ok() {
                drop(input.write_all(wasm).await);
            }
            drop(input);
        };
        let mut message = Vec::new();
        let mut errors = errors.take(MESSAGE_BYTES_MAX);
        let listen = errors.read_to_end(&mut message);
        let ((), listened) = tokio::join!(feed, listen);
        drop((listened, errors));
        let status = child.wait().await;
        (status, String::from_utf8_lossy(&message).into_owned())
    };
    let (status, message) = tokio::time::timeout(compiler.wall_max, run)
        .await
        .map_err(|_| stopped(compiler.wall_max))?;
    let status = status.map_err(|e| internal("exit", e))?;
    if status.success() {
        return Ok(());
    }
    if status.code() == Some(EXIT_INVALID.into()) {
        return Err(UploadError::Invalid(message));
    }
    let memory = compiler.memory_bytes_max >> 20;
    let cpu = compiler.cpu_max.as_secs();
    Err(UploadError::CompileLimit(format!(
        "it needs more than {memory} MiB of memory or {cpu} s of processor time, or failed \
         ({status}): {}",
        message.lines().next().unwrap_or("no message")
    )))
}

fn stopped(after: Duration) -> UploadError {
    UploadError::CompileLimit(format!("it took longer than {} s", after.as_secs()))
}

/// Rewinds a file that the compiler has written.
pub(crate) fn rewind(mut file: &File) -> std::io::Result<u64> {
    let len = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(0))?;
    Ok(len)
}
