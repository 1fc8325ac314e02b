//! How many orchestrations per second, how long does one take, and how many commits does a step
//! cost?
//!
//! One request starts an orchestration and is answered at its end: what a caller waits for. A step
//! is an activity called and its result taken.

use std::time::Duration;

use super::{Plan, millis};
use crate::drive::{Request, Sample, Until, drive};
use crate::node::Subject;
use crate::report::{Aim, Figure, Report};

const CLIENTS: [usize; 2] = [1, 64];
const WARM_UP: Duration = Duration::from_millis(500);

struct Workload {
    name: &'static str,
    orchestrator: &'static str,
    steps: u32,
}

const WORKLOADS: [Workload; 3] = [
    Workload {
        name: "1 activity",
        orchestrator: "sequence",
        steps: 1,
    },
    Workload {
        name: "10 in sequence",
        orchestrator: "sequence",
        steps: 10,
    },
    Workload {
        name: "100 in parallel",
        orchestrator: "parallel",
        steps: 100,
    },
];

#[derive(Default)]
struct Rounds {
    samples: Vec<Sample>,
    commits_per_step: Vec<f64>,
    /// Microseconds.
    processor_per_step: Vec<f64>,
}

/// `only` is a part of the name of what is wanted.
pub(crate) async fn measure(
    plan: Plan,
    only: Option<&str>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let subject = Subject::start();
    subject.orchestrations().await?;
    let wanted: Vec<&Workload> = WORKLOADS
        .iter()
        .filter(|workload| only.is_none_or(|part| workload.name.contains(part)))
        .collect();
    for clients in CLIENTS {
        let mut requests = Vec::new();
        for workload in &wanted {
            let request = subject.run(workload.orchestrator, workload.steps)?;
            drive(&request, clients, Until::Passed(WARM_UP)).await?;
            requests.push((request, Rounds::default()));
        }
        for _ in 0..plan.rounds {
            for ((request, rounds), workload) in requests.iter_mut().zip(&wanted) {
                round(&subject, request, clients, plan, workload, rounds).await?;
            }
        }
        for ((_, rounds), workload) in requests.iter().zip(&wanted) {
            let question = format!("Orchestrations with {}, {clients} clients", workload.name);
            report.add(&question, figures(workload, clients, rounds));
        }
    }
    Ok(())
}

async fn round(
    subject: &Subject,
    request: &Request,
    clients: usize,
    plan: Plan,
    workload: &Workload,
    rounds: &mut Rounds,
) -> anyhow::Result<()> {
    let before = subject.metric("weft_store_commits_total").await?;
    let processor = subject.processor_seconds()?;
    let sample = drive(request, clients, Until::Passed(plan.round)).await?;
    let commits = subject.metric("weft_store_commits_total").await? - before;
    let steps = sample.latencies.len() as f64 * f64::from(workload.steps);
    rounds.commits_per_step.push(commits / steps);
    let processor = subject.processor_seconds()? - processor;
    rounds.processor_per_step.push(processor / steps * 1e6);
    rounds.samples.push(sample);
    Ok(())
}

fn figures(workload: &Workload, clients: usize, rounds: &Rounds) -> Vec<Figure> {
    let name = |what: &str| format!("{}, {clients} clients, {what}", workload.name);
    let each = |of: &dyn Fn(&Sample) -> f64| rounds.samples.iter().map(of).collect::<Vec<f64>>();
    let per_second = each(&Sample::per_second);
    let steps: Vec<f64> = per_second
        .iter()
        .map(|rate| rate * f64::from(workload.steps))
        .collect();
    let mut p50 = Figure::of(name("p50"), "ms", each(&|s| millis(s.quantile(0.5))));
    let mut steps = Figure::of(name("steps"), "/s", steps);
    match (workload.name, clients) {
        ("10 in sequence", 1) => p50 = p50.aiming(Aim::AtMost(2.5)),
        ("10 in sequence", _) => steps = steps.aiming(Aim::AtLeast(36_000.0)),
        ("100 in parallel", 1) => p50 = p50.aiming(Aim::AtMost(10.0)),
        _ => {}
    }
    vec![
        Figure::of(name("orchestrations"), "/s", per_second),
        steps,
        p50,
        Figure::of(name("p99"), "ms", each(&|s| millis(s.quantile(0.99)))),
        Figure::of(
            name("commits of a step"),
            "",
            rounds.commits_per_step.clone(),
        ),
        Figure::of(
            name("processor time of a step"),
            "us",
            rounds.processor_per_step.clone(),
        ),
    ]
}
