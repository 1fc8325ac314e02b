//! `weft dev`, from a change in an editor to the answer that shows it.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use weft_testkit::node::{Node, weft_binary};

/// A cold build of a component on a busy machine.
const BUILD_MAX: Duration = Duration::from_secs(300);

/// A command that goes on, ended with the test.
struct Running {
    child: Child,
    said: Receiver<String>,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, said) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, said }
    }

    /// The next line that holds `text`.
    fn until(&self, text: &str) -> String {
        let deadline = Instant::now() + BUILD_MAX;
        let mut before = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.said.recv_timeout(left) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => before.push(line),
                Err(_) => panic!("{text:?} never comes after {before:#?}"),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn replace(path: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(path).unwrap();
    assert!(text.contains(from));
    std::fs::write(path, text.replace(from, to)).unwrap();
}

#[tokio::test]
async fn a_change_is_served_once_it_is_saved() {
    let dir = tempfile::tempdir().unwrap();
    let made = Command::new(weft_binary())
        .args(["new", "web", "--template", "rust-http"])
        .current_dir(dir.path())
        .status();
    assert!(made.unwrap().success());
    let project = dir.path().join("web");
    let any = "127.0.0.1:0";
    let mut dev = Running::start(
        Command::new(weft_binary())
            .args(["dev", "--http", any, "--admin", any, "--data", "kept"])
            // Nothing answers there, and the key is for another node.
            .env("WEFT_ADMIN", "http://127.0.0.1:9")
            .env("WEFT_KEY", "of-another")
            .current_dir(&project),
    );
    let url = dev.until("/api/web").trim().to_owned();
    dev.until("waiting for changes");
    let get = async || reqwest::get(&url).await.unwrap().text().await.unwrap();
    assert_eq!(get().await, "Hello, world!");
    assert!(project.join("kept/operator.key").is_file());

    let source = project.join("src/lib.rs");
    replace(&source, "Hello, world!", "Hello, again!");
    dev.until("/api/web");
    assert_eq!(get().await, "Hello, again!");

    replace(&source, "struct Hello;", "struct Hello");
    dev.until("cargo build failed");
    dev.until("waiting for changes");
    assert_eq!(get().await, "Hello, again!");

    let pid = i32::try_from(dev.child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.unwrap(), Signal::TERM).unwrap();
    assert!(dev.child.wait().unwrap().success());
}

#[tokio::test]
async fn a_node_that_runs_at_the_address_given_is_used() {
    let node = Node::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("weft.toml"), "name = \"empty\"\n").unwrap();
    let address = node.admin().trim_start_matches("http://");
    let dev = Running::start(
        Command::new(weft_binary())
            .args(["dev", "--admin", address])
            .env_remove("WEFT_ADMIN")
            .env("WEFT_KEY", node.key())
            .current_dir(dir.path()),
    );
    assert!(dev.until("using the node at").ends_with(address));
    assert!(!dir.path().join(".weft").exists());
}
