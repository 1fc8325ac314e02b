//! HTTP handlers that misbehave.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Method;
use tokio::time::timeout;

use crate::attack::{Attack, Beside, Outcome};
use crate::scene::{LAIR, Reply, Scene};

const TIMEOUT_MS: u64 = 600;
const MEMORY_MIB: u64 = 64;
/// What a body may come to: 64 MiB and what was on its way.
const BODY_BYTES_MAX: u64 = 66 << 20;
const LOG_BYTES_MAX: usize = 2 << 20;
const STOPPED_MAX: Duration = Duration::from_secs(10);

struct Handler {
    path: &'static str,
    expected: &'static str,
    refused: fn(&Reply) -> bool,
}

const fn handler(
    path: &'static str,
    expected: &'static str,
    refused: fn(&Reply) -> bool,
) -> Handler {
    Handler {
        path,
        expected,
        refused,
    }
}

fn trapped(reply: &Reply) -> bool {
    reply.is(&["function-trapped"])
}

fn late(reply: &Reply) -> bool {
    reply.is(&["function-timeout"]) && reply.took < STOPPED_MAX
}

const HANDLERS: &[Handler] = &[
    handler("/spin", "504 at the deadline", late),
    handler("/sleep", "504 at the deadline", late),
    handler("/grow", "502: the memory is bounded", trapped),
    handler("/recurse?100000000", "502: the stack is bounded", trapped),
    handler("/abort", "502", trapped),
    handler("/exit", "502", trapped),
    handler("/silent", "502: nobody answers", trapped),
    handler("/fields?200000", "502: handles are bounded", trapped),
    handler("/pollables?200000", "502: handles are bounded", trapped),
    handler("/random?1073741824", "502: one call gives 64 KiB", trapped),
    handler(
        "/random-insecure?1073741824",
        "502: one call gives 64 KiB",
        trapped,
    ),
    handler(
        "/header-value?10000000",
        "the host refuses the value",
        |reply| trapped(reply) || reply.text.contains("Err"),
    ),
    handler(
        "/header-count?1000000",
        "the host refuses the set past 32 KiB",
        |reply| {
            let count = reply.text.split(' ').next().and_then(|n| n.parse().ok());
            trapped(reply) || count.is_some_and(|count: u32| count < 5000)
        },
    ),
    handler("/header-names", "none is taken", |reply| {
        reply.text == "taken []"
    }),
    handler("/status", "none is taken", |reply| {
        reply.text == "[false, false, false, false]" || trapped(reply)
    }),
    handler("/surroundings", "nothing is seen", |reply| {
        reply.text == "seen []"
    }),
    handler(
        "/unended-line?50000",
        "the log is bounded, the guest goes on or is stopped",
        |reply| reply.text == "printed" || trapped(reply) || late(reply),
    ),
];

pub(super) fn attacks() -> Vec<Attack> {
    let mut attacks: Vec<_> = HANDLERS.iter().map(single).collect();
    for (path, expected) in [
        (
            "/endless",
            "the body ends broken at 64 MiB or at the deadline",
        ),
        ("/trickle", "the body ends broken at the deadline"),
        ("/stall", "the body ends broken at the deadline"),
        ("/open", "the body ends, and its instance is gone"),
        ("/trailers?100000", "the trailers are refused or bounded"),
        ("/answer-twice", "one answer at most"),
    ] {
        attacks.push(broken(path, expected));
    }
    attacks.push(Attack::new(
        "handlers/log-flood",
        "less than 2 MiB of log are kept, no control character among them",
        Beside::Noisy,
        log_flood,
    ));
    attacks.push(Attack::new(
        "handlers/deadline",
        "a loop is stopped 20 ms after its deadline at the latest",
        Beside::Noisy,
        deadline,
    ));
    attacks.push(Attack::new(
        "handlers/residue",
        "another tenant's memory holds nothing but zeros",
        Beside::Quiet,
        residue,
    ));
    attacks
}

fn single(of: &'static Handler) -> Attack {
    let name = format!("handlers{}", of.path.split('?').next().unwrap_or_default());
    Attack::new(
        name,
        of.expected,
        Beside::Quiet,
        move |scene: Arc<Scene>| async move {
            scene.limit_handler(TIMEOUT_MS, MEMORY_MIB).await?;
            let reply = scene.handle(&scene.mallory, of.path).await?;
            let happened = format!("{} after {:.0?}", reply.shown(), reply.took);
            Ok(Outcome::of((of.refused)(&reply), happened))
        },
    )
}

/// A response whose head comes and whose body may not go on for ever.
fn broken(path: &'static str, expected: &'static str) -> Attack {
    let name = format!("handlers{}", path.split('?').next().unwrap_or_default());
    Attack::new(
        name,
        expected,
        Beside::Quiet,
        move |scene: Arc<Scene>| async move {
            scene.limit_handler(TIMEOUT_MS, MEMORY_MIB).await?;
            let url = scene.url(&scene.mallory, LAIR, &format!("/api{path}"));
            let started = Instant::now();
            let mut response = scene.http.get(url).send().await?;
            let status = response.status();
            let (mut bytes, mut whole) = (0, true);
            loop {
                match response.chunk().await {
                    Ok(Some(chunk)) => bytes += chunk.len() as u64,
                    Ok(None) => break,
                    Err(_) => {
                        whole = false;
                        break;
                    }
                }
                if bytes > BODY_BYTES_MAX || started.elapsed() > Duration::from_secs(70) {
                    break;
                }
            }
            let took = started.elapsed();
            drop(response);
            let left = scene
                .settles("weft_live_instances", 0.0, Duration::from_secs(5))
                .await?;
            let bounded = bytes <= BODY_BYTES_MAX && took < Duration::from_secs(70);
            let end = if whole { "whole" } else { "broken" };
            Ok(Outcome::of(
                bounded && left == 0.0,
                format!("{status}, {bytes} bytes, {end} after {took:.0?}, {left} instances left"),
            ))
        },
    )
}

async fn log_flood(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    scene.limit_handler(30_000, MEMORY_MIB).await?;
    // Each line has about a kilobyte, and goes to stdout and to stderr.
    let lines = scene.scaled(20_000, 250_000);
    let path = format!("/print?{lines}");
    let floods = (0..2).map(|_| scene.handle(&scene.mallory, &path));
    join_all(floods).await;
    let get = format!("/apps/{LAIR}/logs?limit=1000");
    let logs = scene.admin(&scene.mallory.key, Method::GET, &get);
    let logs = scene.send(logs).await?;
    // Line ends of the answer itself are none of the guest's.
    let control = |c: char| c.is_control() && c != '\n';
    let escaped = ["\\u001b", "\\u0007", "\\r", "\\b"];
    let clean = !logs.text.contains(control) && !escaped.iter().any(|e| logs.text.contains(e));
    Ok(Outcome::of(
        logs.status == 200 && logs.text.len() < LOG_BYTES_MAX && clean,
        format!(
            "{lines} lines of 1 KiB, twice: {} bytes kept, clean: {clean}",
            logs.text.len()
        ),
    ))
}

async fn deadline(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    scene.limit_handler(TIMEOUT_MS, MEMORY_MIB).await?;
    // What a call costs beside its loop.
    let quick = scene.handle(&scene.mallory, "/status").await?;
    let mut late: Vec<f64> = Vec::new();
    for _ in 0..scene.scaled(3, 10) {
        let reply = timeout(STOPPED_MAX, scene.handle(&scene.mallory, "/spin")).await;
        let Ok(reply) = reply else {
            return Ok(Outcome::Through(format!(
                "it goes on after {STOPPED_MAX:?}"
            )));
        };
        let reply = reply?;
        if !reply.is(&["function-timeout"]) {
            return Ok(Outcome::Through(reply.shown()));
        }
        late.push(reply.took.as_secs_f64() * 1e3 - TIMEOUT_MS as f64);
    }
    late.sort_by(f64::total_cmp);
    let (median, worst) = (late[late.len() / 2], late[late.len() - 1]);
    scene.figure("runaway stopped after its deadline, ms, median", median);
    scene.figure("runaway stopped after its deadline, ms, worst", worst);
    // A busy machine may hold up one of them.
    Ok(Outcome::of(
        median <= 20.0,
        format!(
            "{median:.1} ms after it, {worst:.1} at worst; a call takes {:.1?}",
            quick.took
        ),
    ))
}

async fn residue(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    scene.limit_handler(10_000, MEMORY_MIB).await?;
    let rounds = scene.scaled(10, 100);
    let mut found = 0;
    for _ in 0..rounds {
        let left = scene.handle(&scene.mallory, "/leave?25165824").await?;
        let looked = scene.handle(&scene.eve, "/look?16777216").await?;
        if left.status != 200 || looked.status != 200 {
            return Ok(Outcome::Through(format!(
                "{} / {}",
                left.shown(),
                looked.shown()
            )));
        }
        found += usize::from(looked.text != "0 found");
    }
    Ok(Outcome::of(
        found == 0,
        format!("{found} of {rounds} memories held something"),
    ))
}
