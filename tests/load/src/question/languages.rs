//! What does each language cost: building, size, compiling at upload, calling, stepping, parking?
//!
//! All of them run the same sample, `patterns`, with the same inputs. A language whose tools are
//! missing, or that takes too long, is left out and named.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;
use weft_testkit::node::weft_binary;

use super::{micros, millis};
use crate::node::Subject;
use crate::report::{Figure, Report};

const LANGUAGES: [&str; 5] = ["rust", "c", "go", "typescript", "python"];
/// With what is downloaded for a first build.
const BUILD_MAX: Duration = Duration::from_secs(600);
/// All that is measured of a language once it is built.
const RUN_MAX: Duration = Duration::from_secs(300);
const CALLS: usize = 50;
const STEPS: u32 = 100;
const ROUNDS: usize = 5;
/// The first ones make the node take what all of them share.
const PARKED_BEFORE: u64 = 20;
const PARKED: u64 = 80;

pub(crate) async fn measure(report: &mut Report) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    let mut left_out = Vec::new();
    for language in LANGUAGES {
        eprintln!("measuring {language}");
        match of(language).await {
            Ok(figures) => rows.push((language, figures)),
            Err(error) => left_out.push(format!("{language} is left out: {error:#}")),
        }
    }
    report.add_rows("The sample `patterns`", rows);
    for language in &left_out {
        println!("{language}");
    }
    ensure!(left_out.len() < LANGUAGES.len(), "no language was measured");
    Ok(())
}

async fn of(language: &str) -> anyhow::Result<Vec<Figure>> {
    let built = build(language).await?;
    let measured = timeout(RUN_MAX, run(built)).await;
    measured.context("measuring took too long")?
}

async fn run(built: Built) -> anyhow::Result<Vec<Figure>> {
    let size = built.wasm.len() as f64 / f64::from(1 << 20);
    let mut subject = Subject::start();
    let uploaded = subject.uploaded("patterns", built.wasm).await?;
    let compiled = uploaded["compile_ms"].as_f64().context("no compile_ms")?;
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
        Figure::of("build", "s", vec![built.took.as_secs_f64()]),
        Figure::of("nothing to build", "s", vec![built.again.as_secs_f64()]),
        Figure::of("component", "MiB", vec![size]),
        Figure::of("compile at upload", "ms", vec![compiled]),
        Figure::of("first call after a start", "ms", vec![millis(first)]),
        Figure::of("new instance and call", "us", calls),
        Figure::of("a step of a fan-out of 100", "us", steps),
        Figure::of("a parked orchestration", "KiB", vec![parked]),
    ])
}

struct Built {
    wasm: Vec<u8>,
    /// A build of a changed source, with warm caches of the tools.
    took: Duration,
    /// A build when nothing has changed: what `weft build` itself takes.
    again: Duration,
}

async fn build(language: &str) -> anyhow::Result<Built> {
    let folder = repository().join("samples").join(language).join("patterns");
    // Once to install the tools and to build what the sample depends on, once to measure.
    weft_build(&folder).await?;
    let made = match language {
        "rust" => {
            let source = folder.join("src/lib.rs");
            let text = std::fs::read(&source)?;
            // The time of the file is what Cargo looks at; only this crate is built again.
            std::fs::write(&source, text)?;
            folder.join("target/wasm32-wasip2/release/patterns.wasm")
        }
        _ => {
            let made = folder.join("build/patterns.wasm");
            std::fs::remove_file(&made)?;
            made
        }
    };
    let took = weft_build(&folder).await?;
    let again = weft_build(&folder).await?;
    Ok(Built {
        wasm: std::fs::read(&made).with_context(|| made.display().to_string())?,
        took,
        again,
    })
}

async fn weft_build(folder: &Path) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let mut weft = Command::new(weft_binary());
    weft.arg("build").arg(folder).kill_on_drop(true);
    // Of the tool that measures; the sample has its own folder and profile.
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text == "CARGO_TARGET_DIR" || name_text.starts_with("CARGO_PROFILE_") {
            weft.env_remove(&name);
        }
    }
    let output = timeout(BUILD_MAX, weft.output()).await;
    let output = output.context("building took too long")??;
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
