//! Every operation of the OpenAPI document with inputs that a generator makes of it: valid ones,
//! invalid ones, with a key, with a wrong one and without.
//!
//! The generator is schemathesis, a program of its own in an environment of its own, with the versions
//! and hashes of `fuzz/requirements.txt`. It judges by the document: no 5xx, no answer that the
//! document does not describe, nothing that is answered without a key.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, ensure};
use weft_testkit::node::Program;

use crate::scene::{SHOP, Scale, Scene};

/// What is judged of answers to a genuine key. Whether an input that the document forbids is refused
/// is not among it: the document says less than the node checks.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_schema_conformance,unsupported_method";
/// What is judged without one; the hooks bring the second.
const CLOSED: &str = "not_a_server_error,closed";

/// What a run has found.
#[derive(Debug, Default)]
pub struct Found {
    said: String,
    failed: usize,
}

impl Found {
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.failed == 0
    }

    /// All that the generator has said.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.said
    }
}

/// Starts a node that has something of each kind, and tries everything on it: with the operator's
/// key, with a key that nobody was given, and without any.
///
/// # Errors
/// When the generator cannot be installed or started.
pub async fn run(program: Program, examples: u32, seed: u64) -> anyhow::Result<Found> {
    let scene = Scene::set(program, Scale::Short, seed).await?;
    let python = tokio::task::spawn_blocking(python).await??;
    let url = format!("{}/openapi.json", scene.node.admin());
    let document = scene.send(scene.http.get(url)).await?.text;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("openapi.json"), document)?;
    let nobodys = format!("{}.{}", "0123456789abcdef", "0".repeat(64));
    let mut found = Found::default();
    for (what, key, checks, examples) in [
        (
            "with the operator's key",
            Some(&scene.operator),
            CHECKS,
            examples,
        ),
        (
            "with nobody's key",
            Some(&nobodys),
            CLOSED,
            examples.div_ceil(5),
        ),
        ("without a key", None, CLOSED, examples.div_ceil(5)),
    ] {
        let mut command = Command::new(python.with_file_name("schemathesis"));
        command
            .current_dir(folder.path())
            .env("SCHEMATHESIS_HOOKS", hooks())
            .env("WEFT_FUZZ_TENANT", scene.victim.name)
            .env("WEFT_FUZZ_APP", SHOP)
            .args(["run", "openapi.json", "--url", scene.node.admin()])
            .args(["--checks", checks, "--max-examples", &examples.to_string()])
            .args(["--seed", &seed.to_string(), "--mode", "all"])
            .args([
                "--phases",
                "examples,coverage,fuzzing",
                "--request-timeout",
                "60",
            ])
            .args(["--warnings", "off", "--no-color"]);
        if checks == CLOSED {
            command.env("WEFT_FUZZ_CLOSED", "1");
        }
        if let Some(key) = key {
            command.args(["--header", &format!("authorization: Bearer {key}")]);
        }
        let Output {
            status,
            stdout,
            stderr,
        } = tokio::task::spawn_blocking(move || command.output()).await??;
        let said = [stdout, stderr].concat();
        found.said += &format!("\n{what}\n{}", String::from_utf8_lossy(&said));
        found.failed += usize::from(!status.success());
    }
    Ok(found)
}

fn fuzz_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

fn hooks() -> PathBuf {
    fuzz_folder().join("hooks.py")
}

/// A Python with the generator, made once and kept in the target folder.
fn python() -> anyhow::Result<PathBuf> {
    let program = crate::disarmed::binary();
    let target = program.ancestors().nth(2).context("no target folder")?;
    let folder = target.join("api-fuzz");
    let python = folder.join("bin/python");
    let wanted = fuzz_folder().join("requirements.txt");
    let installed = folder.join("requirements.txt");
    let read = |path: &Path| std::fs::read(path).ok();
    if read(&wanted).is_some() && read(&wanted) == read(&installed) {
        return Ok(python);
    }
    let made = Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&folder)
        .status()
        .context("python3 is needed: install it, for instance by apt-get install python3-venv")?;
    ensure!(made.success(), "apt-get install python3-venv helps");
    let pip = Command::new(&python)
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "--requirement",
        ])
        .arg(&wanted)
        .status()?;
    ensure!(pip.success(), "the generator cannot be installed");
    std::fs::copy(wanted, installed)?;
    Ok(python)
}
