//! `cargo xtask crash`: does to a node what may happen to it, and judges it from outside.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use weft_crash::faults::kills;
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

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    let binary = args.weft.unwrap_or_else(|| weft_binary().to_owned());
    let seed = args.seed.unwrap_or_else(rand::random);
    eprintln!("seed {seed}");
    let mut report = Report {
        seed,
        ..Report::default()
    };
    let plan = kills::Plan {
        binary,
        env: Vec::new(),
        kills: args.kills,
        seed,
        open: args.open,
    };
    let section = kills::run(&plan).await?;
    Report::print(&section);
    report.sections.push(section);
    if let Some(path) = args.json {
        report.write(&path)?;
    }
    Ok(match report.violations() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}
