//! A node in a process of its own, as a person starts it: the real binary, a folder of its own,
//! ports that nobody else has.
//!
//! The process is ended by its id when the value is dropped, whatever the test did to it.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::cargo::cargo;

/// A debug build of the engine takes seconds to start on a busy machine.
const START_MAX: Duration = Duration::from_secs(60);
const STOP_MAX: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(10);

/// The path of the `weft` binary: the one that `WEFT_BINARY` names, else built first where it is
/// out of date, with the profile of the tests.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn weft_binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(given) = std::env::var_os("WEFT_BINARY") {
            return PathBuf::from(given);
        }
        // A test's own path is target/PROFILE/deps/NAME, a tool's is target/PROFILE/NAME.
        let own = std::env::current_exe().expect("a process knows its own path");
        let folder = own.parent().expect("a program lies in a folder");
        let profile = if folder.ends_with("deps") {
            folder.parent().expect("deps lies in PROFILE")
        } else {
            folder
        };
        let release = profile.ends_with("release");
        let target = profile
            .parent()
            .expect("a profile lies in the target folder");
        let mut build = cargo();
        // With a test beside it, dependencies get the features that they have for the tests, and
        // nothing of them is built a second time.
        build
            .args(["build", "--quiet", "--workspace", "--bin", "weft"])
            .args(["--test", "cases", "--target-dir"])
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        if release {
            build.arg("--release");
        }
        let status = build.status().expect("cargo can be started");
        assert!(status.success(), "the binary under test cannot be built");
        profile.join(format!("weft{}", std::env::consts::EXE_SUFFIX))
    })
}

/// A running node, or one that was killed and may be started again.
#[derive(Debug)]
pub struct Node {
    child: Child,
    program: Program,
    args: Vec<String>,
    ready: Value,
    stderr: Arc<Mutex<String>>,
    dir: Option<Folder>,
}

/// What is run as a node: `weft`, or a program that understands `up` in the same way.
#[derive(Debug, Clone)]
pub struct Program {
    pub path: PathBuf,
    /// What its environment has besides.
    pub env: Vec<(String, String)>,
}

impl Program {
    /// The program under test.
    #[must_use]
    pub fn weft() -> Self {
        Self {
            path: weft_binary().to_owned(),
            env: Vec::new(),
        }
    }
}

/// Where a node keeps its data.
#[derive(Debug)]
enum Folder {
    /// Removed with the value.
    Own(tempfile::TempDir),
    Given(PathBuf),
}

impl Node {
    /// Starts a node over a new folder and waits until it is ready. `args` are further arguments
    /// of `weft up`.
    ///
    /// # Panics
    /// When it does not become ready; the message holds what it wrote to stderr.
    #[must_use]
    pub fn start(args: &[&str]) -> Self {
        Self::start_program(Program::weft(), args)
    }

    /// The same with another program.
    ///
    /// # Panics
    /// As [`Self::start`].
    #[must_use]
    pub fn start_program(program: Program, args: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let data = dir.path().join("data").display().to_string();
        let mut all = vec!["--data", &data];
        all.extend(args);
        Self::launch(program, &all, Some(Folder::Own(dir)))
    }

    /// Starts a node over a folder that the caller keeps.
    ///
    /// # Panics
    /// As [`Self::start`].
    #[must_use]
    pub fn over(data: &Path, args: &[&str]) -> Self {
        let path = data.display().to_string();
        let mut all = vec!["--data", &path];
        all.extend(args);
        let folder = Folder::Given(data.to_owned());
        Self::launch(Program::weft(), &all, Some(folder))
    }

    /// Starts a node that keeps no files.
    ///
    /// # Panics
    /// As [`Self::start`].
    #[must_use]
    pub fn in_memory() -> Self {
        Self::in_memory_with(&[])
    }

    /// The same with further arguments.
    pub fn in_memory_with(args: &[&str]) -> Self {
        let args = [&["--memory"], args].concat();
        Self::launch(Program::weft(), &args, None)
    }

    fn launch(program: Program, args: &[&str], dir: Option<Folder>) -> Self {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        let started = spawn(&program, &args, "127.0.0.1:0", "127.0.0.1:0");
        let (child, ready, stderr) = started.unwrap_or_else(|error| panic!("{error}"));
        Self {
            child,
            program,
            args,
            ready,
            stderr,
            dir,
        }
    }

    /// The base URL of the data plane.
    #[must_use]
    pub fn http(&self) -> &str {
        self.ready["http"]
            .as_str()
            .expect("the ready line names it")
    }

    /// The base URL of the control plane.
    #[must_use]
    pub fn admin(&self) -> &str {
        self.ready["admin"]
            .as_str()
            .expect("the ready line names it")
    }

    /// The ready line.
    #[must_use]
    pub fn ready(&self) -> &Value {
        &self.ready
    }

    /// The folder of the node's data.
    ///
    /// # Panics
    /// For a node that keeps no files.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        match self.dir.as_ref().expect("the node keeps files") {
            Folder::Own(dir) => dir.path().join("data"),
            Folder::Given(data) => data.clone(),
        }
    }

    /// The operator's key.
    ///
    /// # Panics
    /// When the node did not write one.
    #[must_use]
    pub fn key(&self) -> String {
        match self.ready["key"].as_str() {
            Some(key) => key.to_owned(),
            None => {
                let path = self.data().join("operator.key");
                let key = std::fs::read_to_string(path).expect("the node wrote its key");
                key.trim().to_owned()
            }
        }
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the node has written to stderr.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.stderr
            .lock()
            .expect("no panic while it is held")
            .clone()
    }

    /// Ends the process at once, as a power failure would end it for everybody else.
    pub fn kill(&mut self) {
        // A process that has ended already cannot be killed, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts a killed node again, on the same ports and over the same folder.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub fn restart(&mut self) {
        self.kill();
        let http = address(self.http());
        let admin = address(self.admin());
        let deadline = Instant::now() + START_MAX;
        // Connections of the dead process may hold the ports for a moment.
        let (child, ready, stderr) = loop {
            match spawn(&self.program, &self.args, &http, &admin) {
                Ok(started) => break started,
                Err(error) => assert!(
                    error.contains("cannot listen") && Instant::now() < deadline,
                    "{error}"
                ),
            }
            std::thread::sleep(LOOK);
        };
        (self.child, self.ready, self.stderr) = (child, ready, stderr);
    }

    /// Asks the node to end and waits until it has.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal_to_end();
        wait(&mut self.child, STOP_MAX).expect("the node ends when it is asked to")
    }

    /// Asks the node to end, and waits for nothing.
    ///
    /// # Panics
    /// When it has ended and was waited for.
    pub fn signal_to_end(&self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.expect("a child has a process id");
        kill_process(pid, Signal::TERM).expect("the child can be signalled");
    }

    /// Waits until the node has ended by itself.
    #[must_use]
    pub fn ended_within(&mut self, limit: Duration) -> Option<ExitStatus> {
        wait(&mut self.child, limit)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- stderr of the node\n{}", self.stderr());
        }
    }
}

fn address(url: &str) -> String {
    url.trim_start_matches("http://").to_owned()
}

type Started = (Child, Value, Arc<Mutex<String>>);

fn spawn(program: &Program, args: &[String], http: &str, admin: &str) -> Result<Started, String> {
    let mut child = Command::new(&program.path)
        .envs(program.env.iter().map(|(name, value)| (name, value)))
        .arg("up")
        .args(args)
        .args(["--http", http, "--admin", admin])
        .args(grpc(args))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let stderr = Arc::new(Mutex::new(String::new()));
    let (pipe, kept) = (child.stderr.take(), Arc::clone(&stderr));
    std::thread::spawn(move || collect(pipe.expect("it is piped"), &kept));
    let stdout = child.stdout.take().expect("it is piped");
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            // Whoever waited has what it waited for, or has given up.
            let _ = sender.send(line);
        }
    });
    let outcome = match lines.recv_timeout(START_MAX) {
        Ok(line) => serde_json::from_str(&line).map_err(|error| format!("{error}: {line}")),
        Err(RecvTimeoutError::Timeout) => Err("the node is not ready in time".to_owned()),
        Err(RecvTimeoutError::Disconnected) => Err("the node ended".to_owned()),
    };
    match outcome {
        Ok(ready) => Ok((child, ready, stderr)),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            // What was written before the end may still be on its way.
            std::thread::sleep(LOOK);
            let said = stderr.lock().expect("no panic while it is held").clone();
            Err(format!("{error}\n{said}"))
        }
    }
}

/// A port of its own, unless the caller chooses one.
fn grpc(args: &[String]) -> &'static [&'static str] {
    match args.iter().any(|arg| arg == "--grpc") {
        true => &[],
        false => &["--grpc", "127.0.0.1:0"],
    }
}

fn collect(mut pipe: impl Read, kept: &Mutex<String>) {
    let mut buffer = [0; 4096];
    while let Ok(len @ 1..) = pipe.read(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..len]);
        kept.lock()
            .expect("no panic while it is held")
            .push_str(&text);
    }
}

fn wait(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let deadline = Instant::now() + limit;
    loop {
        match child.try_wait().expect("a child can be waited for") {
            Some(status) => return Some(status),
            None if Instant::now() > deadline => return None,
            None => std::thread::sleep(LOOK),
        }
    }
}
