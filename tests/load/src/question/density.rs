//! How many functions of how many tenants fit on a node that hardly anybody calls?
//!
//! Each tenant has an app of so many components with a function each, all of them distinct to the
//! node. The node is started again, so that nothing is loaded: what it has then is what idle functions
//! cost. Every function is called once, in an order without any locality, and answers its own number.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use futures::stream::{self, StreamExt, TryStreamExt};
use tar::{Builder, Header};

use super::millis;
use crate::node::Subject;
use crate::report::{Aim, Figure, Report};

/// Of each tenant.
const FUNCTIONS: usize = 10;
/// Tenants that deploy at one time: the node admits as many uploads.
const AT_ONCE: usize = 4;
/// Calls that are timed one by one.
const SAMPLES: usize = 200;
/// A prime number: steps of that size reach every function, none near the one before.
const STRIDE: usize = 7919;

pub(crate) async fn measure(tenants: usize, report: &mut Report) -> anyhow::Result<()> {
    let mut subject = Subject::start();
    let all = tenants * FUNCTIONS;
    let (empty_disk, empty_memory) = (
        disk(&subject.node.data())?,
        restarted(&mut subject).await?.1,
    );
    eprintln!("deploying {all} functions of {tenants} tenants");
    let started = Instant::now();
    stream::iter(0..tenants)
        .map(Ok)
        .try_for_each_concurrent(AT_ONCE, |tenant| deploy(&subject, tenant))
        .await?;
    let deploying = started.elapsed();
    let of_disk = disk(&subject.node.data())?.saturating_sub(empty_disk);
    let (start, memory) = restarted(&mut subject).await?;
    let loaded = subject.metric("weft_loaded_components").await?;
    ensure!(loaded == 0.0, "{loaded} components are loaded by the start");
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for sample in 0..SAMPLES {
        first.push(call(&subject, sample * STRIDE % all).await?);
        second.push(call(&subject, sample * STRIDE % all).await?);
    }
    for number in 0..all {
        call(&subject, number * STRIDE % all).await?;
    }
    let loaded = subject.metric("weft_loaded_components").await?;
    let loaded_bytes = subject.metric("weft_loaded_component_bytes").await?;
    let grown = subject.resident()? - memory;
    let mut again: Vec<f64> = Vec::new();
    for sample in 0..SAMPLES {
        again.push(call(&subject, (sample + 1) * STRIDE % all).await?);
    }
    let each = |bytes: f64| bytes / all as f64 / 1024.0;
    report.add(
        &format!("{all} functions of {tenants} tenants"),
        vec![
            Figure::of("deploying one", "ms", vec![millis(deploying) / all as f64]),
            Figure::of("from the start to ready", "ms", vec![millis(start)]),
            Figure::of("components that the start loads", "", vec![0.0]).aiming(Aim::AtMost(0.0)),
            Figure::of("disk of an idle one", "KiB", vec![each(of_disk as f64)]),
            Figure::of(
                "memory of an idle one",
                "KiB",
                vec![each(memory - empty_memory)],
            ),
            Figure::of("the first call", "ms", first).aiming(Aim::AtMost(10.0)),
            Figure::of("the second call", "ms", second),
            Figure::of("loaded after all were called", "", vec![loaded]),
            Figure::of(
                "native code of those",
                "MiB",
                vec![loaded_bytes / 1_048_576.0],
            ),
            Figure::of(
                "memory that all calls have left",
                "MiB",
                vec![grown / 1_048_576.0],
            ),
            Figure::of("a call after all were called", "ms", again).aiming(Aim::AtMost(10.0)),
        ],
    );
    Ok(())
}

/// Starts the node again; how long that takes, and what it has resident then.
async fn restarted(subject: &mut Subject) -> anyhow::Result<(Duration, f64)> {
    let started = Instant::now();
    subject.node.restart();
    let took = started.elapsed();
    // What it does at its start beside answering is done by then.
    tokio::time::sleep(Duration::from_secs(3)).await;
    Ok((took, subject.resident()?))
}

async fn deploy(subject: &Subject, tenant: usize) -> anyhow::Result<()> {
    let mut bundle = Builder::new(Vec::new());
    let mut add = |name: String, bytes: &[u8]| {
        let mut header = Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        bundle.append_data(&mut header, name, bytes)
    };
    let mut manifest = "name = \"dense\"\n".to_owned();
    for number in 0..FUNCTIONS {
        manifest += &format!("[components.c{number}]\npath = \"c{number}.wasm\"\n");
        let wasm = component(number, tenant * FUNCTIONS + number)?;
        add(format!("c{number}.wasm"), &wasm)?;
    }
    add("weft.toml".to_owned(), manifest.as_bytes())?;
    let name = format!("tenant-{tenant}");
    subject.tenant(&name).await?;
    subject.deploy(&name, "dense", bundle.into_inner()?).await
}

/// A component whose one function answers `answer`.
fn component(number: usize, answer: usize) -> anyhow::Result<Vec<u8>> {
    Ok(wat::parse_str(format!(
        r#"(component
            (core module $m (func (export "f") (result i32) i32.const {answer}))
            (core instance $i (instantiate $m))
            (func (export "f{number}") (result u32) (canon lift (core func $i "f"))))"#
    ))?)
}

/// Calls a function; milliseconds.
async fn call(subject: &Subject, function: usize) -> anyhow::Result<f64> {
    let (tenant, number) = (function / FUNCTIONS, function % FUNCTIONS);
    let started = Instant::now();
    let (tenant, name) = (format!("tenant-{tenant}"), format!("f{number}"));
    let answer = subject.invoke_of(&tenant, "dense", &name).await?;
    ensure!(answer == function as u64, "{function} answers {answer}");
    Ok(millis(started.elapsed()))
}

/// Bytes of all files below a folder, as they are allocated.
fn disk(folder: &Path) -> anyhow::Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += match metadata.is_dir() {
            true => disk(&entry.path())?,
            false => metadata.blocks() * 512,
        };
    }
    Ok(bytes)
}
