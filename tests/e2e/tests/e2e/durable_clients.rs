//! The peers' own clients against the real node.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use weft_e2e::{Session, in_repository};
use weft_testkit::guests::component;
use weft_testkit::node::Node;

/// Tests that run side by side wait for the one that installs something.
static INSTALLING: Mutex<()> = Mutex::new(());

/// A Python with the packages of `clients/requirements.txt`, made once and kept in the target
/// folder.
pub(crate) fn python() -> PathBuf {
    python_with("requirements.txt")
}

/// The same with the packages of another list in `clients`.
pub(crate) fn python_with(requirements: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let target = own.ancestors().nth(3).unwrap();
    let name = requirements.trim_end_matches(".txt");
    let folder = target.join(format!("durable-clients-{name}"));
    let python = folder.join("bin/python");
    let wanted = in_repository(&format!("tests/e2e/clients/{requirements}"));
    let installed = folder.join("requirements.txt");
    let _installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    if same(&wanted, &installed) {
        return python;
    }
    let made = Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder)
        .output()
        .expect("python3 is needed: install it, for instance by apt-get install python3-venv");
    let said = String::from_utf8_lossy(&made.stdout);
    assert!(
        made.status.success(),
        "apt-get install python3-venv helps: {said}"
    );
    let pip = Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--requirement"])
        .arg(&wanted)
        .output()
        .unwrap();
    assert!(
        pip.status.success(),
        "{}",
        String::from_utf8_lossy(&pip.stderr)
    );
    std::fs::copy(wanted, installed).unwrap();
    python
}

/// A folder with the packages of `clients/node/package-lock.json`, made once and kept.
pub(crate) fn node_folder() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.ancestors().nth(3).unwrap().join("durable-clients-node");
    let sources = in_repository("tests/e2e/clients/node");
    let installed = folder.join("installed.json");
    let _installing = INSTALLING.lock().unwrap_or_else(PoisonError::into_inner);
    std::fs::create_dir_all(&folder).unwrap();
    for file in [
        "package.json",
        "package-lock.json",
        "durable_client.js",
        "durable_task.js",
        "durable_task_more.js",
        "hub.js",
    ] {
        std::fs::copy(sources.join(file), folder.join(file)).unwrap();
    }
    let wanted = folder.join("package-lock.json");
    if same(&wanted, &installed) {
        return folder;
    }
    let npm = Command::new("npm")
        .args(["ci", "--silent", "--no-audit", "--no-fund"])
        .current_dir(&folder)
        .output()
        .expect("npm is needed: install it, for instance by apt-get install nodejs npm");
    assert!(
        npm.status.success(),
        "{}",
        String::from_utf8_lossy(&npm.stderr)
    );
    std::fs::copy(wanted, installed).unwrap();
    folder
}

fn same(a: &Path, b: &Path) -> bool {
    let read = |path: &Path| std::fs::read(path).ok();
    read(a).is_some_and(|a| Some(a) == read(b))
}

#[tokio::test]
async fn the_durable_functions_client_for_python_finds_what_it_expects() {
    let session = Session::new(Node::in_memory());
    let wasm = component("samples/rust/patterns", "patterns");
    session.upload("patterns", "patterns", wasm).await;
    let node = session.node.http();
    let base = node.replace("http://", &format!("http://key:{}@", session.key()));
    let base = format!("{base}/@default/patterns/runtime/webhooks/durabletask/");
    let script = in_repository("tests/e2e/clients/durable_client.py");
    let run = tokio::task::spawn_blocking(move || {
        let mut python = Command::new(python());
        python.arg(script).arg(base).output().unwrap()
    });
    let output = run.await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[tokio::test]
async fn the_durable_functions_client_for_javascript_finds_what_it_expects() {
    let session = Session::new(Node::in_memory());
    let wasm = component("samples/rust/patterns", "patterns");
    session.upload("patterns", "patterns", wasm).await;
    let base = session.node.http();
    let base = format!("{base}/@default/patterns/runtime/webhooks/durabletask/");
    let key = session.key().to_owned();
    let run = tokio::task::spawn_blocking(move || {
        let folder = node_folder();
        let mut node = Command::new("node");
        node.arg(folder.join("durable_client.js")).args([base, key]);
        node.output().unwrap()
    });
    let output = run.await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
