//! Runs attacks one after another beside a victim, and judges each.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::time::{Instant, sleep, timeout};
use weft_testkit::node::Program;

use crate::attack::{Attack, Beside, Outcome};
use crate::attacks;
use crate::report::{Aims, Report, Row};
use crate::scene::{SHOP, Scale, Scene};
use crate::victim::{Service, Victim};
use crate::watch::{Peak, Pinned, resident};

/// An attack that is not over by then hangs.
const ATTACK_MAX: Duration = Duration::from_secs(600);
/// Given to the node to put away what it holds, before memory is read.
const SETTLE: Duration = Duration::from_millis(300);
const PANIC: &str = "panicked at";

/// What is run, and how it is judged.
pub struct Options {
    pub program: Program,
    pub scale: Scale,
    pub seed: u64,
    pub aims: Aims,
    /// Attacks whose name contains one of these; all where there are none.
    pub only: Vec<String>,
}

/// The names of all attacks with what is expected of each.
#[must_use]
pub fn list(options: &Options) -> Vec<(String, String)> {
    let chosen = chosen(options).into_iter();
    chosen
        .map(|attack| (attack.name, attack.expected))
        .collect()
}

fn chosen(options: &Options) -> Vec<Attack> {
    let wanted = |attack: &Attack| {
        let only = &options.only;
        only.is_empty() || only.iter().any(|part| attack.name.contains(part.as_str()))
    };
    let all = attacks::all(options.seed, options.scale);
    all.into_iter().filter(wanted).collect()
}

/// # Errors
/// When the node cannot be started, or is gone.
pub async fn run(options: &Options) -> anyhow::Result<Report> {
    let scene = Scene::set(options.program.clone(), options.scale, options.seed);
    let scene = Arc::new(scene.await?);
    let pid = scene.node.pid();
    let url = scene.url(&scene.victim, SHOP, "/api/hello");
    let victim = Victim::open(scene.http.clone(), url);
    sleep(Duration::from_millis(500)).await;
    let alone = baseline(&victim, &scene).await;
    println!(
        "the victim alone: p99 {:.1} ms, {:.0} % of {} visits answered",
        alone.p99_ms,
        alone.answered * 100.0,
        alone.visits
    );
    let at_first = resident(pid)?;
    let mut report = Report {
        seed: options.seed,
        ..Report::default()
    };
    for attack in chosen(options) {
        let row = one(&attack, &scene, &victim, alone, options).await;
        let row = row.with_context(|| format!("the node did not survive {}", attack.name))?;
        row.print();
        report.rows.push(row);
    }
    sleep(3 * SETTLE).await;
    let kept = mib(resident(pid)?) - mib(at_first);
    report.figures = scene.figures();
    report
        .figures
        .insert("RSS growth over all attacks, MiB".to_owned(), kept);
    if kept > options.aims.rss_kept_mib {
        let most = options.aims.rss_kept_mib;
        let what =
            format!("the node has grown by {kept:.0} MiB over all attacks, {most:.0} are allowed");
        report.missed.push(what);
    }
    Ok(report)
}

async fn baseline(victim: &Victim, scene: &Scene) -> Service {
    let from = Instant::now();
    sleep(scene.stretch()).await;
    victim.since(from).await
}

async fn one(
    attack: &Attack,
    scene: &Arc<Scene>,
    victim: &Victim,
    alone: Service,
    options: &Options,
) -> anyhow::Result<Row> {
    let pid = scene.node.pid();
    let pinned = match attack.beside {
        Beside::Pinned => Some(Pinned::new(pid)?),
        Beside::Quiet | Beside::Noisy | Beside::Elsewhere => None,
    };
    let alone = match pinned {
        Some(_) => baseline(victim, scene).await,
        None => alone,
    };
    let panics = panics(scene);
    let before = resident(pid)?;
    let peak = Peak::of(pid);
    let started = Instant::now();
    let outcome = timeout(ATTACK_MAX, (attack.run)(Arc::clone(scene))).await;
    let took = started.elapsed();
    let mut outcome = match outcome {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => Outcome::Through(format!("no proper answer: {error:#}")),
        Err(_) => Outcome::Through("it never ended".to_owned()),
    };
    let seen = victim.since(started).await;
    drop(pinned);
    sleep(SETTLE).await;
    // Where the process is gone, this fails.
    let after = resident(pid)?;
    if self::panics(scene) > panics {
        outcome = Outcome::Through("the node's code has panicked".to_owned());
    }
    let (refused, happened) = match outcome {
        Outcome::Refused(happened) => (true, happened),
        Outcome::Through(happened) => (false, happened),
    };
    let mut row = Row {
        name: attack.name.clone(),
        expected: attack.expected.clone(),
        happened,
        refused,
        missed: Vec::new(),
        took_ms: took.as_secs_f64() * 1e3,
        rss_peak_mib: mib(peak.bytes().max(before)) - mib(before),
        rss_kept_mib: mib(after) - mib(before),
        victim_p99_ms: None,
        baseline_p99_ms: None,
        victim_answered: None,
    };
    row.judge(attack.beside, alone, seen, &options.aims);
    Ok(row)
}

fn panics(scene: &Scene) -> usize {
    scene.node.stderr().matches(PANIC).count()
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
