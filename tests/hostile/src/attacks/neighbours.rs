//! Neighbours that take all they can get, for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures::future::join_all;
use reqwest::Method;

use crate::attack::{Attack, Beside, Outcome};
use crate::scene::{LAIR, Reply, Scene};

pub(super) fn attacks() -> Vec<Attack> {
    let mut attacks = Vec::new();
    for (name, path, at_once, beside) in [
        ("one-spinner-on-one-processor", "/spin", 1, Beside::Pinned),
        ("8-spinners-on-one-processor", "/spin", 8, Beside::Pinned),
        ("32-spinners", "/spin", 32, Beside::Noisy),
        ("200-growers", "/grow", 200, Beside::Noisy),
        ("64-floods-of-logs", "/print?2000", 64, Beside::Noisy),
        ("200-sleepers", "/sleep", 200, Beside::Noisy),
        ("64-quick-callers", "/status", 64, Beside::Noisy),
    ] {
        attacks.push(Attack::new(
            format!("neighbours/{name}"),
            "each call has its own answer; management answers, no instance stays",
            beside,
            move |scene: Arc<Scene>| crowd(scene, path, at_once),
        ));
    }
    attacks.push(Attack::new(
        "neighbours/64-endless-responses",
        "they end at their bounds; no instance stays",
        Beside::Noisy,
        readers,
    ));
    attacks.push(Attack::new(
        "neighbours/all-places-of-one-tenant",
        "429 for the attacker beyond its share; the victim and management are served",
        Beside::Noisy,
        places,
    ));
    attacks
}

/// So many callers for a while, each asking again as soon as it is answered.
async fn crowd(scene: Arc<Scene>, path: &'static str, at_once: usize) -> anyhow::Result<Outcome> {
    scene.limit_handler(400, 64).await?;
    let until = Instant::now() + scene.stretch();
    let (answered, other) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let callers = (0..at_once).map(|_| async {
        while Instant::now() < until {
            let reply = scene.handle(&scene.mallory, path).await;
            match reply.is_ok_and(|reply| expected(&reply)) {
                true => answered.fetch_add(1, Ordering::Relaxed),
                false => other.fetch_add(1, Ordering::Relaxed),
            };
        }
    });
    let manage = async {
        let mut worst = Duration::ZERO;
        while Instant::now() < until {
            let started = Instant::now();
            let list = scene.admin(&scene.operator, Method::GET, "/tenants");
            if !scene
                .send(list)
                .await
                .is_ok_and(|reply| reply.status == 200)
            {
                return None;
            }
            worst = worst.max(started.elapsed());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Some(worst)
    };
    let (_, worst) = futures::join!(join_all(callers), manage);
    let left = scene
        .settles("weft_live_instances", 0.0, Duration::from_secs(10))
        .await?;
    let (answered, other) = (answered.into_inner(), other.into_inner());
    Ok(Outcome::of(
        other == 0 && left == 0.0 && worst.is_some(),
        format!(
            "{answered} calls answered, {other} otherwise, management {:.0?} at worst, \
             {left} instances left",
            worst.unwrap_or_default()
        ),
    ))
}

/// What the platform says of a call that misbehaves, or that there are too many of.
fn expected(reply: &Reply) -> bool {
    reply.status == 200
        || reply.is(&[
            "function-trapped",
            "function-timeout",
            "busy",
            "unavailable",
        ])
}

async fn readers(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    scene.limit_handler(3000, 64).await?;
    let url = scene.url(&scene.mallory, LAIR, "/api/endless");
    let bytes = AtomicUsize::new(0);
    let reading = (0..64).map(|_| async {
        let Ok(mut response) = scene.http.get(&url).send().await else {
            return;
        };
        while let Ok(Some(chunk)) = response.chunk().await {
            bytes.fetch_add(chunk.len(), Ordering::Relaxed);
        }
    });
    let started = Instant::now();
    join_all(reading).await;
    let took = started.elapsed();
    let left = scene
        .settles("weft_live_instances", 0.0, Duration::from_secs(10))
        .await?;
    let mib = bytes.into_inner() >> 20;
    Ok(Outcome::of(
        left == 0.0 && took < Duration::from_secs(60),
        format!("{mib} MiB in {took:.1?}, {left} instances left"),
    ))
}

async fn places(scene: Arc<Scene>) -> anyhow::Result<Outcome> {
    scene.limit_handler(4000, 64).await?;
    let callers = (0..700).map(|_| scene.handle(&scene.mallory, "/sleep"));
    let replies = join_all(callers).await;
    let kinds = |kind: &str| {
        let of = replies.iter().flatten().filter(|reply| reply.kind == kind);
        of.count()
    };
    let (late, busy) = (kinds("function-timeout"), kinds("busy"));
    let left = scene
        .settles("weft_live_instances", 0.0, Duration::from_secs(10))
        .await?;
    Ok(Outcome::of(
        busy > 0 && late + busy == replies.len() && left == 0.0,
        format!("{late} ran until their deadline, {busy} were refused, {left} instances left"),
    ))
}
