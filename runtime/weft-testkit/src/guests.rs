//! Builds the components that tests run, once for each process and under a lock between
//! processes.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::cargo::cargo;

const TARGET: &str = "wasm32-wasip2";

/// The bytes of the component `name` of `tests/guests`, for instance `guest_http`.
///
/// # Panics
/// When it cannot be built; the message says what is missing.
#[must_use]
pub fn guest(name: &str) -> Vec<u8> {
    component("tests/guests", name)
}

/// The bytes of the component `name` of the Cargo project in `folder`, relative to the top of the
/// repository, for instance `("samples/rust/hello-http", "hello_http")`.
///
/// # Panics
/// When it cannot be built; the message says what is missing.
#[must_use]
pub fn component(folder: &str, name: &str) -> Vec<u8> {
    let file = build(folder).join(format!("{name}.wasm"));
    std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The path of the program `name` of the Cargo project in `folder`, built for this machine.
///
/// # Panics
/// When it cannot be built; the message says what is missing.
#[must_use]
pub fn program(folder: &str, name: &str) -> PathBuf {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    build_for(folder, None).join(name)
}

/// Builds a project; returns the folder that its components are in.
fn build(folder: &str) -> PathBuf {
    build_for(folder, Some(TARGET))
}

/// The same for a target, or for this machine.
fn build_for(folder: &str, target: Option<&str>) -> PathBuf {
    static BUILT: Mutex<Option<HashMap<String, PathBuf>>> = Mutex::new(None);
    let mut built = BUILT.lock().expect("a build that failed fails its tests");
    let built = built.get_or_insert_default();
    if let Some(done) = built.get(folder) {
        return done.clone();
    }
    let project = root().join(folder);
    let target_dir = target_dir(folder);
    std::fs::create_dir_all(&target_dir).expect("the target folder can be made");
    let lock = File::create(target_dir.join("weft-testkit.lock")).expect("a lock file");
    lock.lock().expect("a file lock");
    let for_target = target.map(|target| ["--target", target]);
    let output = cargo()
        .args(["build", "--release", "--quiet"])
        .args(for_target.iter().flatten())
        .arg("--target-dir")
        .arg(&target_dir)
        .current_dir(&project)
        // The flags of the host's own build are not for guests.
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env_remove("CARGO_BUILD_TARGET")
        .output()
        .expect("cargo can be started");
    if !output.status.success() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let hint = if errors.contains("target may not be installed") {
            format!("\nThe target is missing: run `rustup target add {TARGET}`")
        } else {
            String::new()
        };
        panic!("building {} failed:\n{errors}{hint}", project.display());
    }
    let done = target_dir.join(target.unwrap_or_default()).join("release");
    built.insert(folder.to_owned(), done.clone());
    done
}

fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = own.ancestors().nth(2);
    root.expect("the crate lies in runtime/").to_owned()
}

/// Below the host's target folder, one for each project, so that builds do not wait for another.
fn target_dir(folder: &str) -> PathBuf {
    let host = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let host = host.unwrap_or_else(|| root().join("target"));
    host.join("guests").join(folder.replace('/', "-"))
}
