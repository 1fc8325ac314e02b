//! Components that nobody has written: valid modules by chance, and real components with damage.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use futures::future::join_all;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::json;
use weft_testkit::guests::{component, guest, program};

use super::wasm::around;
use crate::attack::{Attack, Beside, Outcome};
use crate::scene::{LAIR, Scene};

const AT_ONCE: usize = 4;

pub(super) fn attacks(seed: u64) -> Vec<Attack> {
    vec![
        Attack::new(
            "generated/modules-by-chance",
            "each is refused with 4xx, or its call ends within its limits",
            Beside::Noisy,
            move |scene: Arc<Scene>| async move {
                let count = scene.scaled(40, 400);
                by_chance(&scene, seed, count).await
            },
        ),
        Attack::new(
            "generated/damaged-components",
            "each is refused with 4xx, or is one",
            Beside::Noisy,
            move |scene: Arc<Scene>| async move {
                let count = scene.scaled(60, 1000);
                damaged(&scene, seed, count).await
            },
        ),
    ]
}

/// Plain components around modules that chance has made, one for each seed that gives one.
fn chance(seed: u64, count: usize) -> anyhow::Result<Vec<(u64, Vec<u8>)>> {
    let smith = Command::new(program("tests/smith", "weft-smith"))
        .args([seed.to_string(), count.to_string()])
        .output()?;
    ensure!(
        smith.status.success(),
        "{}",
        String::from_utf8_lossy(&smith.stderr)
    );
    let lines = std::str::from_utf8(&smith.stdout)?.lines();
    lines
        .map(|line| {
            let (seed, digits) = line.split_once(' ').context("a seed and a module")?;
            let byte = |at| u8::from_str_radix(digits.get(at..at + 2).unwrap_or_default(), 16);
            let module: Vec<u8> = (0..digits.len())
                .step_by(2)
                .map(byte)
                .collect::<Result<_, _>>()?;
            Ok((seed.parse()?, around(&module)))
        })
        .collect()
}

#[derive(Default)]
struct Tally {
    refused: usize,
    run: usize,
    stopped: usize,
    through: Vec<String>,
}

impl Tally {
    fn outcome(self, what: &str) -> Outcome {
        let Self {
            refused,
            run,
            stopped,
            through,
        } = self;
        Outcome::of(
            through.is_empty() && refused + run + stopped > 0,
            format!("{what}: {refused} refused, {run} ran, {stopped} were stopped; {through:?}"),
        )
    }
}

async fn by_chance(scene: &Scene, seed: u64, count: usize) -> anyhow::Result<Outcome> {
    let mut tally = Tally::default();
    let made = tokio::task::spawn_blocking(move || chance(seed, count)).await??;
    for (seed, wasm) in made {
        let up = scene.upload(&scene.mallory, LAIR, "chance", wasm).await?;
        match up.status {
            201 => {}
            400..500 => {
                tally.refused += 1;
                continue;
            }
            _ => {
                tally.through.push(format!("seed {seed}: {}", up.shown()));
                continue;
            }
        }
        let limits = json!({"limits": {"timeout_ms": 200, "memory_mib": 32}});
        scene.settings(&scene.mallory, LAIR, "f", &limits).await?;
        let input = json!([seed % 100, 7, 1.5, -2.5]).to_string();
        let reply = scene.invoke(&scene.mallory, "f", input).await?;
        let known = ["function-trapped", "function-timeout", "function-failed"];
        if reply.status == 200 {
            tally.run += 1;
        } else if reply.is(&known) && reply.took < Duration::from_secs(5) {
            tally.stopped += 1;
        } else {
            tally
                .through
                .push(format!("seed {seed}: {}", reply.shown()));
        }
    }
    Ok(tally.outcome("modules"))
}

/// The component with some of its bytes changed, exchanged, left out or repeated.
fn damage(wasm: &[u8], seed: u64) -> Vec<u8> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut wasm = wasm.to_vec();
    for _ in 0..rng.random_range(1..6) {
        let at = rng.random_range(0..wasm.len());
        let len = rng
            .random_range(1..64.min(wasm.len() - at).max(2))
            .min(wasm.len() - at);
        match rng.random_range(0..5) {
            0 => wasm[at] ^= 1 << rng.random_range(0..8),
            1 => wasm[at] = rng.random(),
            2 => {
                wasm.drain(at..at + len);
            }
            3 => {
                let part = wasm[at..at + len].to_vec();
                let to = rng.random_range(0..wasm.len());
                wasm.splice(to..to, part);
            }
            _ => wasm.truncate(at.max(8)),
        }
        if wasm.len() < 16 {
            break;
        }
    }
    wasm
}

async fn damaged(scene: &Scene, seed: u64, count: usize) -> anyhow::Result<Outcome> {
    let whole = tokio::task::spawn_blocking(|| {
        [
            component("samples/rust/hello-http", "hello_http"),
            guest("guest_flow"),
            guest("guest_plain"),
        ]
    });
    let whole = whole.await?;
    let mut tally = Tally::default();
    let numbers: Vec<usize> = (0..count).collect();
    for portion in numbers.chunks(AT_ONCE) {
        let uploads = portion.iter().map(|number| {
            let wasm = damage(
                &whole[number % whole.len()],
                seed.wrapping_add(*number as u64),
            );
            async move { scene.upload(&scene.mallory, LAIR, "damaged", wasm).await }
        });
        for (number, up) in portion.iter().zip(join_all(uploads).await) {
            match up?.status {
                201 => tally.run += 1,
                400..500 => tally.refused += 1,
                status => tally.through.push(format!("number {number}: {status}")),
            }
        }
    }
    Ok(tally.outcome("components"))
}
