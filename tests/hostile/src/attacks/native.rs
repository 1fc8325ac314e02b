//! Native code that somebody has changed, and native code that is uploaded.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use serde_json::json;

use super::wasm::{MEMORY, plain};
use crate::attack::{Attack, Beside, Outcome};
use crate::scene::{LAIR, Scale, Scene};

pub(super) fn attacks() -> Vec<Attack> {
    vec![
        Attack::new(
            "native/flipped-bits",
            "each file is refused, compiled again, and its function answers",
            Beside::Elsewhere,
            flipped,
        ),
        Attack::new(
            "native/exchanged-files",
            "the code of another component is refused",
            Beside::Elsewhere,
            exchanged,
        ),
        Attack::new(
            "native/native-code-as-an-upload",
            "422 not-a-component",
            Beside::Quiet,
            uploaded,
        ),
    ]
}

fn files(scene: &Scene, extension: &str) -> anyhow::Result<Vec<PathBuf>> {
    let folder = scene.node.data().join("native");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).context("no folder of native code")? {
        let path = entry?.path();
        if path.extension().is_some_and(|own| own == extension) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// A node of its own with so many components that each answer a number.
async fn with_components(scene: &Scene, count: usize) -> anyhow::Result<Scene> {
    let own = Scene::set(scene.program.clone(), Scale::Short, scene.seed).await?;
    for number in 0..count {
        let module = format!(r#"{MEMORY} (func (export "f") (result i32) i32.const {number})"#);
        let wasm = plain(&module, "(result u32)", "");
        let app = format!("n{number}");
        let up = own.upload(&own.mallory, &app, "f", wasm).await?;
        ensure!(up.status == 201, "{}", up.shown());
    }
    Ok(own)
}

/// How many of the components answer their number.
async fn answering(own: &Scene, count: usize) -> anyhow::Result<usize> {
    let mut right = 0;
    for number in 0..count {
        let path = format!("/apps/n{number}/functions/f/invoke");
        let post = own.admin(&own.mallory.key, reqwest::Method::POST, &path);
        let reply = own.send(post.json(&json!([]))).await?;
        right += usize::from(reply.status == 200 && reply.text.trim() == number.to_string());
    }
    Ok(right)
}

async fn restarted(mut own: Scene) -> anyhow::Result<Scene> {
    let own = tokio::task::spawn_blocking(move || {
        own.node.restart();
        own
    });
    Ok(own.await?)
}

fn refusals(own: &Scene) -> usize {
    own.node.stderr().matches("native code was changed").count()
}

async fn flipped(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let (count, rounds) = (scene.scaled(6, 20), scene.scaled(1, 10));
    let mut own = with_components(&scene, count).await?;
    let (mut flips, mut refused, mut right) = (0, 0, 0);
    for round in 0..rounds {
        own.node.kill();
        for (number, extension) in [(0, "native"), (1, "sig")] {
            let all = files(&own, extension)?;
            // One file of each pair.
            for (at, path) in all.iter().enumerate().filter(|(at, _)| at % 2 == number) {
                flip(path, scene.seed.wrapping_add((round * 1000 + at) as u64))?;
                flips += 1;
            }
        }
        own = restarted(own).await?;
        right += answering(&own, count).await?;
        // The handlers and the victim are among the files as well.
        for tenant in [&own.mallory, &own.eve] {
            own.handle(tenant, "/status").await?;
        }
        let url = own.url(&own.victim, crate::scene::SHOP, "/api/hello");
        own.send(own.http.get(url)).await?;
        refused += refusals(&own);
    }
    Ok(Outcome::of(
        refused == flips && right == count * rounds,
        format!(
            "{flips} files with a flipped bit, {refused} refused, {right} of {} answers right",
            count * rounds
        ),
    ))
}

fn flip(path: &Path, random: u64) -> anyhow::Result<()> {
    let file = File::options().read(true).write(true).open(path)?;
    let len = file.metadata()?.len();
    let mixed = random.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7;
    let (at, bit) = (mixed % len, random % 8);
    let mut byte = [0];
    file.read_exact_at(&mut byte, at)?;
    file.write_all_at(&[byte[0] ^ (1 << bit)], at)?;
    Ok(())
}

async fn exchanged(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let mut own = with_components(&scene, 4).await?;
    own.node.kill();
    for extension in ["native", "sig"] {
        let all = files(&own, extension)?;
        let contents: Vec<_> = all.iter().map(std::fs::read).collect::<Result<_, _>>()?;
        for (at, path) in all.iter().enumerate() {
            // Each under the name of the next, with the signature that belongs to it.
            std::fs::write(path, &contents[(at + 1) % contents.len()])?;
        }
    }
    own = restarted(own).await?;
    let right = answering(&own, 4).await?;
    let refused = refusals(&own);
    Ok(Outcome::of(
        right == 4 && refused >= 4,
        format!("{refused} refused, {right} of 4 answers right"),
    ))
}

async fn uploaded(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let path = files(&scene, "native")?
        .into_iter()
        .next()
        .context("no native code")?;
    let native = std::fs::read(path)?;
    let behind = [b"\0asm\x0d\0\x01\0".to_vec(), native.clone()].concat();
    let mut said = Vec::new();
    for wasm in [native, behind] {
        let reply = scene.upload(&scene.mallory, LAIR, "native", wasm).await?;
        said.push(reply);
    }
    let refused = said.iter().all(|reply| reply.is(&["not-a-component"]));
    Ok(Outcome::of(
        refused,
        said.iter()
            .map(|r| r.shown())
            .collect::<Vec<_>>()
            .join("; "),
    ))
}
