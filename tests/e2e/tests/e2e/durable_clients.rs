//! The peers' own clients against the real node.

use std::path::{Path, PathBuf};
use std::process::Command;

use weft_e2e::{Session, in_repository};
use weft_testkit::guests::component;
use weft_testkit::node::Node;

/// A Python with the packages of `clients/requirements.txt`, made once and kept in the target
/// folder.
pub(crate) fn python() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let target = own.ancestors().nth(3).unwrap();
    let folder = target.join("durable-clients");
    let python = folder.join("bin/python");
    let wanted = in_repository("tests/e2e/clients/requirements.txt");
    let installed = folder.join("requirements.txt");
    // Tests that run side by side wait for the one that makes it.
    static MADE: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _making = MADE
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
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
fn node_folder() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let folder = own.ancestors().nth(3).unwrap().join("durable-clients-node");
    let sources = in_repository("tests/e2e/clients/node");
    let installed = folder.join("installed.json");
    std::fs::create_dir_all(&folder).unwrap();
    for file in ["package.json", "package-lock.json", "durable_client.js"] {
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
