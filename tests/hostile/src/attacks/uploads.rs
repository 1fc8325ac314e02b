//! Uploads: bombs for the compiler, and files that are no components.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use futures::future::join_all;
use reqwest::Method;

use super::wasm::{doubling, doubling_types, module, nested, wat, with_length, with_section};
use crate::attack::{Attack, Beside, Outcome};
use crate::scene::{LAIR, Scale, Scene};

const LIMIT: &[&str] = &["component-limit"];
const NOT_ONE: &[&str] = &["not-a-component"];
const UNFIT: &[&str] = &["wrong-world"];
const ANY: &[&str] = &["component-limit", "not-a-component", "wrong-world"];
/// Five bytes that say 4 GiB - 1.
const MOST: &[u8] = b"\xff\xff\xff\xff\x0f";

struct Upload {
    name: &'static str,
    kinds: &'static [&'static str],
    wasm: fn() -> Vec<u8>,
}

const fn upload(
    name: &'static str,
    kinds: &'static [&'static str],
    wasm: fn() -> Vec<u8>,
) -> Upload {
    Upload { name, kinds, wasm }
}

/// Refused before anything is compiled, or by a compiler that found nothing to do.
const QUICK: &[Upload] = &[
    upload("instances-that-double", LIMIT, || doubling(23)),
    upload("types-that-double", ANY, || doubling_types(18)),
    upload("functions-200000", LIMIT, || {
        module(&"(func)".repeat(200_000))
    }),
    upload("locals-50000", LIMIT, || {
        module(&format!("(func (local {}))", "i64 ".repeat(50_000)))
    }),
    upload("body-of-5-mib", LIMIT, || {
        module(&format!("(func {})", "nop ".repeat(5 << 20)))
    }),
    upload("imports-20000", LIMIT, || {
        module(&r#"(import "a" "b" (func))"#.repeat(20_000))
    }),
    upload("memories-5000", ANY, || module(&"(memory 1)".repeat(5000))),
    upload("tables-5000", ANY, || {
        module(&"(table 1 funcref)".repeat(5000))
    }),
    upload("nested-20", LIMIT, || nested(20)),
    upload("nested-20000", ANY, || nested(20_000)),
    upload("exports-of-nothing", UNFIT, || wat("(component)")),
    upload("imports-what-nobody-offers", ANY, || {
        wat(r#"(component (import "acme:door/open" (instance (export "open" (func)))))"#)
    }),
    upload("a-core-module", NOT_ONE, || wat("(module)")),
    upload("nothing-at-all", NOT_ONE, Vec::new),
    upload("an-elf-program", NOT_ONE, || {
        b"\x7fELF\x02\x01\x01\0".to_vec()
    }),
    upload("a-shell-script", NOT_ONE, || b"#!/bin/sh\nid\n".to_vec()),
    upload("gzip", NOT_ONE, || b"\x1f\x8b\x08\0\0\0\0\0\0\x03".to_vec()),
    upload("half-a-head", NOT_ONE, || b"\0asm\x0d".to_vec()),
    upload("a-section-of-4-gib", NOT_ONE, || with_length(1, MOST, b"x")),
    upload("a-length-that-never-ends", NOT_ONE, || {
        with_length(1, &[0x80; 64], b"")
    }),
    upload("a-custom-name-of-4-gib", NOT_ONE, || {
        with_length(0, &[5], MOST)
    }),
    upload("types-4-billion", ANY, || with_section(1, MOST)),
    upload("functions-4-billion", ANY, || with_section(3, MOST)),
    upload("elements-4-billion", ANY, || with_section(9, MOST)),
    upload("code-4-billion", ANY, || with_section(10, MOST)),
    upload("data-4-billion", ANY, || with_section(11, MOST)),
];

/// What passes the look at it, and burns in the compiler's process.
const BURNING: &[Upload] = &[
    upload("burning-functions", ANY, || {
        module(&"(func)".repeat(149_000))
    }),
    upload("burning-locals-and-branches", ANY, || {
        let branch =
            |n| format!("(if (i64.eqz (local.get {n})) (then (local.set {n} (i64.const 1))))");
        let branches: String = (0..5000).map(branch).collect();
        module(&format!(
            "(func (local {}) {branches})",
            "i64 ".repeat(5000)
        ))
    }),
    upload("burning-loops", ANY, || {
        let (open, close) = ("loop ".repeat(10_000), "end ".repeat(10_000));
        module(&format!("(func {open} {close})"))
    }),
];

pub(super) fn attacks(scale: Scale) -> Vec<Attack> {
    let burning = match scale {
        Scale::Short => &[],
        Scale::Full => BURNING,
    };
    let mut attacks: Vec<_> = QUICK.iter().map(|of| single(of, Beside::Quiet)).collect();
    attacks.extend(burning.iter().map(|of| single(of, Beside::Noisy)));
    attacks.push(Attack::new(
        "uploads/more-than-32-mib",
        "413 too-large",
        Beside::Quiet,
        move |scene: Arc<Scene>| async move {
            let body = vec![0; (32 << 20) + 1];
            let reply = scene.upload(&scene.mallory, LAIR, "big", body).await?;
            Ok(Outcome::of(reply.is(&["too-large"]), reply.shown()))
        },
    ));
    attacks.push(Attack::new(
        "uploads/all-bombs-at-once",
        "each refused; the node takes less than 64 MiB, and its management answers meanwhile",
        Beside::Noisy,
        all_at_once,
    ));
    attacks
}

fn single(of: &'static Upload, beside: Beside) -> Attack {
    let expected = format!("422 {}", of.kinds.join(" or "));
    let name = format!("uploads/{}", of.name);
    Attack::new(
        name,
        expected,
        beside,
        move |scene: Arc<Scene>| async move {
            let wasm = tokio::task::spawn_blocking(of.wasm).await?;
            let len = wasm.len();
            let name = scene.name("bomb");
            let reply = scene.upload(&scene.mallory, LAIR, &name, wasm).await?;
            let refused = reply.status == 422 && reply.is(of.kinds);
            Ok(Outcome::of(
                refused,
                format!("{len} bytes: {}", reply.shown()),
            ))
        },
    )
}

async fn all_at_once(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    let burning = match scene.scale {
        Scale::Short => &[],
        Scale::Full => BURNING,
    };
    let bombs = QUICK.iter().chain(burning);
    let built = tokio::task::spawn_blocking(|| bombs.map(|of| (of.wasm)()).collect::<Vec<_>>());
    let sent = built.await?.into_iter().map(|wasm| {
        let (scene, name) = (Arc::clone(&scene), scene.name("bomb"));
        async move { scene.upload(&scene.mallory, LAIR, &name, wasm).await }
    });
    let (mut worst, mut done) = (Duration::ZERO, false);
    let bombs = async {
        let replies = join_all(sent).await;
        replies.into_iter().collect::<anyhow::Result<Vec<_>>>()
    };
    let mut bombs = std::pin::pin!(bombs);
    let mut replies = Vec::new();
    while !done {
        let started = Instant::now();
        let listed = scene.admin(&scene.operator, Method::GET, "/tenants");
        tokio::select! {
            ended = &mut bombs => { replies = ended?; done = true; }
            listed = scene.send(listed) => {
                ensure!(listed?.status == 200, "the management does not answer");
                worst = worst.max(started.elapsed());
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    let accepted = replies
        .iter()
        .filter(|reply| !matches!(reply.status, 413 | 422 | 429))
        .count();
    scene.figure(
        "slowest answer of the management beside bombs, ms",
        worst.as_secs_f64() * 1e3,
    );
    Ok(Outcome::of(
        accepted == 0 && worst < Duration::from_secs(2),
        format!(
            "{} sent, {accepted} not refused, management {worst:.0?} at worst",
            replies.len()
        ),
    ))
}
