//! A node in a process of its own that is made to end at any moment and started again over the
//! same folder and on the same ports.
//!
//! Ends only what it started: the process, and under a tracer the process that this one started.

use std::ffi::OsString;
use std::net::TcpListener as StdListener;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use rand::{Rng, RngExt};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, timeout};

/// A debug build under a tracer takes its time.
const READY_MAX: Duration = Duration::from_secs(60);
/// Below the range that connections take their own ports from, so that none of them takes the
/// port of a node that is down.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// How a node is started.
#[derive(Debug, Clone)]
pub struct Setup {
    /// `weft`, or a program that understands `up` in the same way.
    pub binary: PathBuf,
    pub data: PathBuf,
    pub http: u16,
    pub admin: u16,
    pub env: Vec<(&'static str, String)>,
}

impl Setup {
    /// Over an empty folder, on ports that are free now.
    ///
    /// # Errors
    /// When no port is free.
    pub fn new(binary: &Path, data: PathBuf, rng: &mut impl Rng) -> anyhow::Result<Self> {
        Ok(Self {
            binary: binary.to_owned(),
            data,
            http: free_port(rng)?,
            admin: free_port(rng)?,
            env: Vec::new(),
        })
    }

    /// The operator's key, once a node has run.
    ///
    /// # Errors
    /// When there is none.
    pub fn key(&self) -> anyhow::Result<String> {
        let path = self.data.join("operator.key");
        let key = std::fs::read_to_string(&path)
            .with_context(|| format!("no key in {}", path.display()))?;
        Ok(key.trim().to_owned())
    }

    fn arguments(&self) -> Vec<OsString> {
        let mut arguments = vec!["up".into(), "--data".into(), self.data.clone().into()];
        for (name, value) in [
            ("--http", format!("127.0.0.1:{}", self.http)),
            ("--admin", format!("127.0.0.1:{}", self.admin)),
            ("--egress-allow", "127.0.0.0/8".to_owned()),
        ] {
            arguments.extend([name.into(), value.into()]);
        }
        arguments
    }

    /// Starts a node; it is not ready yet.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn spawn(&self) -> anyhow::Result<Node> {
        let mut command = Command::new(&self.binary);
        command.args(self.arguments());
        self.launch(command, Traced::No)
    }

    /// The same under a tracer, which gets the node's command line as its last arguments.
    ///
    /// # Errors
    /// When there is no such program.
    pub fn spawn_under(&self, mut tracer: Command) -> anyhow::Result<Node> {
        tracer.arg(&self.binary).args(self.arguments());
        self.launch(tracer, Traced::Yes)
    }

    fn launch(&self, mut command: Command, traced: Traced) -> anyhow::Result<Node> {
        let mut child = command
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot run {command:?}"))?;
        let said = Arc::new(Mutex::new(String::new()));
        let pipe = child.stderr.take().expect("it is piped");
        let collected = tokio::spawn(collect(pipe, Arc::clone(&said)));
        let stdout = child.stdout.take().expect("it is piped");
        Ok(Node {
            child,
            stdout: Some(BufReader::new(stdout)),
            said,
            collected: Some(collected),
            traced,
        })
    }

    /// Starts a node and waits until it is ready. The ports of a process that was killed may be
    /// taken for a moment.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn start(&self) -> anyhow::Result<Node> {
        let deadline = Instant::now() + READY_MAX;
        loop {
            let mut node = self.spawn()?;
            match node.ready().await {
                Ok(()) => return Ok(node),
                Err(error) => {
                    let taken = node.said().contains("cannot listen");
                    ensure!(taken && Instant::now() < deadline, error);
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn free_port(rng: &mut impl Rng) -> anyhow::Result<u16> {
    for _ in 0..1_000 {
        let port = rng.random_range(PORTS);
        if StdListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port is free between {} and {}", PORTS.start, PORTS.end)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Traced {
    Yes,
    No,
}

/// A process. It is killed when this is dropped.
#[derive(Debug)]
pub struct Node {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
    said: Arc<Mutex<String>>,
    collected: Option<tokio::task::JoinHandle<()>>,
    traced: Traced,
}

impl Node {
    /// Waits for the ready line.
    ///
    /// # Errors
    /// When the process ends first, or takes too long; what it said is part of the message.
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let mut line = String::new();
        let mut stdout = self.stdout.take().context("asked twice")?;
        let read = timeout(READY_MAX, stdout.read_line(&mut line)).await;
        if !line.contains("\"ready\"") {
            let ended = timeout(Duration::from_secs(1), self.child.wait()).await;
            if ended.is_ok()
                && let Some(collected) = self.collected.take()
            {
                // Everything is said; the pipe is at its end.
                let _ = timeout(Duration::from_secs(1), collected).await;
            }
            bail!("the node is not ready: {read:?} {line}\n{}", self.said());
        }
        // Whatever else it prints may not block it.
        tokio::spawn(async move {
            let mut rest = Vec::new();
            let _ = stdout.read_to_end(&mut rest).await;
        });
        Ok(())
    }

    /// What it has written to stderr.
    #[must_use]
    pub fn said(&self) -> String {
        self.said
            .lock()
            .expect("no holder of the lock panics")
            .clone()
    }

    /// Ends the process at once and waits until it is gone.
    pub async fn kill(&mut self) {
        // One that has ended already cannot be killed, which is what is wanted.
        if let Ok(pid) = self.pid() {
            let _ = kill_process(pid, Signal::KILL);
        }
        if self.traced == Traced::Yes {
            // The tracer ends with what it traced.
            let _ = timeout(Duration::from_secs(2), self.child.wait()).await;
        }
        let _ = self.child.kill().await;
    }

    /// Stops the process without ending it.
    ///
    /// # Errors
    /// When it is gone.
    pub fn stop(&self) -> anyhow::Result<()> {
        Ok(kill_process(self.pid()?, Signal::STOP)?)
    }

    /// Lets a stopped process go on.
    ///
    /// # Errors
    /// When it is gone.
    pub fn go_on(&self) -> anyhow::Result<()> {
        Ok(kill_process(self.pid()?, Signal::CONT)?)
    }

    /// Waits for the process to end by itself.
    ///
    /// # Errors
    /// When it does not in that time.
    pub async fn ended_within(&mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let ended = timeout(limit, self.child.wait()).await;
        Ok(ended.context("the node goes on")??)
    }

    /// The status, once it has ended.
    ///
    /// # Errors
    /// Of the operating system.
    pub fn try_ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The id of the node's own process.
    ///
    /// # Errors
    /// When it is gone.
    pub fn pid(&self) -> anyhow::Result<Pid> {
        let own = self.child.id().context("the process is gone")?;
        let id = match self.traced {
            Traced::No => i32::try_from(own)?,
            Traced::Yes => {
                let path = format!("/proc/{own}/task/{own}/children");
                let children = std::fs::read_to_string(&path).context(path)?;
                let first = children.split_whitespace().next();
                first.context("the tracer has no child")?.parse()?
            }
        };
        Pid::from_raw(id).context("zero is no process")
    }
}

async fn collect(mut pipe: impl tokio::io::AsyncRead + Unpin, said: Arc<Mutex<String>>) {
    let mut buffer = [0; 4096];
    while let Ok(len @ 1..) = pipe.read(&mut buffer).await {
        let text = String::from_utf8_lossy(&buffer[..len]);
        said.lock()
            .expect("no holder of the lock panics")
            .push_str(&text);
    }
}
