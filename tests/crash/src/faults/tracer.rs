//! strace as a means to do harm: it kills a process, or fails a call, when a thread enters a system
//! call for the n-th time. It counts for each thread and each call by itself.

use std::fmt;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rustix::process::Pid;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

const ATTACH_MAX: Duration = Duration::from_secs(20);

/// What happens at which call.
#[derive(Debug, Clone)]
pub(super) struct Injection {
    /// Names of calls, separated by commas.
    pub(super) calls: &'static str,
    /// The number of the call, from 1; with `+` behind it that one and all that follow.
    pub(super) when: String,
    pub(super) harm: Harm,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Harm {
    Kill,
    /// The call fails with this and has no effect.
    Error(&'static str),
}

impl fmt::Display for Injection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, when, harm } = self;
        match harm {
            Harm::Kill => write!(f, "{calls}:signal=SIGKILL:when={when}"),
            Harm::Error(error) => write!(f, "{calls}:error={error}:when={when}"),
        }
    }
}

/// # Errors
/// When there is no strace, or it may not trace.
pub(super) async fn require() -> anyhow::Result<()> {
    let mut strace = Command::new("strace");
    strace
        .args(["-f", "-o", "/dev/null", "true"])
        .stdin(Stdio::null());
    match strace.output().await {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let why = String::from_utf8_lossy(&output.stderr);
            bail!("strace may not trace here (ptrace is forbidden?): {why}")
        }
        Err(error) => bail!(
            "strace cannot be run: {error}; install it (apt-get install strace), or leave this \
             part out by --only"
        ),
    }
}

/// A tracer that still lacks the command line that it shall run.
pub(super) fn around(injection: &Injection) -> Command {
    let mut strace = command(injection);
    // Its own remarks would stand between those of the node.
    strace.arg("-qq");
    strace
}

fn command(injection: &Injection) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o", "/dev/null", "-e"]);
    strace.arg(format!("trace={}", injection.calls));
    strace.arg("-e").arg(format!("inject={injection}"));
    strace
}

/// A tracer that is attached to a process. It goes when the process ends or this is dropped; the
/// process then goes on.
pub(super) struct Attached {
    _strace: Child,
}

impl Attached {
    /// # Errors
    /// When the process is gone.
    pub(super) async fn to(pid: Pid, injection: &Injection) -> anyhow::Result<Self> {
        let mut strace = command(injection)
            .arg("-p")
            .arg(pid.as_raw_nonzero().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut said = BufReader::new(strace.stderr.take().expect("it is piped"));
        let mut line = String::new();
        let read = timeout(ATTACH_MAX, said.read_line(&mut line)).await;
        read.context("strace does not attach")??;
        ensure!(line.contains("attached"), "strace does not attach: {line}");
        // Later remarks have to go somewhere.
        tokio::spawn(
            async move { while said.read_line(&mut line).await.is_ok_and(|len| len > 0) {} },
        );
        Ok(Self { _strace: strace })
    }
}
