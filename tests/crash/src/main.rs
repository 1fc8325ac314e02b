//! `cargo xtask crash`: does to a node what may happen to it, and judges it from outside.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, ValueEnum};
use weft_crash::faults::{Base, clock, disk, io_error, kills, pause, syscalls};
use weft_crash::plant::{self, Plant};
use weft_crash::power::{self, Syncs};
use weft_crash::report::Report;
use weft_testkit::node::weft_binary;

#[derive(Parser)]
#[command(
    name = "weft-crash",
    about = "Prove that a node loses and repeats nothing"
)]
struct Args {
    /// How often the node is killed at random instants
    #[arg(long, default_value_t = 500)]
    kills: u32,
    /// Of all writes and fsyncs, kill at every n-th
    #[arg(long, default_value_t = 1)]
    every: usize,
    /// How many seeds of simulated power cuts are run, from the seed on
    #[arg(long, default_value_t = 500)]
    power_seeds: u64,
    /// Do this only; may be repeated
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Put in a bug and see that it is found: success is to have caught it
    #[arg(long, value_enum, conflicts_with = "only")]
    plant: Option<Plant>,
    /// What chance follows; a random one where absent
    #[arg(long)]
    seed: Option<u64>,
    /// Instances that are open at one time
    #[arg(long, default_value_t = 24)]
    open: usize,
    /// The `weft` program; built where absent
    #[arg(long, value_name = "PATH")]
    weft: Option<PathBuf>,
    /// Write the figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// SIGKILL at random instants
    Kills,
    /// SIGKILL at every write and fsync of a reference workflow; needs strace
    Syscalls,
    /// SIGSTOP for longer than a lease, and SIGCONT
    Pause,
    /// No space left, on a small tmpfs; needs the right to mount, or strace
    Disk,
    /// EIO for an fsync; needs strace
    IoError,
    /// The clock is wrong by a year from one start to the next
    Clock,
    /// Power cuts in simulation
    Power,
}

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let seed = args.seed.unwrap_or_else(rand::random);
    eprintln!("seed {seed}");
    if let Some(plant) = args.plant {
        return caught(plant, seed).await;
    }
    let binary = args.weft.unwrap_or_else(|| weft_binary().to_owned());
    let mut report = Report {
        seed,
        ..Report::default()
    };
    let base = Base {
        binary,
        env: Vec::new(),
        seed,
        open: args.open,
        patience: Duration::from_secs(60),
    };
    let parts = Part::value_variants().iter();
    for part in parts.filter(|part| args.only.is_empty() || args.only.contains(part)) {
        let section = match part {
            Part::Kills => kills::run(&base, args.kills).await?,
            Part::Syscalls => syscalls::run(&base, args.every.max(1)).await?,
            Part::Pause => pause::run(&base, 2).await?,
            Part::Disk => disk::run(&base, 3).await?,
            Part::IoError => io_error::run(&base, 10).await?,
            Part::Clock => {
                let binary = plant::rigged_binary();
                clock::run(&Base {
                    binary,
                    ..base.clone()
                })
                .await?
            }
            Part::Power => power::run(seed, args.power_seeds, Syncs::Kept).await?,
        };
        Report::print(&section);
        report.sections.push(section);
    }
    if let Some(path) = args.json {
        report.write(&path)?;
    }
    Ok(match report.violations() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Success is to have found the bug.
async fn caught(plant: Plant, seed: u64) -> anyhow::Result<ExitCode> {
    let section = plant::hunt(plant, plant::rigged_binary(), seed).await?;
    Report::print(&section);
    if section.violations.is_empty() {
        println!("{} was NOT caught", plant.name());
        Ok(ExitCode::FAILURE)
    } else {
        println!("{} was caught", plant.name());
        Ok(ExitCode::SUCCESS)
    }
}
