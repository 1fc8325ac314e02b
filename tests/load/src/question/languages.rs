//! What does each language cost: building, size, compiling at upload, calling, stepping, parking?
//!
//! All of them run the same sample, `patterns`, with the same inputs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use weft_testkit::guests::component;
use weft_testkit::node::weft_binary;

use super::{micros, millis};
use crate::node::Subject;
use crate::report::{Figure, Report};

const LANGUAGES: [&str; 5] = ["rust", "c", "go", "typescript", "python"];
const CALLS: usize = 50;
const STEPS: u32 = 100;
const ROUNDS: usize = 5;
/// The first ones make the node take what all of them share.
const PARKED_BEFORE: u64 = 20;
const PARKED: u64 = 80;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    for language in LANGUAGES {
        let figures = of(language).await.with_context(|| language.to_owned())?;
        report.add(&format!("The sample `patterns` in {language}"), figures);
    }
    Ok(())
}

async fn of(language: &str) -> anyhow::Result<Vec<Figure>> {
    let (wasm, built) = build(language)?;
    let size = wasm.len() as f64 / f64::from(1 << 20);
    let mut subject = Subject::start();
    let uploaded = subject.uploaded("patterns", wasm).await?;
    let compiled = uploaded["compile_ms"].as_f64().unwrap_or(f64::NAN);
    subject.node.restart();
    let first = subject.invoke_once("double", &json!(1)).await?;
    let mut calls = Vec::new();
    for number in 0..CALLS {
        calls.push(micros(subject.invoke_once("double", &json!(number)).await?));
    }
    let mut steps = Vec::new();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        let id = subject.start_one("fan-out", &json!(STEPS)).await?;
        subject.ended(&id).await?;
        steps.push(micros(started.elapsed()) / f64::from(STEPS));
    }
    let park = async |count: u64, all: u64| {
        for _ in 0..count {
            subject.start_one("approval", &json!(3_600_000)).await?;
        }
        let parked = subject.until_metric("weft_parked_orchestrations", all as f64);
        parked.await
    };
    park(PARKED_BEFORE, PARKED_BEFORE).await?;
    let before = subject.resident()?;
    park(PARKED, PARKED + PARKED_BEFORE).await?;
    let parked = (subject.resident()? - before) / PARKED as f64 / 1024.0;
    Ok(vec![
        Figure::of("build", "s", vec![built.as_secs_f64()]),
        Figure::of("component", "MiB", vec![size]),
        Figure::of("compile at upload", "ms", vec![compiled]),
        Figure::of("first call after a start", "ms", vec![millis(first)]),
        Figure::of("new instance and call", "us", calls),
        Figure::of("a step of a fan-out of 100", "us", steps),
        Figure::of("a parked orchestration", "KiB", vec![parked]),
    ])
}

/// Builds the sample although it may be there, with warm caches of the tools.
fn build(language: &str) -> anyhow::Result<(Vec<u8>, Duration)> {
    if language == "rust" {
        let source = repository().join("samples/rust/patterns/src/lib.rs");
        // Once for what the crate depends on, once to measure.
        cargo_build()?;
        let text = std::fs::read(&source)?;
        // The time of the file is what Cargo looks at; only this crate is built again.
        std::fs::write(&source, text)?;
        let took = cargo_build()?;
        return Ok((component("samples/rust/patterns", "patterns"), took));
    }
    let folder = repository().join("samples").join(language).join("patterns");
    let made = folder.join("build/patterns.wasm");
    // Once to install the tools, once to measure.
    weft_build(&folder)?;
    std::fs::remove_file(&made)?;
    let took = weft_build(&folder)?;
    Ok((std::fs::read(made)?, took))
}

fn cargo_build() -> anyhow::Result<Duration> {
    let started = Instant::now();
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--quiet", "--target", "wasm32-wasip2"]);
    cargo.current_dir(repository().join("samples/rust/patterns"));
    let done = cargo.env_remove("CARGO_TARGET_DIR").status()?;
    ensure!(done.success(), "cargo build ended with {done}");
    Ok(started.elapsed())
}

fn weft_build(folder: &Path) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let output = Command::new(weft_binary())
        .arg("build")
        .arg(folder)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    Ok(started.elapsed())
}

fn repository() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors()
        .nth(2)
        .expect("two folders below")
        .to_owned()
}

impl Subject {
    /// Runs an activity once; how long the node says that it took.
    async fn invoke_once(&self, function: &str, input: &Value) -> anyhow::Result<Duration> {
        let answer = self.invoke(function, input).await?;
        let took = answer.headers().get("x-weft-duration-us");
        let took = took.and_then(|value| value.to_str().ok()?.parse().ok());
        Ok(Duration::from_micros(took.context("no duration")?))
    }
}
