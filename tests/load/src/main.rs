//! Measures a real node, release build, from outside and the sandbox from within.
//!
//! Each question is a module of [`question`]. Servers that are compared run at the same time and
//! take turns in short rounds, so that a slow moment of the machine hits all of them; a figure is
//! the median of its rounds, beside the least and the greatest.

mod drive;
mod node;
mod question;
mod report;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand, ValueEnum};

use question::Plan;
use report::Report;

#[derive(Parser)]
#[command(
    name = "weft-load",
    about = "Measure HTTP functions and orchestrations"
)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Length of one round
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Rounds of each figure
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Measure this only; may be repeated
    #[arg(long, value_enum)]
    only: Vec<Question>,
    /// Of the orchestrations, only those whose name contains this, such as "sequence"
    #[arg(long)]
    workload: Option<String>,
    /// Of the density, how many tenants there are, with ten functions each
    #[arg(long, default_value_t = 1000)]
    tenants: usize,
    /// A `wasmtime` program, to measure `wasmtime serve` as well
    #[arg(long)]
    wasmtime: Option<PathBuf>,
    /// A Python that has the Durable Task SDK, to measure its worker as well
    #[arg(long)]
    python: Option<PathBuf>,
    /// Write the figures to this file
    #[arg(long)]
    json: Option<PathBuf>,
    /// Show how the figures differ from those in this file
    #[arg(long)]
    compare: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// The bare server that functions are compared with; ends when its stdin does
    #[command(hide = true)]
    Bare,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Question {
    /// Requests per second of the smallest function, beside a server without any
    Hello,
    /// Instantiating and calling, without a network
    Call,
    /// The first request to a function that is not loaded
    Cold,
    /// Orchestrations per second, latencies, and commits of a step
    Steps,
    /// A thousand orchestrations at once, and ten thousand steps of one
    Scale,
    /// What a parked orchestration takes
    Memory,
    /// A kill with ten thousand open instances, and a hundred thousand that wait
    Recovery,
    /// A million orchestrations: listing, purging; and code over a history
    Manage,
    /// Orchestrations whose code runs in a worker over gRPC
    Workers,
    /// Signals, calls and locks of one entity and of a thousand
    Entities,
    /// Expressions, actions and loops of workflows, and a step of one beside one of a component
    Workflows,
    /// The same sample in every language: building, size, calls, steps, memory
    Languages,
    /// Ten thousand functions of a thousand tenants: starting, idling, first calls; takes minutes
    Density,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    if let Some(Command::Bare) = args.command {
        return question::hello::serve_bare().await;
    }
    if cfg!(debug_assertions) {
        eprintln!(
            "This is a debug build: its figures say nothing. `cargo xtask bench` takes a release build."
        );
    }
    let before = args.compare.as_deref().map(Report::read).transpose()?;
    let plan = Plan {
        round: Duration::try_from_secs_f64(args.seconds)?,
        rounds: args.rounds.max(1),
    };
    let mut report = Report::default();
    let all = Question::value_variants();
    for question in all
        .iter()
        // The tools of five languages are needed only where they are asked for, and so is patience.
        .filter(|q| match args.only.is_empty() {
            true => !matches!(q, Question::Languages | Question::Density),
            false => args.only.contains(q),
        })
    {
        match question {
            Question::Hello => {
                question::hello::measure(plan, args.wasmtime.as_deref(), &mut report).await?;
            }
            Question::Call => question::call::measure(plan, &mut report).await?,
            Question::Cold => question::cold::measure(&mut report).await?,
            Question::Steps => {
                question::steps::measure(plan, args.workload.as_deref(), &mut report).await?;
            }
            Question::Scale => question::scale::measure(&mut report).await?,
            Question::Memory => question::memory::measure(&mut report).await?,
            Question::Recovery => question::recovery::measure(&mut report).await?,
            Question::Manage => question::manage::measure(&mut report).await?,
            Question::Workers => {
                question::workers::measure(plan, args.python.as_deref(), &mut report).await?;
            }
            Question::Entities => question::entities::measure(plan, &mut report).await?,
            Question::Workflows => question::workflows::measure(plan, &mut report).await?,
            Question::Languages => question::languages::measure(&mut report).await?,
            Question::Density => question::density::measure(args.tenants, &mut report).await?,
        }
    }
    if let Some(before) = before {
        report.compare(&before);
    }
    if let Some(path) = args.json {
        report.write(&path)?;
    }
    Ok(())
}
